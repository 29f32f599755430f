//! Prints the C header of the `ioctl` interface, `include/kflat_uapi.h`.

use core::fmt::{self, Write};

use crate::reason::REASONS;
use crate::{control, uapi};

/// A struct that can print itself as C.
pub trait CStruct {
    /// Its tag.
    const NAME: &'static str;
    /// Its comment, a line each.
    const DOC: &'static [&'static str];
    /// Declaration and comment of each field; an empty declaration is padding
    /// that C adds by itself.
    const FIELDS: &'static [(&'static str, &'static [&'static str])];
}

/// Writes the whole header.
///
/// # Errors
/// Only those of `out`.
pub fn write_header(out: &mut impl Write) -> fmt::Result {
    out.write_str(concat!(
        "/* SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only */\n",
        "/* Generated from crates/abi by `cargo xtask header`. Do not edit. */\n",
        "#ifndef KFLAT_UAPI_H\n#define KFLAT_UAPI_H\n\n",
        "#include <linux/ioctl.h>\n#include <linux/types.h>\n",
        "#include <stddef.h>\n#include <sys/types.h>\n\n",
    ))?;
    writeln!(out, "#define KFLAT_DEVICE_PATH \"{}\"\n", uapi::DEVICE_PATH)?;

    comment(out, "", &[" Page offsets for mmap."])?;
    writeln!(
        out,
        "#define KFLAT_MMAP_FLATTEN {}",
        uapi::KFLAT_MMAP_FLATTEN
    )?;
    writeln!(out, "#define KFLAT_MMAP_KDUMP {}\n", uapi::KFLAT_MMAP_KDUMP)?;

    c_struct::<uapi::Enable>(out)?;
    c_struct::<uapi::Disable>(out)?;
    c_struct::<uapi::Tests>(out)?;
    c_struct::<uapi::MemoryMap>(out)?;
    out.write_str(concat!(
        "#define KFLAT_PROC_ENABLE _IOW('k', 2, struct kflat_ioctl_enable)\n",
        "#define KFLAT_PROC_DISABLE _IOR('k', 3, struct kflat_ioctl_disable)\n",
        "#define KFLAT_TESTS _IOW('k', 4, struct kflat_ioctl_tests)\n",
        "#define KFLAT_MEMORY_MAP _IOR('k', 5, struct kflat_ioctl_mem_map)\n",
        "#define KFLAT_GET_LOADED_RECIPES _IOR('k', 6, char[4096])\n\n",
    ))?;

    c_struct::<control::RecipeLoad>(out)?;
    c_struct::<control::RecipeUnload>(out)?;
    c_struct::<control::NameList>(out)?;
    c_struct::<control::RecipeDescribe>(out)?;
    c_struct::<control::CaptureStatus>(out)?;
    c_struct::<control::EnableAlso>(out)?;
    c_struct::<control::Version>(out)?;
    out.write_str(concat!(
        "#define KFLAT_RECIPE_LOAD _IOWR('k', 32, struct kflat_recipe_load)\n",
        "#define KFLAT_RECIPE_UNLOAD _IOW('k', 33, struct kflat_recipe_unload)\n",
        "#define KFLAT_RECIPE_LIST _IOWR('k', 34, struct kflat_name_list)\n",
        "#define KFLAT_RECIPE_DESCRIBE _IOWR('k', 35, struct kflat_recipe_describe)\n",
        "#define KFLAT_CAPTURE_STATUS _IOWR('k', 36, struct kflat_capture_status)\n",
        "#define KFLAT_TEST_LIST _IOWR('k', 37, struct kflat_name_list)\n",
        "#define KFLAT_VERSION _IOWR('k', 38, struct kflat_version)\n",
        "#define KFLAT_ENABLE_ALSO _IOW('k', 39, struct kflat_enable_also)\n\n",
    ))?;

    for (name, value) in STATES.iter().chain(REASONS) {
        writeln!(out, "#define {name} {value}")?;
    }
    out.write_str("\n#endif /* KFLAT_UAPI_H */\n")
}

/// The numbers that a status speaks in.
const STATES: &[(&str, u32)] = &[
    ("KFLAT_STATE_IDLE", control::STATE_IDLE),
    ("KFLAT_STATE_ARMED", control::STATE_ARMED),
    ("KFLAT_STATE_CAPTURING", control::STATE_CAPTURING),
    ("KFLAT_STATE_READY", control::STATE_READY),
    ("KFLAT_STATE_FAILED", control::STATE_FAILED),
];

fn c_struct<S: CStruct>(out: &mut impl Write) -> fmt::Result {
    comment(out, "", S::DOC)?;
    writeln!(out, "struct {} {{", S::NAME)?;
    for (declaration, doc) in S::FIELDS {
        if !declaration.is_empty() {
            comment(out, "\t", doc)?;
            writeln!(out, "\t{declaration};")?;
        }
    }
    out.write_str("};\n\n")
}

/// A comment; `lines` begin with a space, as doc comments give them.
fn comment(out: &mut impl Write, indent: &str, lines: &[&str]) -> fmt::Result {
    match lines {
        [] => Ok(()),
        [line] => writeln!(out, "{indent}/*{line} */"),
        lines => {
            writeln!(out, "{indent}/*")?;
            for line in lines {
                writeln!(out, "{indent} *{line}")?;
            }
            writeln!(out, "{indent} */")
        }
    }
}
