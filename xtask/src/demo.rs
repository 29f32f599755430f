//! `cargo xtask demo`: from nothing to a typed view of live kernel data.

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::buildroot::BuildRoot;
use crate::vm::{self, Levels, Output, Spec, Work};
use crate::{kernels, module, process, programs, progress, share, workspace};

/// Which kernel, and what to capture on it.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Kernel: a series (6.1, 6.12, 7.x), a suite or a release
    #[arg(long, default_value = "6.12")]
    kernel: String,
    /// A file of recipes/, without its end
    #[arg(long, default_value = RECIPE)]
    recipe: String,
    /// What the guest runs as the process to capture from; its programs are
    /// busybox's, whose cat does not read but splices
    #[arg(last = true, default_values = COMMAND)]
    command: Vec<String>,
}

/// The recipe of the demo, what it is captured from, and what it is there for.
const RECIPE: &str = "vfs_read";
const COMMAND: [&str; 3] = ["head", "-n1", "/etc/hostname"];
const NAME: &str = "file->f_path.dentry->d_name.name";

/// Captures, and shows the image on stdout.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let root = BuildRoot::get()?;
    let kernel = kernels::select_one(&root.kernels, &options.kernel)?;
    let modules = module::build(&root, kernel)?;
    let programs = programs::build(&root)?;
    let directory = workspace::target().join("demo");
    let shared = directory.join("share");
    let _ = fs::remove_dir_all(&shared);
    share::fill(&shared, &programs, Some(&modules))?;

    let capture = options.capture();
    progress::line(&format!("==> In a guest with Linux {}", kernel.release));
    println!("\n{}", line(&capture));
    let spec = Spec {
        kernel: kernel.clone(),
        levels: Levels::Four,
        cpus: 1,
        memory: "1G".to_owned(),
        modules: vec![modules.kflat],
        share: shared.clone(),
        work: Work::Command(capture.into_iter().map(OsString::from).collect()),
        limit: Duration::from_secs(300),
        logs: directory.join("logs"),
    };
    let outcome = vm::run(&root, &spec, &mut |_: Output, bytes: &[u8]| {
        // A closed terminal is no reason to stop.
        let _ = std::io::stdout().lock().write_all(bytes);
    })?;
    if !outcome.is_success() {
        progress::line("---- console of the guest:");
        progress::line(&process::tail(&spec.logs.join("console.log"), 0));
        for complaint in &outcome.complaints {
            progress::line(&format!("error: {complaint}"));
        }
        progress::line(&format!("The guest's logs are in {}", spec.logs.display()));
        return Ok(ExitCode::FAILURE);
    }

    let image = options.image();
    fs::rename(shared.join(&image), directory.join(&image)).context("the guest left no image")?;
    let kflat = programs.command("kflat")?;
    for view in options.views() {
        println!("\n{}", line(&view));
        let status = Command::new(kflat)
            .args(view.iter().skip(1))
            .current_dir(&directory)
            .status()
            .with_context(|| format!("can't run {}", kflat.display()))?;
        if !status.success() {
            return Ok(ExitCode::FAILURE);
        }
    }
    println!(
        "\nThe image is {}\nkflat is {}; with kflat show IMAGE it shows all of it, with \
         kflat graph IMAGE what points to what",
        directory.join(&image).display(),
        kflat.display()
    );
    Ok(ExitCode::SUCCESS)
}

impl Options {
    /// The name of the image.
    fn image(&self) -> String {
        format!("{}.img", self.recipe)
    }

    /// What the guest runs.
    fn capture(&self) -> Vec<String> {
        let recipe = format!("recipes/{}.kflat", self.recipe);
        let command = self.command.iter().map(String::as_str);
        let capture = ["kflat", "capture", &recipe, "-o", &self.image(), "--"];
        capture
            .into_iter()
            .chain(command)
            .map(str::to_owned)
            .collect()
    }

    /// What is run here afterwards.
    fn views(&self) -> Vec<Vec<String>> {
        let image = self.image();
        let mut views = vec![
            vec!["kflat", "image", &image],
            vec!["kflat", "show", &image, "--depth", "1"],
        ];
        if self.recipe == RECIPE {
            views.push(vec!["kflat", "show", &image, NAME]);
            views.push(vec![
                "kflat",
                "show",
                &image,
                "file->f_inode",
                "--depth",
                "1",
            ]);
        }
        let owned = |view: Vec<&str>| view.into_iter().map(str::to_owned).collect();
        views.into_iter().map(owned).collect()
    }
}

/// A command as one types it.
fn line(command: &[String]) -> String {
    let words: Vec<String> = (command.iter())
        .map(|word| match word.contains([' ', '>', '$']) {
            true => format!("'{word}'"),
            false => word.clone(),
        })
        .collect();
    format!("$ {}", words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_commands_of_the_readme_are_those_of_the_demo() {
        let options = Options {
            kernel: String::new(),
            recipe: RECIPE.to_owned(),
            command: COMMAND.map(str::to_owned).to_vec(),
        };
        let mut shown_here = vec![line(&options.capture())];
        shown_here.extend(options.views().iter().map(|view| line(view)));
        let readme = fs::read_to_string(workspace::root().join("README.md")).expect("a page");
        let (_, block) = readme.split_once("```console\n").expect("a transcript");
        let (block, _) = block.split_once("```").expect("its end");
        let commands: Vec<&str> = block
            .lines()
            .filter(|line| line.starts_with("$ "))
            .collect();
        assert!(commands.len() >= 2);
        for command in commands {
            assert!(shown_here.iter().any(|line| line == command), "{command}");
        }
    }
}
