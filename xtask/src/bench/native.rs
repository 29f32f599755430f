//! The engine beside loops written by hand, in user processes (`benches/`).

use std::env;
use std::process::Command;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::Case;
use crate::{process, progress, workspace};

/// What `kflat-bench` found for one shape. Pairs are cold and warm.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Shape {
    pub(super) name: String,
    pub(super) count: u64,
    pub(super) repetitions: u32,
    pub(super) hand_ns: [f64; 2],
    pub(super) capture_ns: [f64; 2],
    pub(super) write_ns: [f64; 2],
    pub(super) ratio: [f64; 2],
    pub(super) target: f64,
    pub(super) image_bytes: u64,
    pub(super) area_bytes: u64,
    pub(super) work_bytes: u64,
}

impl Shape {
    /// Its name without how much of it there is.
    pub(super) fn kind(&self) -> &str {
        self.name
            .rsplit_once('-')
            .map_or(&*self.name, |(kind, _)| kind)
    }

    fn case(&self, name: String, ratio: f64, target: f64) -> Case {
        Case {
            name,
            count: self.count,
            ratio,
            target,
        }
    }

    /// Working memory over the image's size.
    pub(super) fn memory(&self) -> f64 {
        self.work_bytes as f64 / self.image_bytes as f64
    }
}

/// What a million nodes must fit in.
const AREA: f64 = (128 << 20) as f64;
const LARGE: u64 = 1_000_000;
const SMALL: u64 = 10_000;

/// Builds and runs it.
pub(super) fn measure(repetitions: u32) -> Result<Vec<Shape>> {
    progress::step("Building the benchmarks", || {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command
            .args(["build", "--release", "--package", "kflat-benches"])
            .current_dir(workspace::root());
        process::run(&mut command, &workspace::target().join("bench.log"))
    })?;
    progress::step("Measuring the engine beside loops by hand", || {
        let program = workspace::target().join("release/kflat-bench");
        let mut command = Command::new(program);
        command.args(["--json", "--repetitions", &repetitions.to_string()]);
        let printed = process::output(&mut command)?;
        serde_json::from_str(&printed).context("kflat-bench prints no JSON")
    })
}

/// The cases of all shapes.
pub(super) fn cases(shapes: &[Shape]) -> Vec<Case> {
    let speed = shapes
        .iter()
        .map(|shape| shape.case(shape.kind().to_owned(), shape.ratio[0], shape.target));
    let memory = shapes
        .iter()
        .map(|shape| shape.case(format!("memory-{}", shape.kind()), shape.memory(), 1.0));
    let large = shapes.iter().filter(|shape| shape.count == LARGE);
    let more = large.flat_map(|shape| {
        let area = shape.area_bytes as f64 / AREA;
        [
            shape.case(format!("area-{}", shape.kind()), area, 1.0),
            shape.case(
                format!("growth-{}", shape.kind()),
                growth(shapes, shape),
                3.0,
            ),
        ]
    });
    speed.chain(memory).chain(more).collect()
}

/// How much longer a node takes in `large` than in the same shape of few, over what it
/// takes longer in the loop by hand.
fn growth(shapes: &[Shape], large: &Shape) -> f64 {
    let small = shapes
        .iter()
        .find(|shape| shape.kind() == large.kind() && shape.count == SMALL);
    small.map_or(f64::NAN, |small| large.ratio[0] / small.ratio[0])
}

#[cfg(test)]
mod tests {
    use super::{LARGE, SMALL, Shape, cases};

    fn shape(count: u64, ratio: f64) -> Shape {
        Shape {
            name: format!("list-{count}"),
            count,
            repetitions: 5,
            hand_ns: [1.0; 2],
            capture_ns: [1.0; 2],
            write_ns: [1.0; 2],
            ratio: [ratio, 0.0],
            target: 2.0,
            image_bytes: 100,
            area_bytes: 200 << 20,
            work_bytes: 50,
        }
    }

    #[test]
    fn each_shape_has_its_cases_and_large_ones_have_more() {
        let found = cases(&[shape(SMALL, 1.0), shape(LARGE, 2.5)]);
        let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "list 10000 1.0000 2 ok",
                "list 1000000 2.5000 2 short",
                "memory-list 10000 0.5000 1 ok",
                "memory-list 1000000 0.5000 1 ok",
                "area-list 1000000 1.5625 1 short",
                "growth-list 1000000 2.5000 3 ok",
            ]
        );
    }
}
