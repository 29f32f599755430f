//! One measurement.

#![expect(unsafe_code, reason = "loads images and looks at their memory")]

use std::fmt;
use std::fs::File;
use std::hint::black_box;
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, Result, bail, ensure};
use kflat_image::abi::image::Fragment;
use kflat_image::load::{Loaded, Options};
use rustix::time::{ClockId, clock_gettime};

use super::plain;

/// What the linked images are linked for.
pub(crate) const BASE: u64 = 0x6b00_0000_0000;

/// How to load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Way {
    Plain,
    Mapped,
    Fragments,
    Prelinked,
}

impl Way {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Mapped => "mapped",
            Self::Fragments => "fragments",
            Self::Prelinked => "prelinked",
        }
    }
}

/// What it took.
pub(crate) struct Measured {
    /// Until it was loaded.
    pub(crate) load_ns: u64,
    /// Until it was loaded and used.
    pub(crate) use_ns: u64,
    /// What the process's memory grew by at most until it was loaded.
    pub(crate) peak_bytes: u64,
    /// A reset after one word was written; 0 where there is none.
    pub(crate) reset_ns: u64,
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            load_ns,
            use_ns,
            peak_bytes,
            reset_ns,
        } = self;
        write!(f, "{load_ns} {use_ns} {peak_bytes} {reset_ns}")
    }
}

impl FromStr for Measured {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let numbers: Vec<u64> =
            (text.split_whitespace().map(str::parse)).collect::<Result<_, _>>()?;
        let [load_ns, use_ns, peak_bytes, reset_ns] = numbers[..] else {
            bail!("not four numbers: {text}");
        };
        Ok(Self {
            load_ns,
            use_ns,
            peak_bytes,
            reset_ns,
        })
    }
}

/// Loads the image and uses it.
pub(crate) fn measure(way: Way, path: &Path) -> Result<Measured> {
    let before = memory("VmRSS")?;
    let start = Timer::start();
    if way == Way::Plain {
        let image = plain::load(path)?;
        return finish(start, before, || Ok(sum(image.memory())));
    }
    let file = File::open(path)?;
    let options = Options {
        trust_linked: way == Way::Prelinked,
        ..Options::default()
    };
    let mut image = match way {
        // SAFETY: Nobody changes the file while it is measured.
        Way::Fragments => unsafe { Loaded::fragments(&file, &options) },
        // SAFETY: As above.
        _ => unsafe { Loaded::map(&file, &options) },
    }?;
    let measured = finish(start, before, || {
        let is_linked = image.is_linked();
        ensure!(is_linked == (way == Way::Prelinked), "linked: {is_linked}");
        let whole = Fragment {
            offset: 0,
            size: image.header().memory_size,
        };
        match way {
            Way::Fragments => image
                .fragment_records()
                .map(|part| sum_of(&image, part))
                .sum(),
            _ => sum_of(&image, whole),
        }
    })?;
    Ok(Measured {
        reset_ns: reset(&mut image)?,
        ..measured
    })
}

/// How long a reset takes after one word was written.
fn reset(image: &mut Loaded) -> Result<u64> {
    // The first makes what the others need.
    // SAFETY: Nobody else uses the image.
    unsafe { image.reset() }?;
    let place = image.root(0).context("a root")?.pointer;
    let start = Timer::start();
    for round in 0..RESETS {
        // SAFETY: A root has more bytes than that.
        unsafe { place.write(round) };
        // SAFETY: As above.
        unsafe { image.reset() }?;
    }
    Ok(start.elapsed() / u64::from(RESETS))
}

/// Resets of which the mean is taken.
const RESETS: u8 = 10;

/// The CPU time of this process, in nanoseconds: what else the machine does matters
/// little, and nothing here waits.
#[derive(Clone, Copy)]
struct Timer(u64);

impl Timer {
    fn now() -> u64 {
        let now = clock_gettime(ClockId::ProcessCPUTime);
        now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
    }

    fn start() -> Self {
        Self(Self::now())
    }

    fn elapsed(&self) -> u64 {
        Self::now() - self.0
    }
}

/// It is loaded; uses it.
fn finish(start: Timer, before: u64, sum: impl FnOnce() -> Result<u64>) -> Result<Measured> {
    let load = start.elapsed();
    let peak = memory("VmHWM")?;
    let resumed = Timer::start();
    black_box(sum()?);
    Ok(Measured {
        load_ns: load,
        use_ns: load + resumed.elapsed(),
        peak_bytes: peak.saturating_sub(before),
        reset_ns: 0,
    })
}

/// A sum of the words of a part of a loaded image.
fn sum_of(image: &Loaded, part: Fragment) -> Result<u64> {
    let pointer = image.pointer(part.offset).context("no such part")?;
    // SAFETY: The part has that many bytes, and nobody writes there.
    Ok(sum(unsafe {
        std::slice::from_raw_parts(pointer, part.size as usize)
    }))
}

fn sum(bytes: &[u8]) -> u64 {
    let words = bytes.as_chunks().0.iter();
    // Small enough to be added up without an overflow.
    words.fold(0, |sum, word| sum ^ u64::from_le_bytes(*word)) >> 32
}

/// A line of `/proc/self/status`, in bytes.
fn memory(name: &str) -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    Ok(kib.with_context(|| format!("no {name} in /proc/self/status"))? * 1024)
}
