//! Debuggers open what a guest has captured, and read in it what `kflat show`
//! says. The guest's part is `tests/src/tools.rs`; the debuggers' are in
//! `tests/tools`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::namelist::{self, Boot};
use super::{Report, guests};
use crate::buildroot::BuildRoot;
use crate::kernels::Kernel;
use crate::programs::Programs;
use crate::testroot::{TestRoot, VENV};
use crate::vm::Levels;
use crate::{process, progress, workspace};

/// Part of the name of each of these tests, and of the guest's.
pub(super) const THEME: &str = "tools";

/// Opens the image of each guest in each debugger.
pub(super) fn run(root: &BuildRoot, kernels: &[&Kernel], programs: &Programs, report: &mut Report) {
    let test_root = match TestRoot::get() {
        Ok(test_root) => test_root,
        Err(error) => return report.failed("tools: the test root", &format!("{error:#}")),
    };
    for kernel in kernels {
        for levels in [Levels::Four, Levels::Five] {
            let guest = format!("{} with {} levels", kernel.series, levels.count());
            progress::line(&format!("==> Debuggers on an image of {guest}"));
            let opened = Opened {
                root: &test_root,
                folder: guests::directory(kernel, levels).join("share").join(THEME),
            };
            if let Err(error) = opened.prepare(root, kernel, programs) {
                let why = format!("{error:#}");
                report.failed(&format!("{THEME}: an image of {guest} is exported"), &why);
                continue;
            }
            for (tool, result) in [
                ("drgn", opened.drgn()),
                ("gdb", opened.gdb()),
                ("crash", opened.crash()),
            ] {
                let name = format!("{THEME}: {tool} reads an image of {guest} as kflat shows it");
                match result {
                    Ok(()) => report.passed(&name),
                    Err(error) => report.failed(&name, &format!("{error:#}")),
                }
            }
        }
    }
}

/// An image, and what it is opened in.
struct Opened<'r> {
    root: &'r TestRoot,
    /// The image, and all that is made of it.
    folder: PathBuf,
}

impl Opened<'_> {
    /// Exports the image and makes the kernel's file.
    fn prepare(&self, root: &BuildRoot, kernel: &Kernel, programs: &Programs) -> Result<()> {
        let log = self.folder.join("prepare.log");
        let kflat = programs.command("kflat")?;
        let image = self.folder.join("captured.img");
        if !image.is_file() {
            bail!("the guest left no image: its story tools:: has failed");
        }
        let json = process::output(Command::new(kflat).arg("show").arg(&image).arg("--json"))?;
        fs::write(self.folder.join("captured.json"), &json)?;
        for (profile, core) in [("drgn", "captured.core"), ("crash", "crash.core")] {
            let mut export = Command::new(kflat);
            export.arg("export").arg(&image).arg("--elf");
            export.arg(self.folder.join(core));
            process::run(export.args(["--profile", profile]), &log)?;
        }
        let first = json.lines().next().unwrap_or_default();
        let event: Value = serde_json::from_str(first)?;
        let context = |key: &str| {
            let value = event.pointer(&format!("/context/{key}"));
            let value = value.and_then(Value::as_str);
            value.with_context(|| format!("the image does not tell {key}"))
        };
        let offset = context("kernel_offset")?.trim_start_matches("0x");
        let symbols = fs::read_to_string(self.folder.join("kallsyms"))?;
        let boot = Boot {
            offset: u64::from_str_radix(offset, 16)?,
            build_id: context("build_id")?,
            symbols: &symbols,
        };
        namelist::make(root, kernel, &boot, &self.folder, &log)
    }

    fn drgn(&self) -> Result<()> {
        let script = script("with_drgn.py");
        self.inside(&[
            &format!("{VENV}/bin/drgn"),
            "-q",
            "-c",
            "captured.core",
            "-s",
            "vmlinux",
            &script,
            "captured.json",
        ])
    }

    fn gdb(&self) -> Result<()> {
        let script = script("with_gdb.py");
        self.inside(&[
            "env",
            "KFLAT_JSON=captured.json",
            "gdb",
            "-q",
            "-nx",
            "-batch",
            "-x",
            "captured.core.gdb",
            "-ex",
            "vmlinux vmlinux",
            "-x",
            &script,
        ])
    }

    fn crash(&self) -> Result<()> {
        let script = script("with_crash.py");
        self.inside(&[&format!("{VENV}/bin/python"), &script, "."])
    }

    /// Runs a command in the test root, in the folder.
    fn inside(&self, command: &[&str]) -> Result<()> {
        let binds: [&Path; 2] = [&workspace::root(), &self.folder];
        let mut command = self.root.command(&self.folder, &binds, command);
        process::run(&mut command, &self.folder.join("tools.log"))
    }
}

fn script(name: &str) -> String {
    let path = workspace::root().join("tests/tools").join(name);
    path.display().to_string()
}
