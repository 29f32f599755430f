//! KVM where it really works, else software emulation.

use std::env;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};

use super::{Levels, Spec, Work};
use crate::buildroot::BuildRoot;
use crate::{progress, workspace};

/// How QEMU runs the guest's instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Accelerator {
    Kvm,
    Emulation,
}

impl Accelerator {
    /// QEMU's name for it.
    pub(super) fn option(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            // With a thread for each CPU, QEMU crashes guests whose kprobes
            // are hit on several CPUs at a time.
            Self::Emulation => "tcg,thread=single",
        }
    }
}

/// A guest that only boots takes this long under KVM, on a slow machine.
const TRIAL: Duration = Duration::from_secs(20);

/// Chooses for `spec`. `KFLAT_ACCEL=kvm` or `tcg` decides it.
pub(super) fn choose(root: &BuildRoot, spec: &Spec) -> Result<Accelerator> {
    if spec.work.is_counted() {
        return Ok(Accelerator::Emulation);
    }
    match env::var("KFLAT_ACCEL").as_deref() {
        Ok("kvm") => return Ok(Accelerator::Kvm),
        Ok("tcg") => return Ok(Accelerator::Emulation),
        Ok(other) => bail!("KFLAT_ACCEL is {other}; it may be kvm or tcg"),
        Err(_) => {}
    }
    // KVM can't make up page tables that the CPU doesn't have.
    if spec.levels == Levels::Five && !cpu_has("la57") {
        return Ok(Accelerator::Emulation);
    }
    if !Path::new("/dev/kvm").exists() {
        return Ok(Accelerator::Emulation);
    }
    // The answer holds until this machine boots again.
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let answer = workspace::cache()?.join("kvm");
    let works = match fs::read_to_string(&answer)
        .unwrap_or_default()
        .split_once(' ')
    {
        Some(("works", id)) if id == boot => true,
        Some(("fails", id)) if id == boot => false,
        _ => {
            let works = try_kvm(root, spec)?;
            let word = if works { "works" } else { "fails" };
            // Without the note the question is asked again.
            let _ = fs::write(&answer, format!("{word} {boot}"));
            works
        }
    };
    Ok(if works {
        Accelerator::Kvm
    } else {
        Accelerator::Emulation
    })
}

fn cpu_has(flag: &str) -> bool {
    fs::read_to_string("/proc/cpuinfo")
        .unwrap_or_default()
        .lines()
        .filter(|line| line.starts_with("flags"))
        .any(|line| line.split_whitespace().any(|word| word == flag))
}

fn try_kvm(root: &BuildRoot, spec: &Spec) -> Result<bool> {
    progress::step("Trying KVM", || {
        let scratch = tempfile::tempdir()?;
        let trial = Spec {
            levels: Levels::Four,
            modules: Vec::new(),
            share: scratch.path().join("share"),
            logs: scratch.path().join("logs"),
            work: Work::Command(vec!["true".into()]),
            limit: TRIAL,
            ..spec.clone()
        };
        let works = super::boot(root, &trial, Accelerator::Kvm, &mut |_, _| {})
            .is_ok_and(|outcome| outcome.status == Some(0));
        progress::note(if works {
            "KVM works"
        } else {
            "KVM can't boot a kernel here; using software emulation"
        });
        Ok(works)
    })
}
