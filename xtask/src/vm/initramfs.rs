//! The guest's whole file system: busybox, our init, and the drivers that
//! reach the host.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::channel::Channel;
use super::cpio::Archive;
use super::{Spec, Work};
use crate::buildroot::BuildRoot;
use crate::workspace;

const INIT: &[u8] = include_bytes!("init.sh");

/// What reaches the host; those that a kernel has built in are not files.
const DRIVERS: &[&str] = &["virtio_pci", "virtio_console", "9pnet_virtio", "9p"];

/// Builds the archive for one boot.
///
/// # Errors
/// If something that belongs in it can't be read.
pub(super) fn build(root: &BuildRoot, spec: &Spec) -> Result<Vec<u8>> {
    let mut archive = Archive::default();
    for directory in ["bin", "dev", "etc", "etc/kflat", "early", "modules", "root"] {
        archive.directory(directory);
    }
    archive.character_device("dev/console", 5, 1);
    archive.file("init", 0o755, INIT);
    let busybox = root.root().join("usr/bin/busybox");
    archive.file("bin/busybox", 0o755, &read(&busybox)?);
    archive.symlink("bin/sh", "busybox");
    archive.file("etc/hostname", 0o644, b"kflat-guest\n");
    archive.file(
        "etc/passwd",
        0o644,
        b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n",
    );
    archive.file("etc/group", 0o644, b"root:x:0:\nnogroup:x:65534:\n");

    let mut early = Vec::new();
    if !spec.work.is_counted() {
        for (name, contents) in drivers(root, spec)? {
            archive.file(&format!("early/{name}"), 0o644, &contents);
            early.push(name);
        }
    }
    let mut modules = Vec::new();
    for path in &spec.modules {
        let name = file_name(path)?;
        archive.file(&format!("modules/{name}"), 0o644, &read(path)?);
        modules.push(name);
    }
    let unload: Vec<&str> = modules
        .iter()
        .rev()
        .map(|name| name.trim_end_matches(".ko"))
        .collect();
    let (interactive, rows, columns) = match &spec.work {
        Work::Shell { rows, columns } => ("yes", *rows, *columns),
        Work::Command(arguments) => {
            archive.file("etc/kflat/command", 0o644, &script(arguments));
            ("", 0, 0)
        }
        Work::Counted { program, arguments } => {
            archive.file("counted", 0o755, &read(program)?);
            let mut command = vec![OsString::from("/counted")];
            command.extend_from_slice(arguments);
            archive.file("etc/kflat/command", 0o644, &script(&command));
            ("", 0, 0)
        }
    };
    let serial: Vec<&str> = if spec.work.is_counted() {
        let lines = Channel::all(&spec.work).iter();
        lines.map(|line| line.name()).collect()
    } else {
        Vec::new()
    };
    let checkout = workspace::root();
    let guest = format!(
        "EARLY='{}'\nMODULES='{}'\nUNLOAD='{}'\nINTERACTIVE={interactive}\nROWS={rows}\n\
         COLUMNS={columns}\nCHECKOUT='{}'\nSERIAL='{}'\n",
        early.join(" "),
        modules.join(" "),
        unload.join(" "),
        checkout.display(),
        serial.join(" "),
    );
    archive.file("etc/kflat/guest", 0o644, guest.as_bytes());
    Ok(archive.finish())
}

/// A shell script that becomes the command.
fn script(arguments: &[OsString]) -> Vec<u8> {
    let mut script = b"exec".to_vec();
    for argument in arguments {
        script.extend_from_slice(b" '");
        for &byte in argument.as_bytes() {
            match byte {
                b'\'' => script.extend_from_slice(b"'\\''"),
                other => script.push(other),
            }
        }
        script.push(b'\'');
    }
    script.push(b'\n');
    script
}

/// The drivers with what they depend on, in the order to load them.
fn drivers(root: &BuildRoot, spec: &Spec) -> Result<Vec<(String, Vec<u8>)>> {
    let directory = root
        .kernel(&spec.kernel)
        .join("lib/modules")
        .join(&spec.kernel.release);
    let dependencies = fs::read_to_string(directory.join("modules.dep"))
        .with_context(|| format!("can't read modules.dep in {}", directory.display()))?;
    load_order(&dependencies, DRIVERS)
        .into_iter()
        .map(|path| {
            let file = directory.join(path);
            let name = file_name(&file)?;
            let contents = match name.strip_suffix(".xz") {
                Some(_) => decompress(root, &file)?,
                None => read(&file)?,
            };
            Ok((name.trim_end_matches(".xz").to_owned(), contents))
        })
        .collect()
}

/// Paths to load for `wanted`, by `modules.dep`: each line names a module and
/// after the colon what must be loaded before it, last first.
fn load_order<'d>(dependencies: &'d str, wanted: &[&str]) -> Vec<&'d str> {
    let lines: HashMap<&str, (&str, &str)> = dependencies
        .lines()
        .filter_map(|line| {
            let (path, needs) = line.split_once(':')?;
            let name = path.rsplit('/').next()?.split(".ko").next()?;
            Some((name, (path, needs)))
        })
        .collect();
    let mut order = Vec::new();
    for (path, needs) in wanted.iter().filter_map(|name| lines.get(name)) {
        for module in needs.split_whitespace().rev().chain([*path]) {
            if !order.contains(&module) {
                order.push(module);
            }
        }
    }
    order
}

fn decompress(root: &BuildRoot, path: &Path) -> Result<Vec<u8>> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    let arguments = [
        "xz".as_ref(),
        "--decompress".as_ref(),
        "--stdout".as_ref(),
        path.as_os_str(),
    ];
    let mut command: Command = root.command(directory, &[directory], arguments);
    let output = command.output().context("can't start xz")?;
    if !output.status.success() {
        bail!("can't decompress {}", path.display());
    }
    Ok(output.stdout)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("can't read {}", path.display()))
}

fn file_name(path: &Path) -> Result<String> {
    path.file_name()
        .and_then(|name| name.to_str())
        .map(str::to_owned)
        .with_context(|| format!("{} is no name for a module", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_come_first_and_once_and_built_in_drivers_are_left_out() {
        let dep = "kernel/fs/9p/9p.ko.xz: kernel/net/9p/9pnet.ko.xz kernel/fs/netfs/netfs.ko.xz\n\
            kernel/net/9p/9pnet_virtio.ko.xz: kernel/net/9p/9pnet.ko.xz\n\
            kernel/net/9p/9pnet.ko.xz:\nkernel/fs/netfs/netfs.ko.xz:\n";
        assert_eq!(
            load_order(dep, DRIVERS),
            [
                "kernel/net/9p/9pnet.ko.xz",
                "kernel/net/9p/9pnet_virtio.ko.xz",
                "kernel/fs/netfs/netfs.ko.xz",
                "kernel/fs/9p/9p.ko.xz",
            ]
        );
    }

    #[test]
    fn arguments_reach_the_guest_as_they_are() {
        let arguments = ["sh", "-c", "echo 'a  b' $X"].map(OsString::from);
        assert_eq!(
            String::from_utf8_lossy(&script(&arguments)),
            "exec 'sh' '-c' 'echo '\\''a  b'\\'' $X'\n"
        );
    }
}
