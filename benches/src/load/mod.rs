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
        "{:<18} {:>9} {:>9} | {:>9} {:>7} | {:>9} {:>7} | {:>9}",
        "shape", "MiB", "way", "load ms", "ratio", "use ms", "ratio", "peak/file"
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
    let mut plain = None;
    for way in Way::value_variants() {
        let image = if *way == Way::Prelinked {
            &linked
        } else {
            &path
        };
        let all: Vec<Measured> = (0..options.repetitions.max(1))
            .map(|_| in_a_process_of_its_own(*way, image))
            .collect::<Result<_>>()?;
        let median = |of: fn(&Measured) -> u64| {
            let mut values: Vec<u64> = all.iter().map(of).collect();
            values.sort_unstable();
            values.get(values.len() / 2).copied().unwrap_or(0) as f64
        };
        let (load, whole) = (median(|one| one.load_ns), median(|one| one.use_ns));
        let (plain_load, plain_whole) = *plain.get_or_insert((load, whole));
        println!(
            "{:<18} {:>9.1} {:>9} | {:>9.3} {:>7.2} | {:>9.3} {:>7.2} | {:>9.2}",
            shape.name(),
            size / f64::from(1 << 20),
            way.name(),
            load / 1e6,
            load / plain_load,
            whole / 1e6,
            whole / plain_whole,
            median(|one| one.peak_bytes) / size,
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
