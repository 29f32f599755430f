//! `kflat-bench load`: the loaders beside a plain loop that reads the file and fixes
//! its pointers.
//!
//! Each measurement has a process of its own, whose CPU time is what counts; the file
//! is in the page cache. *Load* is the time until pointers can be followed, *use* the same and then a sum of all
//! words of the memory: a mapping reads what is used when it is used.

mod images;
mod once;
mod plain;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use clap::{Parser, ValueEnum};

use images::Shape;
use once::{Measured, Way};

/// Compares the loaders with a plain loop.
#[derive(Parser)]
#[command(name = "kflat-bench load")]
struct Options {
    /// Repetitions of each measurement, each in a process of its own
    #[arg(long, default_value_t = 5)]
    repetitions: usize,
    /// Where the images go, of up to 100 MiB each
    #[arg(long, default_value = "target/bench")]
    directory: PathBuf,
    /// Only shapes whose name contains this
    #[arg(default_value = "")]
    filter: String,
    /// One measurement of this image, in this process
    #[arg(long, hide = true, requires = "way")]
    once: Option<PathBuf>,
    #[arg(long, hide = true)]
    way: Option<Way>,
}

/// Runs with the arguments behind `load`.
pub(crate) fn run(arguments: impl Iterator<Item = OsString>) -> Result<()> {
    let options = Options::parse_from(std::iter::once("load".into()).chain(arguments));
    if let (Some(image), Some(way)) = (&options.once, options.way) {
        println!("{}", once::measure(way, image)?);
        return Ok(());
    }
    std::fs::create_dir_all(&options.directory)?;
    println!(
        "{:<18} {:>9} {:>9} | {:>9} {:>7} | {:>9} {:>7} | {:>9} | {:>9}",
        "shape", "MiB", "way", "load ms", "ratio", "use ms", "ratio", "peak/file", "reset ms"
    );
    for shape in Shape::ALL {
        if shape.name().contains(&options.filter) {
            compare(*shape, &options)?;
        }
    }
    Ok(())
}

/// A line of the table for each way.
fn compare(shape: Shape, options: &Options) -> Result<()> {
    let path = options.directory.join(shape.name());
    let linked = options.directory.join(format!("{}.linked", shape.name()));
    let image = shape.image();
    ensure!(
        kflat_image::verify(&kflat_image::Image::open(image.clone())?).is_empty(),
        "not a right image: {}",
        shape.name()
    );
    std::fs::write(&linked, kflat_image::load::link(&image, once::BASE)?)?;
    std::fs::write(&path, &image)?;
    let size = image.len() as f64;
    drop(image);
    // One after the other, so that what else the machine does meets all alike.
    let mut rounds = Vec::new();
    for _ in 0..options.repetitions.max(1) {
        let round: Vec<Measured> = (Way::value_variants().iter())
            .map(|way| {
                let is_linked = *way == Way::Prelinked;
                in_a_process_of_its_own(*way, if is_linked { &linked } else { &path })
            })
            .collect::<Result<_>>()?;
        rounds.push(round);
    }
    for (index, way) in Way::value_variants().iter().enumerate() {
        let median = |of: &dyn Fn(&Measured, &Measured) -> f64| {
            let pairs =
                (rounds.iter()).filter_map(|round| Some((round.get(index)?, round.first()?)));
            let mut values: Vec<f64> = pairs.map(|(this, plain)| of(this, plain)).collect();
            values.sort_by(f64::total_cmp);
            values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
        };
        println!(
            "{:<18} {:>9.1} {:>9} | {:>9.3} {:>7.2} | {:>9.3} {:>7.2} | {:>9.2} | {:>9.3}",
            shape.name(),
            size / f64::from(1 << 20),
            way.name(),
            median(&|this, _| this.load_ns as f64 / 1e6),
            median(&|this, plain| this.load_ns as f64 / plain.load_ns as f64),
            median(&|this, _| this.use_ns as f64 / 1e6),
            median(&|this, plain| this.use_ns as f64 / plain.use_ns as f64),
            median(&|this, _| this.peak_bytes as f64 / size),
            median(&|this, _| this.reset_ns as f64 / 1e6),
        );
    }
    Ok(())
}

fn in_a_process_of_its_own(way: Way, image: &Path) -> Result<Measured> {
    let output = Command::new(std::env::current_exe()?)
        .args(["load", "--way", way.name(), "--once"])
        .arg(image)
        .output()?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr));
    }
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    printed.parse().context("what the measurement printed")
}
