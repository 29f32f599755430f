//! One repetition, and the sum of several.

use std::fmt;
use std::hint::black_box;
use std::str::FromStr;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use kflat_abi::extension::Hit;
use kflat_engine::{Inputs, Quiet, State, Verified, capture, verify, write};

use crate::memory::{NoSymbols, Own, Watch};
use crate::shapes::{Data, Shape};
use crate::{by_hand, image, programs};

/// Runs of which the best is *warm*.
fn warm_runs() -> usize {
    std::env::var("WARM")
        .ok()
        .and_then(|w| w.parse().ok())
        .unwrap_or(3)
}

/// Nanoseconds of one repetition.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Times {
    /// Loop by hand, capture and write-out, each cold and warm.
    hand: [u64; 2],
    capture: [u64; 2],
    write: [u64; 2],
    /// Bytes of the engine's work region that were used, and of the image.
    work: u64,
    image: u64,
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for value in self.hand.iter().chain(&self.capture).chain(&self.write) {
            write!(f, "{value} ")?;
        }
        write!(f, "{} {}", self.work, self.image)
    }
}

impl FromStr for Times {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let numbers: Vec<u64> = text
            .split_whitespace()
            .map(str::parse)
            .collect::<Result<_, _>>()?;
        let [h0, h1, c0, c1, w0, w1, work, image] = numbers[..] else {
            bail!("not eight numbers: {text}");
        };
        Ok(Self {
            hand: [h0, h1],
            capture: [c0, c1],
            write: [w0, w1],
            work,
            image,
        })
    }
}

/// What one side of the comparison took: cold, and warm at its best.
fn timed(mut run: impl FnMut() -> Result<()>) -> Result<[u64; 2]> {
    let mut once = || -> Result<u64> {
        let start = Instant::now();
        run()?;
        Ok(start.elapsed().as_nanos() as u64)
    };
    let cold = once()?;
    let mut warm = u64::MAX;
    for _ in 0..warm_runs() {
        warm = warm.min(once()?);
    }
    Ok([cold, warm])
}

/// Both sides in this process.
pub(crate) fn run(shape: Shape) -> Result<Times> {
    let data = Data::make(shape);
    let bytes = programs::of(shape);
    let program = match verify(&bytes) {
        Ok(program) => program,
        Err(rejection) => bail!("the program is rejected: {rejection:?}"),
    };
    // Both write to memory that was touched before, as the kernel's area is.
    let words = data.bytes / 8 + data.objects * 32 + (1 << 14);
    let mut area = vec![1u64; words];
    let mut work = vec![1u64; words];
    let mut by_hand_area = vec![1u8; image::size(data.objects, data.objects, words * 8)];

    let mut pointers = 0;
    let hand = timed(|| {
        pointers = by_hand::capture(shape, black_box(&data), &mut by_hand_area);
        black_box(&mut by_hand_area);
        Ok(())
    })?;
    let mut times = Times {
        hand,
        ..Times::default()
    };
    let mut state = State::new();
    for warm in 0..=warm_runs() {
        let slot = warm.min(1);
        let (captured, wrote) =
            by_engine(&program, &data, pointers, &mut work, &mut area, &mut state)?;
        let best = |old: u64, new: u64| if old == 0 { new } else { old.min(new) };
        times.capture[slot] = best(times.capture[slot], captured);
        times.write[slot] = best(times.write[slot], wrote);
    }
    times.work = state.used_words() as u64 * 8;
    times.image = area.get(4).copied().context("a header")?;
    Ok(times)
}

fn by_engine(
    program: &Verified<'_>,
    data: &Data,
    pointers: usize,
    work: &mut [u64],
    area: &mut [u64],
    state: &mut State,
) -> Result<(u64, u64)> {
    let inputs = Inputs {
        arguments: &[data.root],
        ..Inputs::default()
    };
    let start = Instant::now();
    let clock = Watch(start);
    let regions = (&mut *work, &mut *area, &mut *state);
    let outcome = capture(program, regions, &inputs, &mut Own, &clock, &mut Quiet);
    let captured = start.elapsed();
    let outcome = outcome.context("too little memory")?;
    let report = write(
        program,
        (work, area, state),
        &Hit::default(),
        &mut NoSymbols,
    );
    let whole = start.elapsed();
    black_box(&area);
    ensure!(report.reason == 0, "ended early: {outcome:?} {report:?}");
    ensure!(report.objects as usize == data.objects, "{report:?}");
    ensure!(area.get(6) == Some(&(pointers as u64)), "pointers differ");
    Ok((
        captured.as_nanos() as u64,
        (whole - captured).as_nanos() as u64,
    ))
}

impl Times {
    /// What [`summary`]'s columns are.
    pub(crate) fn heading() -> String {
        format!(
            "{:<18} {:>9} {:>9} {:>9} {:>7} | {:>9} {:>9} {:>9} {:>7} | {:>6}\n\
             {:<18} {:>9} {:>9} {:>9} {:>7} | {:>9} {:>9} {:>9} {:>7} | {:>6}",
            "shape",
            "hand",
            "capture",
            "write",
            "ratio",
            "hand",
            "capture",
            "write",
            "ratio",
            "memory",
            "",
            "ms cold",
            "ms cold",
            "ms cold",
            "cold",
            "ms warm",
            "ms warm",
            "ms warm",
            "warm",
            "/image"
        )
    }
}

/// Medians of all repetitions as a line of a table.
pub(crate) fn summary(shape: Shape, runs: &[Times]) -> String {
    let median = |of: &dyn Fn(&Times) -> f64| {
        let mut values: Vec<f64> = runs.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let half = |slot: usize| {
        let ms = |of: fn(&Times) -> [u64; 2]| median(&|times| of(times)[slot] as f64 / 1e6);
        let ratio = median(&|times| {
            (times.capture[slot] + times.write[slot]) as f64 / times.hand[slot] as f64
        });
        format!(
            "{:>9.3} {:>9.3} {:>9.3} {ratio:>7.2}",
            ms(|times| times.hand),
            ms(|times| times.capture),
            ms(|times| times.write)
        )
    };
    let memory = median(&|times| times.work as f64 / times.image as f64);
    let name = shape.to_string();
    format!("{name:<18} {} | {} | {memory:>6.2}", half(0), half(1))
}
