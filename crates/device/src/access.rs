//! Opening the device, and why it can't be.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use kflat_abi::uapi::DEVICE_PATH;

use crate::error::Error;

const DEBUGFS: &str = "/sys/kernel/debug";
/// `CAP_SYS_RAWIO` of `<linux/capability.h>`.
const CAP_SYS_RAWIO: u32 = 17;

/// Opens the device.
pub(crate) fn open() -> Result<File, Error> {
    File::open(DEVICE_PATH).map_err(|error| explain(error, &Machine::look()))
}

/// What the reasons depend on.
struct Machine {
    debugfs: bool,
    /// Whether the kernel has a place for it.
    debugfs_possible: bool,
    module: bool,
    may: bool,
    lockdown: Option<String>,
}

impl Machine {
    fn look() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        Self {
            debugfs: mounts_debugfs(&read("/proc/self/mounts")),
            debugfs_possible: Path::new(DEBUGFS).exists(),
            module: Path::new("/sys/module/kflat").exists(),
            may: has_capability(&read("/proc/self/status"), CAP_SYS_RAWIO),
            lockdown: lockdown(&read("/sys/kernel/security/lockdown")),
        }
    }
}

/// The order matters: without the first of these the others can't be known.
fn explain(error: io::Error, machine: &Machine) -> Error {
    match error.kind() {
        io::ErrorKind::PermissionDenied if !machine.may => Error::NoPermission,
        io::ErrorKind::PermissionDenied => match &machine.lockdown {
            Some(mode) => Error::LockedDown { mode: mode.clone() },
            None => Error::Open(error),
        },
        io::ErrorKind::NotFound if !machine.debugfs_possible => Error::KernelWithoutDebugfs,
        io::ErrorKind::NotFound if !machine.module => Error::NotLoaded {
            also_mount: !machine.debugfs,
        },
        io::ErrorKind::NotFound if !machine.debugfs => Error::DebugfsNotMounted,
        _ => Error::Open(error),
    }
}

/// Whether `/proc/self/mounts` has debugfs at its place.
fn mounts_debugfs(mounts: &str) -> bool {
    mounts.lines().any(|line| {
        let mut fields = line.split(' ').skip(1);
        fields.next() == Some(DEBUGFS) && fields.next() == Some("debugfs")
    })
}

/// Whether the process with this `/proc/PID/status` has a capability.
fn has_capability(status: &str, capability: u32) -> bool {
    let effective = (status.lines())
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok());
    effective.is_some_and(|bits| bits >> capability & 1 == 1)
}

/// The mode in brackets, if it is not `none`.
pub(crate) fn lockdown(file: &str) -> Option<String> {
    let mode = file.split('[').nth(1)?.split(']').next()?;
    (mode != "none").then(|| mode.to_owned())
}

/// The kernel's lockdown mode as it is now.
pub(crate) fn lockdown_now() -> String {
    let file = fs::read_to_string("/sys/kernel/security/lockdown").unwrap_or_default();
    lockdown(&file).unwrap_or_else(|| "unknown mode".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Machine = Machine {
        debugfs: true,
        debugfs_possible: true,
        module: true,
        may: true,
        lockdown: None,
    };

    fn said(errno: i32, machine: &Machine) -> String {
        explain(io::Error::from_raw_os_error(errno), machine).to_string()
    }

    #[test]
    fn each_missing_thing_is_named_with_what_to_do() {
        let no_module = Machine {
            module: false,
            ..GOOD
        };
        let said_no_module = said(libc::ENOENT, &no_module);
        assert!(said_no_module.contains("insmod"), "{said_no_module}");
        assert!(!said_no_module.contains("mount"), "{said_no_module}");

        let nothing = Machine {
            module: false,
            debugfs: false,
            ..GOOD
        };
        let said_nothing = said(libc::ENOENT, &nothing);
        assert!(said_nothing.contains("insmod"), "{said_nothing}");
        assert!(said_nothing.contains("mount -t debugfs"), "{said_nothing}");

        let unmounted = Machine {
            debugfs: false,
            ..GOOD
        };
        let said_unmounted = said(libc::ENOENT, &unmounted);
        assert!(
            said_unmounted.contains("mount -t debugfs"),
            "{said_unmounted}"
        );
        assert!(!said_unmounted.contains("insmod"), "{said_unmounted}");

        let nobody = Machine { may: false, ..GOOD };
        for errno in [libc::EPERM, libc::EACCES] {
            assert!(said(errno, &nobody).contains("CAP_SYS_RAWIO"));
        }

        let locked = Machine {
            lockdown: Some("integrity".to_owned()),
            ..GOOD
        };
        assert!(said(libc::EPERM, &locked).contains("integrity"));
    }

    #[test]
    fn what_the_machine_says_is_understood() {
        assert!(mounts_debugfs(
            "proc /proc proc rw 0 0\ndebugfs /sys/kernel/debug debugfs rw,relatime 0 0\n"
        ));
        assert!(!mounts_debugfs("tmpfs /sys/kernel/debug tmpfs rw 0 0\n"));
        assert!(has_capability("Name:\tx\nCapEff:\t000001ffffffffff\n", 17));
        assert!(!has_capability("CapEff:\t000001fffffdffff\n", 17));
        assert!(!has_capability("", 17));
        assert_eq!(lockdown("[none] integrity confidentiality\n"), None);
        assert_eq!(
            lockdown("none [integrity] confidentiality\n").as_deref(),
            Some("integrity")
        );
        assert_eq!(lockdown(""), None);
    }
}
