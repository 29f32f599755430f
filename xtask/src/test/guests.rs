//! The tests in guests: every kernel with both depths of page tables. All stories are told
//! with one of them, and with the other those of memory.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::Report;
use crate::buildroot::BuildRoot;
use crate::kernels::Kernel;
use crate::module::Modules;
use crate::programs::Programs;
use crate::verdict::{self, Tally, Verdict};
use crate::vm::{self, Levels, Outcome, Output, Spec, Work};
use crate::{process, progress, share, workspace};

/// The runner of the tests in a guest.
const RUNNER: &str = "kflat-tests";

/// Guests at a time, where the host has no more CPUs: each keeps one of them busy under
/// emulation.
const LEAST_AT_A_TIME: usize = 2;

/// A guest with all tests takes a fraction of this.
const LIMIT: Duration = Duration::from_secs(15 * 60);

/// Runs the tests in all guests and reports them.
///
/// # Errors
/// If a guest's share can't be prepared.
pub(super) fn run(
    root: &BuildRoot,
    built: &[(&Kernel, Modules)],
    programs: &Programs,
    filter: Option<&str>,
    report: &mut Report,
) -> Result<()> {
    let mut waiting = VecDeque::new();
    for (kernel, modules) in built {
        for levels in [Levels::Four, Levels::Five] {
            waiting.push_back(prepare(kernel, modules, levels, programs, filter)?);
        }
    }
    let cpus = thread::available_parallelism().map_or(1, NonZero::get);
    let at_a_time = cpus.max(LEAST_AT_A_TIME).min(waiting.len());
    let (waiting, report) = (Mutex::new(waiting), Mutex::new(report));
    thread::scope(|scope| {
        for _ in 0..at_a_time {
            scope.spawn(|| {
                loop {
                    let next = lock(&waiting).pop_front();
                    let Some(spec) = next else { break };
                    let start = Instant::now();
                    let name = name(&spec);
                    progress::line(&format!("==> Guest {name}"));
                    let mut printed = Vec::new();
                    let outcome = vm::run(root, &spec, &mut |_: Output, bytes: &[u8]| {
                        printed.extend_from_slice(bytes);
                    });
                    let printed = String::from_utf8_lossy(&printed).into_owned();
                    conclude(&name, &spec, outcome, &printed, start, &mut lock(&report));
                }
            });
        }
    });
    Ok(())
}

/// A thread that panicked has had its say; the others go on.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn name(spec: &Spec) -> String {
    format!("{} with {} levels", spec.kernel.series, spec.levels.count())
}

/// Where the share and the logs of a guest are.
pub(super) fn directory(kernel: &Kernel, levels: Levels) -> PathBuf {
    let name = format!("{}-{}-levels", kernel.series, levels.count());
    workspace::target().join("test").join(name)
}

fn prepare(
    kernel: &Kernel,
    modules: &Modules,
    levels: Levels,
    programs: &Programs,
    filter: Option<&str>,
) -> Result<Spec> {
    let directory = directory(kernel, levels);
    let share = directory.join("share");
    if share.exists() {
        fs::remove_dir_all(&share)?;
    }
    share::fill(&share, programs, Some(modules))?;
    // Without a runner, that the modules load and unload is the test.
    let has_runner = share.join("bin").join(RUNNER).exists();
    let mut command: Vec<OsString> = vec![if has_runner { RUNNER } else { "true" }.into()];
    let which = filter.or(match levels {
        Levels::Four => None,
        Levels::Five => Some("--memory"),
    });
    command.extend(which.filter(|_| has_runner).map(OsString::from));
    Ok(Spec {
        kernel: kernel.clone(),
        levels,
        cpus: 2,
        memory: "1G".to_owned(),
        modules: vec![modules.kflat.clone(), modules.test.clone()],
        share,
        work: Work::Command(command),
        limit: LIMIT,
        logs: directory.join("logs"),
    })
}

fn conclude(
    name: &str,
    spec: &Spec,
    outcome: Result<Outcome>,
    printed: &str,
    start: Instant,
    report: &mut Report,
) {
    let mut tally = Tally::default();
    let mut failures = Vec::new();
    for (test, verdict) in printed.lines().filter_map(verdict::test_line) {
        tally.add(verdict);
        if verdict == Verdict::Failed {
            failures.push(format!("{test} on {name}"));
        }
    }
    report.tally += tally;
    let took = progress::seconds(start.elapsed());
    progress::line(&format!("    Guest {name}: {tally} in {took}"));
    if tally.failed > 0 {
        progress::line(&process::tail(&spec.logs.join("output.log"), 0));
    }
    report.failures.append(&mut failures);

    // The guest itself is a test: it loads the modules, lives through all of
    // it and unloads them, without a word of trouble in its log.
    let complaints = match outcome {
        Ok(outcome) => complaints(&outcome, printed, tally),
        Err(error) => vec![format!("{error:#}")],
    };
    let guest = format!("guest {name} is healthy");
    if complaints.is_empty() {
        report.passed(&guest);
    } else {
        let console = process::tail(&spec.logs.join("console.log"), 0);
        let output = process::tail(&spec.logs.join("output.log"), 0);
        let why = format!(
            "{}\n---- its console:\n{console}---- what the tests printed:\n{output}\
             ---- its logs are in {}",
            complaints.join("\n"),
            spec.logs.display()
        );
        report.failed(&guest, &why);
    }
}

/// What is wrong with a guest beside tests that failed and say so.
fn complaints(outcome: &Outcome, printed: &str, tally: Tally) -> Vec<String> {
    let mut complaints = outcome.complaints.clone();
    match outcome.status {
        // The log says why.
        None => {}
        Some(0) if tally.failed > 0 => {
            complaints.push(format!("{RUNNER} counts failures but says all is well"));
        }
        Some(status) if status != 0 && tally.failed == 0 => {
            complaints.push(format!("{RUNNER} ended with status {status}"));
        }
        Some(_) => {}
    }
    let counted = tally != Tally::default();
    let finished = printed
        .lines()
        .last()
        .and_then(verdict::summary_line)
        .is_some();
    if counted && !finished {
        complaints.push(format!("{RUNNER} did not come to its end"));
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(status: Option<u8>) -> Outcome {
        Outcome {
            status,
            complaints: Vec::new(),
        }
    }

    fn found(status: u8, printed: &str) -> usize {
        let mut tally = Tally::default();
        for (_, verdict) in printed.lines().filter_map(verdict::test_line) {
            tally.add(verdict);
        }
        complaints(&outcome(Some(status)), printed, tally).len()
    }

    #[test]
    fn a_runner_must_end_as_it_counts() {
        assert_eq!(found(0, "test a ... ok\n1 passed, 0 failed\n"), 0);
        assert_eq!(found(1, "test a ... FAILED\n0 passed, 1 failed\n"), 0);
        assert_eq!(found(0, "test a ... FAILED\n0 passed, 1 failed\n"), 1);
        assert_eq!(found(139, "test a ... ok\n"), 2);
        assert_eq!(found(0, "test a ... ok\n"), 1);
    }
}
