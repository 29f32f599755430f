//! Guests that panic or never end: a failure with a reason, and never a hang of
//! the host.

use std::time::Duration;

use anyhow::{Result, bail};

use super::Report;
use crate::buildroot::BuildRoot;
use crate::kernels::Kernel;
use crate::vm::{self, Levels, Spec, Work};
use crate::workspace;

/// A guest's fate, and what must be said of it.
struct Fate {
    name: &'static str,
    command: &'static [&'static str],
    limit: Duration,
    complaint: &'static str,
}

const FATES: &[Fate] = &[
    Fate {
        name: "a guest that panics is a failure",
        command: &["sh", "-c", "echo c > /proc/sysrq-trigger"],
        limit: Duration::from_secs(120),
        complaint: "sysrq triggered crash",
    },
    Fate {
        name: "a guest that never ends is stopped",
        command: &["sleep", "1000"],
        limit: Duration::from_secs(15),
        complaint: "took longer than 15 s",
    },
];

/// Runs them on one kernel.
pub(super) fn run(root: &BuildRoot, kernel: &Kernel, report: &mut Report) {
    for fate in FATES {
        match meet(root, kernel, fate) {
            Ok(()) => report.passed(fate.name),
            Err(error) => report.failed(fate.name, &format!("{error:#}")),
        }
    }
}

fn meet(root: &BuildRoot, kernel: &Kernel, fate: &Fate) -> Result<()> {
    let directory = workspace::target().join("test/sick");
    let spec = Spec {
        kernel: kernel.clone(),
        levels: Levels::Four,
        cpus: 1,
        memory: "512M".to_owned(),
        modules: Vec::new(),
        share: directory.join("share"),
        work: Work::Command(fate.command.iter().map(Into::into).collect()),
        limit: fate.limit,
        logs: directory.join("logs"),
    };
    let outcome = vm::run(root, &spec, &mut |_, _| {})?;
    if outcome.status.is_some() {
        bail!("it ended with status {:?}", outcome.status);
    }
    let found = outcome
        .complaints
        .iter()
        .any(|complaint| complaint.contains(fate.complaint));
    if !found {
        bail!("what was said of it: {:?}", outcome.complaints);
    }
    Ok(())
}
