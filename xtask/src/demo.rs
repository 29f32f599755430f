//! `cargo xtask demo`: from nothing to a typed view of live kernel data.

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::Path;
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
    #[arg(last = true, default_values = ["head", "-n1", "/etc/hostname"])]
    command: Vec<OsString>,
}

/// The recipe of the demo, and what it is there for.
const RECIPE: &str = "vfs_read";
const NAME: &str = "file->f_path.dentry->d_name.name";

/// Where the guest leaves the image, in the share.
const IMAGE: &str = "captured.kflat";

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

    let recipe = format!("recipes/{}.kflat", options.recipe);
    let mut command: Vec<OsString> = ["kflat", "capture", &recipe, "-o", IMAGE, "--"]
        .map(OsString::from)
        .to_vec();
    command.extend(options.command.iter().cloned());
    progress::line(&format!(
        "==> In a guest with Linux {}: {}",
        kernel.release,
        command.join(" ".as_ref()).display()
    ));
    let spec = Spec {
        kernel: kernel.clone(),
        levels: Levels::Four,
        cpus: 1,
        memory: "1G".to_owned(),
        modules: vec![modules.kflat],
        share: shared.clone(),
        work: Work::Command(command),
        limit: Duration::from_secs(300),
        logs: directory.join("logs"),
    };
    let outcome = vm::run(&root, &spec, &mut |_: Output, bytes: &[u8]| {
        // A closed terminal is no reason to stop.
        let _ = std::io::stderr().lock().write_all(bytes);
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

    let image = directory.join(format!("{}.kflat", options.recipe));
    fs::rename(shared.join(IMAGE), &image).context("the guest left no image")?;
    let kflat = programs.command("kflat")?;
    let file = image.display().to_string();
    let mut views: Vec<Vec<&str>> = vec![vec!["image", &file], vec!["show", &file, "--depth", "1"]];
    if options.recipe == RECIPE {
        let inode = ["show", &file, "file->f_inode", "--depth", "1"];
        views.extend([vec!["show", &file, NAME], inode.to_vec()]);
    }
    for view in &views {
        let line: Vec<String> = view.iter().map(|word| quoted(word, &file)).collect();
        println!("\n$ kflat {}", line.join(" "));
        let status = Command::new(kflat)
            .args(view)
            .status()
            .with_context(|| format!("can't run {}", kflat.display()))?;
        if !status.success() {
            return Ok(ExitCode::FAILURE);
        }
    }
    println!(
        "\nThe image is {file}\nkflat is {}; with kflat show IMAGE it shows all of it, with \
         kflat graph IMAGE what points to what",
        kflat.display()
    );
    Ok(ExitCode::SUCCESS)
}

/// A word of a command line, the image by its name alone.
fn quoted(word: &str, file: &str) -> String {
    match word {
        word if word == file => {
            let name = Path::new(word).file_name().unwrap_or_default();
            name.to_string_lossy().into_owned()
        }
        word if word.contains('>') => format!("'{word}'"),
        word => word.to_owned(),
    }
}
