//! `cargo xtask transcripts`: what the documentation shows of commands is what they print.
//!
//! README.md and the pages of `doc/` have blocks that are run in a guest, in order, each page in
//! a folder of its own that has `recipes/` in it; `doc/developing.md` says how they are written.

mod guest;
mod page;
mod shown;
mod varying;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::buildroot::BuildRoot;
use crate::kernels::{self, Kernel};
use crate::module::{self, Modules};
use crate::programs::{self, Programs};
use crate::{progress, workspace};
use guest::Ran;
use page::{Kind, Page, Step};

/// The kernel whose output is shown.
pub(crate) const SERIES: &str = "6.12";

/// What the names of these tests begin with.
pub(crate) const THEME: &str = "transcripts";

/// What to do with a page that differs.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Change nothing; fail if a page shows what is not printed
    #[arg(long)]
    check: bool,
}

/// Runs the commands of all pages, and renews or checks what is shown of them.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let root = BuildRoot::get()?;
    let kernel = kernels::select_one(&root.kernels, SERIES)?;
    let modules = module::build(&root, kernel)?;
    let programs = programs::build(&root)?;
    let mut is_current = true;
    for (page, ran) in in_guest(&root, kernel, &modules, &programs)? {
        let complaints = if options.check {
            check(&page, &ran)
        } else {
            renew(page, &ran)?
        };
        is_current &= complaints.is_empty();
        for complaint in complaints {
            progress::line(&complaint);
        }
    }
    Ok(if is_current {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Checks all pages; what is wrong with each.
///
/// # Errors
/// If a page can't be read, or the guest fails.
pub(crate) fn complaints(
    root: &BuildRoot,
    kernel: &Kernel,
    modules: &Modules,
    programs: &Programs,
) -> Result<Vec<(String, Vec<String>)>> {
    let pages = in_guest(root, kernel, modules, programs)?;
    let checked = (pages.iter()).map(|(page, ran)| (page.name.clone(), check(page, ran)));
    Ok(checked.collect())
}

fn in_guest(
    root: &BuildRoot,
    kernel: &Kernel,
    modules: &Modules,
    programs: &Programs,
) -> Result<Vec<(Page, Ran)>> {
    let pages = pages()?;
    guest::run(root, kernel, modules, programs, pages)
}

/// The pages that have something to run.
fn pages() -> Result<Vec<Page>> {
    let root = workspace::root();
    let mut names = vec!["README.md".to_owned()];
    for entry in fs::read_dir(root.join("doc")).context("can't read doc/")? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".md") {
            names.push(format!("doc/{name}"));
        }
    }
    names.sort();
    let mut pages = Vec::new();
    for name in names {
        let text =
            fs::read_to_string(root.join(&name)).with_context(|| format!("can't read {name}"))?;
        pages.push(Page::parse(&name, &text)?);
    }
    pages.retain(|page| !page.steps.is_empty());
    Ok(pages)
}

/// What a page shows that is not so.
fn check(page: &Page, ran: &Ran) -> Vec<String> {
    let mut complaints = failures(page, ran);
    for (step, shown, output) in transcripts(page, ran) {
        if let Err(gone) = shown::renewed(&shown, &output) {
            let at = step.output_line() + gone.index;
            complaints.push(format!(
                "{}:{at}: `{}`: {gone}\ncargo xtask transcripts renews it",
                page.name, step.text
            ));
        }
    }
    for name in page.pictures() {
        let Some(made) = ran.files.get(name) else {
            continue;
        };
        let kept = fs::read_to_string(beside(&page.name, name)).unwrap_or_default();
        if !shown::is_same(&kept, made) {
            complaints.push(format!(
                "{}: {name} is not the picture that its commands make any more; \
                 cargo xtask transcripts renews it",
                page.name
            ));
        }
    }
    complaints
}

/// Puts what was printed into a page; what is left for people to do.
fn renew(mut page: Page, ran: &Ran) -> Result<Vec<String>> {
    let mut complaints = failures(&page, ran);
    let mut changes = Vec::new();
    for (step, shown, output) in transcripts(&page, ran) {
        let lines = shown::renewed(&shown, &output).unwrap_or_else(|gone| {
            complaints.push(format!(
                "{}:{}: `{}`: {gone}\nAll that it prints is there now: put `…` for what to leave out",
                page.name, step.line, step.text
            ));
            output.iter().map(|line| (*line).to_owned()).collect()
        });
        changes.push((step.output.clone().unwrap_or_default(), lines));
    }
    for (range, lines) in changes.into_iter().rev() {
        page.lines.splice(range, lines);
    }
    let path = workspace::root().join(&page.name);
    fs::write(&path, page.lines.join("\n") + "\n")
        .with_context(|| format!("can't write {}", path.display()))?;
    for name in page.pictures() {
        if let Some(made) = ran.files.get(name) {
            fs::write(beside(&page.name, name), made)
                .with_context(|| format!("can't write {name}"))?;
        }
    }
    Ok(complaints)
}

/// Commands that show nothing of their output, and did not succeed.
fn failures(page: &Page, ran: &Ran) -> Vec<String> {
    let steps = page.steps.iter().zip(&ran.outputs);
    steps
        .filter(|(step, ran)| {
            step.kind == Kind::Command && step.output.is_none() && ran.status != 0
        })
        .map(|(step, ran)| {
            format!(
                "{}:{}: `{}` ends with status {}:\n{}",
                page.name, step.line, step.text, ran.status, ran.text
            )
        })
        .collect()
}

/// Commands with the lines that are shown and those that were printed.
fn transcripts<'p>(
    page: &'p Page,
    ran: &'p Ran,
) -> impl Iterator<Item = (&'p Step, Vec<&'p str>, Vec<&'p str>)> {
    (page.steps.iter().zip(&ran.outputs)).filter_map(|(step, output)| {
        let shown = page.lines.get(step.output.clone()?)?;
        let shown = shown.iter().map(String::as_str).collect();
        Some((step, shown, output.text.trim_end().lines().collect()))
    })
}

/// The file `name` in the folder of a page.
fn beside(page: &str, name: &str) -> std::path::PathBuf {
    let folder = Path::new(page).parent().unwrap_or(Path::new(""));
    workspace::root().join(folder).join(name)
}
