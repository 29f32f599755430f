//! One repetition: both sides, each cold and warm.

use std::fmt;
use std::hint::black_box;
use std::str::FromStr;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use kflat_abi::extension::Hit;
use kflat_engine::{Inputs, Quiet, State, Verified, capture, verify, write};

use crate::by_hand;
use crate::memory::{self, Block, NoSymbols, Own, ThisProcessor, Watch, cpu_time};
use crate::programs;
use crate::shapes::{Data, Shape};

/// Runs of which the best is *warm*.
const WARM_RUNS: usize = 3;

/// Nanoseconds of one repetition, each cold and warm, and bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Times {
    /// The loop written by hand.
    pub(crate) hand: [u64; 2],
    /// The engine's copying.
    pub(crate) capture: [u64; 2],
    /// The engine's making of the image.
    pub(crate) write: [u64; 2],
    /// Bytes of the engine's work region that were used.
    pub(crate) work: u64,
    /// Bytes of the image.
    pub(crate) image: u64,
    /// Bytes of the area that image and extension take.
    pub(crate) total: u64,
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for value in self.hand.iter().chain(&self.capture).chain(&self.write) {
            write!(f, "{value} ")?;
        }
        write!(f, "{} {} {}", self.work, self.image, self.total)
    }
}

impl FromStr for Times {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let numbers: Vec<u64> = text
            .split_whitespace()
            .map(str::parse)
            .collect::<Result<_, _>>()?;
        let [h0, h1, c0, c1, w0, w1, work, image, total] = numbers[..] else {
            bail!("not nine numbers: {text}");
        };
        Ok(Self {
            hand: [h0, h1],
            capture: [c0, c1],
            write: [w0, w1],
            work,
            image,
            total,
        })
    }
}

/// The memory that both sides write.
pub(crate) struct Regions {
    area: Block,
    work: Block,
    pub(crate) by_hand: Block,
    state: State,
}

impl Regions {
    /// For `shape`. As the kernel's area it was touched before.
    pub(crate) fn new(shape: Shape) -> Self {
        let words = shape.area() / 8;
        Self {
            area: Block::new(words),
            // As the module sets it aside.
            work: Block::new(words + words / 4 + (1 << 14)),
            by_hand: Block::new(words),
            state: State::new(),
        }
    }

    fn flush(&self) {
        memory::flush(&self.area);
        memory::flush(&self.work);
        memory::flush(&self.by_hand);
    }

    /// The engine's image, its extension included.
    #[cfg(test)]
    pub(crate) fn image(&self, bytes: u64) -> &[u64] {
        &self.area[..bytes as usize / 8]
    }
}

/// Both sides in this process, in turns, `engine_first` or not. Before the first turn
/// of each, the *cold* one, the data and the memory that is written are in no cache;
/// of the others the best is *warm*.
pub(crate) fn run(shape: Shape, engine_first: bool) -> Result<Times> {
    let data = Data::make(shape);
    let bytes = programs::of(shape);
    let program = match verify(&bytes) {
        Ok(program) => program,
        Err(rejection) => bail!("the program is rejected: {rejection:?}"),
    };
    let mut regions = Regions::new(shape);
    let mut times = Times::default();
    for turn in 0..=WARM_RUNS {
        for engine in [engine_first, !engine_first] {
            if turn == 0 {
                memory::flush(&data.words);
                regions.flush();
            }
            if engine {
                let by_engine = by_engine(&program, &data, &mut regions)?;
                keep(&mut times.capture, turn, by_engine.captured);
                keep(&mut times.write, turn, by_engine.wrote);
                times.total = by_engine.total;
            } else {
                let start = cpu_time();
                let bytes = memory::bytes_of(&mut regions.by_hand);
                by_hand::capture(shape, black_box(&data), bytes);
                black_box(&mut regions.by_hand);
                keep(&mut times.hand, turn, cpu_time() - start);
            }
        }
    }
    times.work = regions.state.used_words() as u64 * 8;
    times.image = *regions.area.get(4).context("a header")?;
    Ok(times)
}

fn keep(times: &mut [u64; 2], turn: usize, time: u64) {
    let [cold, warm] = times;
    match turn {
        0 => *cold = time,
        1 => *warm = time,
        _ => *warm = time.min(*warm),
    }
}

/// What the engine did.
pub(crate) struct ByEngine {
    captured: u64,
    wrote: u64,
    /// Bytes of image and extension.
    pub(crate) total: u64,
}

/// One capture and its image.
pub(crate) fn by_engine(
    program: &Verified<'_>,
    data: &Data,
    regions: &mut Regions,
) -> Result<ByEngine> {
    let inputs = Inputs {
        arguments: &[data.root],
        ..Inputs::default()
    };
    let Regions {
        work, area, state, ..
    } = regions;
    let (clock, processor) = (Watch(Instant::now()), ThisProcessor::new());
    let start = cpu_time();
    let outcome = capture(
        program,
        (work, area, state),
        &inputs,
        &mut Own,
        &clock,
        &mut Quiet,
    );
    let captured = cpu_time() - start;
    let outcome = outcome.context("too little memory")?;
    let report = write(
        program,
        (work, area, state),
        &Hit::default(),
        &mut NoSymbols,
        &processor,
    );
    let whole = cpu_time() - start;
    black_box(&area);
    ensure!(report.reason == 0, "ended early: {outcome:?} {report:?}");
    ensure!(report.objects as usize == data.objects, "{report:?}");
    Ok(ByEngine {
        captured,
        wrote: whole - captured,
        total: report.total_size,
    })
}
