//! `cargo xtask fuzz`: libFuzzer over the targets of `fuzz/`.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::workspace;

/// What to fuzz.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// A target: a directory of fuzz/corpus
    target: String,
    /// With AddressSanitizer, for targets with unsafe code
    #[arg(long)]
    asan: bool,
    /// Options of libFuzzer: -runs=1000000, -max_total_time=60, FILE
    #[arg(last = true)]
    options: Vec<OsString>,
}

/// Coverage for libFuzzer. These flags are no promise of the stable compiler, but
/// it knows them.
const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

/// So that the flags are for what is fuzzed alone.
const TRIPLE: &str = "x86_64-unknown-linux-gnu";

/// Builds the target and runs it; the exit status is libFuzzer's.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let Options { target, asan, .. } = options;
    let fuzz = workspace::root().join("fuzz");
    let seeds = fuzz.join("corpus").join(target);
    if !seeds.is_dir() {
        bail!(
            "there is no target {target}: {} has them all",
            fuzz.join("corpus").display()
        );
    }
    let built = workspace::target().join(if *asan { "fuzz-asan" } else { "fuzz" });
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["build", "--release", "--target", TRIPLE, "--bin", target])
        .arg("--target-dir")
        .arg(&built)
        .current_dir(&fuzz);
    if *asan {
        cargo
            .env("RUSTFLAGS", format!("{COVERAGE} -Zsanitizer=address"))
            .env("RUSTC_BOOTSTRAP", "1");
    } else {
        cargo.env("RUSTFLAGS", COVERAGE);
    }
    if !cargo.status().context("can't start cargo")?.success() {
        bail!("{target} does not build");
    }
    // What is found goes beside, not into the checkout.
    let found = directory(&["fuzz", "corpus", target])?;
    let artifacts = directory(&["fuzz", "artifacts"])?;
    let status = Command::new(built.join(TRIPLE).join("release").join(target))
        .arg(&found)
        .arg(&seeds)
        .arg(format!(
            "-artifact_prefix={}/{target}-",
            artifacts.display()
        ))
        .args(["-max_len=8192", "-timeout=10", "-print_final_stats=1"])
        .args(&options.options)
        .status()
        .context("can't start the fuzzer")?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(ExitCode::from(code.unwrap_or(1)))
}

fn directory(parts: &[&str]) -> Result<PathBuf> {
    let path = parts
        .iter()
        .fold(workspace::target(), |path, part| path.join(part));
    fs::create_dir_all(&path).with_context(|| format!("can't create {}", path.display()))?;
    Ok(path)
}
