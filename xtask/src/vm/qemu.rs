//! The command line of QEMU.

use std::path::Path;
use std::process::Command;

use super::accelerator::Accelerator;
use super::channel::Channel;
use super::{Levels, Spec, Work};
use crate::buildroot::BuildRoot;
use crate::workspace;

/// Options of the kernel. A guest in trouble stops at once; nothing else is
/// different from an installed machine. The console gets warnings only, for
/// speed: the whole log is fetched at the end, or printed by a panic.
const KERNEL: &str = "console=ttyS0 quiet panic=-1 oops=panic softlockup_panic=1 log_buf_len=4M";

/// A clock that counts instructions, and nothing by chance.
const COUNTED: &[&str] = &[
    "-icount",
    "shift=0,sleep=off",
    "-seed",
    "1",
    "-rtc",
    "base=2026-01-01T00:00:00,clock=vm",
    "-nic",
    "none",
];

/// QEMU for `spec`, with the initramfs and the channels' sockets in `scratch`.
pub(super) fn command(
    root: &BuildRoot,
    spec: &Spec,
    accelerator: Accelerator,
    scratch: &Path,
) -> Command {
    let kernel = root.kernel(&spec.kernel);
    let checkout = workspace::root();
    let cpu = match spec.levels {
        Levels::Four => "max,la57=off",
        Levels::Five => "max",
    };
    let file = |name: &str| scratch.join(name).display().to_string();
    let mut words: Vec<String> = Vec::new();
    let mut add = |list: &[&str]| words.extend(list.iter().map(|&word| word.to_owned()));

    // A guest must not outlive us, however we end.
    add(&["setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64"]);
    add(&[
        "-nodefaults",
        "-no-user-config",
        "-no-reboot",
        "-display",
        "none",
    ]);
    add(&[
        "-machine",
        "pc",
        "-accel",
        accelerator.option(),
        "-cpu",
        cpu,
    ]);
    add(&["-smp", &spec.cpus.to_string(), "-m", &spec.memory]);
    add(&["-kernel", &kernel.join("vmlinuz").display().to_string()]);
    let counted = spec.work.is_counted();
    let options = if counted {
        add(COUNTED);
        format!("{KERNEL} nokaslr")
    } else {
        add(&["-device", "virtio-serial-pci,max_ports=8"]);
        KERNEL.to_owned()
    };
    add(&["-initrd", &file("initramfs"), "-append", &options]);
    for &channel in Channel::all(&spec.work) {
        let name = channel.name();
        add(&["-chardev", &format!("socket,id={name},path={}", file(name))]);
        // QEMU does the work of a virtio port when the host finds the time: two guests
        // that have one differ, whether they use it or not.
        if counted || channel == Channel::Console {
            add(&["-serial", &format!("chardev:{name}")]);
        } else {
            add(&[
                "-device",
                &format!("virtserialport,chardev={name},name={name}"),
            ]);
        }
    }
    if matches!(spec.work, Work::Shell { .. }) {
        add(&[
            "-chardev",
            "stdio,id=terminal,signal=off",
            "-serial",
            "chardev:terminal",
        ]);
    }
    let share = |tag: &str, path: &Path, more: &str| {
        format!(
            "local,path={},mount_tag={tag},security_model=none,multidevs=remap{more}",
            // QEMU reads a doubled comma as one.
            path.display().to_string().replace(',', ",,")
        )
    };
    if !counted {
        add(&["-virtfs", &share("share", &spec.share, "")]);
        add(&["-virtfs", &share("checkout", &checkout, ",readonly=on")]);
    }

    root.command(
        Path::new("/"),
        &[scratch, &kernel, &spec.share, &checkout],
        words,
    )
}
