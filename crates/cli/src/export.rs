//! `kflat export`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::ValueEnum;
use kflat_image::Image;
use kflat_image::export::{self, Summary};

use crate::failure;
use crate::output::write;
use crate::size::{counted, shown};

/// Write an image as an ELF core, for debuggers
///
/// Captured bytes are at their original addresses, with the original pointers;
/// all else is absent, and debuggers say so. Beside OUT, a script for gdb is
/// written, OUT.gdb, which takes care of a kernel that was loaded elsewhere than
/// it was linked for.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The image
    file: PathBuf,
    /// Where the core goes
    #[arg(long, value_name = "OUT")]
    elf: PathBuf,
    /// What it is for
    #[arg(long, value_enum, default_value_t)]
    profile: Profile,
    /// The kernel's file with debug information, for the gdb script
    #[arg(long, value_name = "FILE")]
    vmlinux: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  kflat export vfs_read.img --elf vfs_read.core
  drgn -c vfs_read.core -s vmlinux
  gdb -x vfs_read.core.gdb -ex 'vmlinux ./vmlinux'

  kflat capture --pages recipes/vfs_read.kflat -- head -n1 /etc/hostname
  kflat export vfs_read.img --elf vfs_read.core --profile crash
  crash --minimal vmlinux vfs_read.core";

/// What a core is for.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Profile {
    /// drgn and gdb: exactly what was captured, by virtual address
    #[default]
    Drgn,
    /// crash --minimal: whole pages by physical address, of an image that was
    /// captured with --pages
    Crash,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let image = Image::read(&arguments.file)?;
    for warning in image.warnings() {
        failure::warn(warning);
    }
    let vmlinux = match &arguments.vmlinux {
        Some(vmlinux) => Some(
            fs::canonicalize(vmlinux)
                .with_context(|| format!("can't find {}", vmlinux.display()))?,
        ),
        None => None,
    };
    let out = &arguments.elf;
    let profile = match arguments.profile {
        Profile::Drgn => export::Profile::Drgn,
        Profile::Crash => export::Profile::Crash,
    };
    let summary = write(out, |file| Ok(export::write_elf(&image, profile, file)?))?;
    let mut script = out.clone().into_os_string();
    script.push(".gdb");
    let core = fs::canonicalize(out)?;
    let text = export::gdb_script(&image, &core, vmlinux.as_deref());
    write(Path::new(&script), |file| {
        Ok(file.write_all(text.as_bytes())?)
    })?;
    tell(out, &script.display().to_string(), &summary);
    Ok(())
}

fn tell(out: &Path, script: &str, summary: &Summary) {
    if summary.left_out > 0 {
        failure::warn(format!(
            "{} outside of the saved pages left out",
            match summary.left_out {
                1 => "1 captured fragment is".to_owned(),
                count => format!("{count} captured fragments are"),
            }
        ));
    }
    if !summary.own_vmcoreinfo {
        failure::warn("the image has no VMCOREINFO of its kernel; what is known of it is written");
    }
    anstream::eprintln!(
        "{}: {} of memory in {}; for gdb: {script}",
        out.display(),
        shown(summary.memory),
        counted(summary.segments as u64, "segment"),
    );
}
