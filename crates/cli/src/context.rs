//! What is kept with an image about the machine that it is from.

use std::fs;

use anyhow::Result;
use kflat_device::Device;
use rustix::system::uname;

use crate::capture;
use crate::recipe_source::Recipe;
use crate::vmcoreinfo::{self, note};

/// Keys and values. What can't be known is left out.
pub(crate) fn gather(
    device: &Device,
    recipe: &Recipe,
    arguments: &capture::Arguments,
    vmcoreinfo: &str,
) -> Result<Vec<(String, String)>> {
    let system = uname();
    let text = |value: &std::ffi::CStr| Some(value.to_string_lossy().into_owned());
    let info = |key: &str| vmcoreinfo::value(vmcoreinfo, key).map(str::to_owned);
    let levels = device.versions().page_table_levels;
    let facts = [
        ("kernel", text(system.release())),
        ("kernel_version", text(system.version())),
        ("architecture", text(system.machine())),
        ("build_id", info("BUILD-ID").or_else(build_id)),
        // As the kernel's own crash dumps have it.
        (
            "kernel_offset",
            info("KERNELOFFSET").map(|digits| format!("0x{digits}")),
        ),
        ("page_table_levels", Some(levels.to_string())),
        ("host", text(system.nodename())),
        ("recipe", Some(recipe.target.clone())),
        ("command", arguments.command_line()),
        ("kflat", Some(env!("CARGO_PKG_VERSION").to_owned())),
    ];
    let known = facts
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Ok(known.collect())
}

/// The build id from the notes of the running kernel.
fn build_id() -> Option<String> {
    let id = note(&fs::read("/sys/kernel/notes").ok()?, b"GNU\0", 3)?.to_vec();
    Some(id.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_kernel_has_a_build_id_of_hexadecimal_digits() {
        // Where it is readable at all.
        if let Some(id) = build_id() {
            assert!(id.len() >= 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit()));
        }
    }
}
