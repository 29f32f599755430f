//! The commands of pages, run in a guest.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::page::{Kind, Page};
use crate::buildroot::BuildRoot;
use crate::kernels::Kernel;
use crate::module::Modules;
use crate::programs::Programs;
use crate::vm::{self, Levels, Spec, Work};
use crate::{process, progress, share, workspace};

/// Takes a fraction of this.
const LIMIT: Duration = Duration::from_secs(10 * 60);

/// What came of a page's commands.
#[derive(Debug, Default)]
pub(super) struct Ran {
    /// Of each step; of a file's nothing.
    pub(super) outputs: Vec<Output>,
    /// Pictures that they made.
    pub(super) files: BTreeMap<String, String>,
}

/// What a command printed on both outputs, and its exit status.
#[derive(Debug, Default)]
pub(super) struct Output {
    pub(super) text: String,
    pub(super) status: i32,
}

/// Runs the pages' commands in a guest, in order.
///
/// # Errors
/// If the guest fails, or a command takes too long.
pub(super) fn run(
    root: &BuildRoot,
    kernel: &Kernel,
    modules: &Modules,
    programs: &Programs,
    pages: Vec<Page>,
) -> Result<Vec<(Page, Ran)>> {
    let directory = workspace::target().join("transcripts");
    let share = directory.join("share");
    let _ = fs::remove_dir_all(&share);
    share::fill(&share, programs, Some(modules))?;
    let mut script = String::new();
    for (number, page) in pages.iter().enumerate() {
        script.push_str(&prepare(page, &share, &number.to_string())?);
    }
    fs::write(share.join("all.sh"), script)?;
    let spec = Spec {
        kernel: kernel.clone(),
        levels: Levels::Four,
        cpus: 1,
        memory: "1G".to_owned(),
        modules: vec![modules.kflat.clone()],
        share: share.clone(),
        work: Work::Command(["sh", "/share/all.sh"].map(Into::into).to_vec()),
        limit: LIMIT,
        logs: directory.join("logs"),
    };
    let outcome = progress::step(
        "Running the commands of the documentation in a guest",
        || vm::run(root, &spec, &mut |_, _| {}),
    )?;
    if !outcome.is_success() {
        bail!(
            "the guest failed: {}\n{}",
            outcome.complaints.join("\n"),
            process::tail(&spec.logs.join("console.log"), 0)
        );
    }
    (pages.into_iter().enumerate())
        .map(|(number, page)| {
            let ran = collect(&page, &share.join(number.to_string()))?;
            Ok((page, ran))
        })
        .collect()
}

/// Writes what a page's steps need into the folder `name` of the share; the script that does
/// them.
fn prepare(page: &Page, share: &Path, name: &str) -> Result<String> {
    let folder = share.join(name);
    fs::create_dir_all(&folder)?;
    let mut script =
        format!("mkdir /tmp/{name} && cd /tmp/{name} && cp -r /share/recipes . || exit\n");
    for (number, step) in page.steps.iter().enumerate() {
        fs::write(folder.join(number.to_string()), &step.text)?;
        let path = format!("/share/{name}/{number}");
        match &step.kind {
            Kind::Command => writeln!(
                script,
                "sh {path} </dev/null >{path}.printed 2>&1; echo $? >{path}.status"
            )?,
            Kind::File(name) => writeln!(script, "cp {path} {name} || exit")?,
        }
    }
    writeln!(
        script,
        "for file in *.svg; do [ ! -e \"$file\" ] || cp \"$file\" /share/{name}; done"
    )?;
    Ok(script)
}

fn collect(page: &Page, folder: &Path) -> Result<Ran> {
    let mut ran = Ran::default();
    for (number, step) in page.steps.iter().enumerate() {
        let read = |end: &str| {
            let path = folder.join(format!("{number}.{end}"));
            let bytes = fs::read(&path).with_context(|| {
                format!(
                    "{}:{}: it was not run: no {}",
                    page.name,
                    step.line,
                    path.display()
                )
            })?;
            anyhow::Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        ran.outputs.push(match step.kind {
            Kind::Command => Output {
                text: read("printed")?,
                status: read("status")?.trim().parse()?,
            },
            Kind::File(_) => Output::default(),
        });
    }
    for entry in fs::read_dir(folder)?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".svg") {
            ran.files.insert(name, fs::read_to_string(entry.path())?);
        }
    }
    Ok(ran)
}
