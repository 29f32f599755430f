//! VMCOREINFO: what readers of crash dumps want to know about the kernel.

use crate::extension::Extension;

/// The kernel's own, if it was saved with the image; else what the context tells,
/// which is enough for drgn. `None`: not even the kernel's release is known.
pub(super) fn vmcoreinfo(extension: &Extension) -> Option<String> {
    if let Some(own) = extension.vmcoreinfo() {
        return Some(own.to_owned());
    }
    let context = |key: &str| {
        let mut context = extension.context().iter();
        let found = context.find(|(known, _)| known == key);
        found
            .map(|(_, value)| value.lines().next().unwrap_or_default())
            .filter(|value| !value.is_empty())
    };
    let mut lines = format!("OSRELEASE={}\n", context("kernel")?);
    let mut add = |key: &str, value: Option<&str>| {
        if let Some(value) = value {
            lines.push_str(&format!("{key}={value}\n"));
        }
    };
    add("BUILD-ID", context("build_id"));
    add("PAGESIZE", Some("4096"));
    // Has to be there; that the page is not in the core only matters to those who
    // walk page tables, which are not in it either.
    add("SYMBOL(swapper_pg_dir)", Some("ffffffff80000000"));
    let offset = context("kernel_offset");
    add(
        "KERNELOFFSET",
        offset.map(|offset| offset.trim_start_matches("0x")),
    );
    let levels = context("page_table_levels");
    add(
        "NUMBER(pgtable_l5_enabled)",
        levels.map(|levels| if levels == "5" { "1" } else { "0" }),
    );
    Some(lines)
}

/// The value of `key` in VMCOREINFO.
pub(super) fn value<'v>(vmcoreinfo: &'v str, key: &str) -> Option<&'v str> {
    vmcoreinfo
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
}
