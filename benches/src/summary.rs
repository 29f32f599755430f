//! Medians of all repetitions of a shape.

use std::fmt;

use serde::Serialize;

use crate::repetition::Times;
use crate::shapes::Shape;

/// Of one shape. Pairs are cold and warm.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    name: String,
    /// Objects.
    count: usize,
    repetitions: usize,
    /// Nanoseconds.
    hand_ns: [f64; 2],
    capture_ns: [f64; 2],
    write_ns: [f64; 2],
    /// The engine's whole time over the loop's.
    ratio: [f64; 2],
    /// What the cold one may be.
    target: f64,
    image_bytes: u64,
    /// Image and extension.
    area_bytes: u64,
    /// Working memory that was used.
    work_bytes: u64,
}

impl Summary {
    /// Of `runs` of `shape`.
    pub(crate) fn new(shape: Shape, runs: &[Times]) -> Self {
        let pair = |of: &dyn Fn(&Times, usize) -> f64| {
            [0, 1].map(|slot| {
                let mut values: Vec<f64> = runs.iter().map(|times| of(times, slot)).collect();
                values.sort_by(f64::total_cmp);
                values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
            })
        };
        let most = |of: fn(&Times) -> u64| runs.iter().map(of).max().unwrap_or(0);
        Self {
            name: shape.to_string(),
            count: shape.count,
            repetitions: runs.len(),
            hand_ns: pair(&|times, slot| times.hand[slot] as f64),
            capture_ns: pair(&|times, slot| times.capture[slot] as f64),
            write_ns: pair(&|times, slot| times.write[slot] as f64),
            ratio: pair(&|times, slot| {
                (times.capture[slot] + times.write[slot]) as f64 / times.hand[slot] as f64
            }),
            target: shape.target(),
            image_bytes: most(|times| times.image),
            area_bytes: most(|times| times.total),
            work_bytes: most(|times| times.work),
        }
    }
}

/// What the columns of a summary are.
pub(crate) const HEADING: &str = "\
shape              |   hand  capture    write  ratio |   hand  capture    write  ratio |  memory
                   |      ms, cold                   |      ms, warm                   |  /image";

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<18}", self.name)?;
        for slot in [0, 1] {
            let ms = |pair: &[f64; 2]| pair[slot] / 1e6;
            write!(
                f,
                " |{:>7.3} {:>8.3} {:>8.3} {:>6.2}",
                ms(&self.hand_ns),
                ms(&self.capture_ns),
                ms(&self.write_ns),
                self.ratio[slot]
            )?;
        }
        let memory = self.work_bytes as f64 / self.image_bytes as f64;
        write!(f, " | {memory:>7.2}")
    }
}
