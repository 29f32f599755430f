//! A small stand-in for a kernel's `vmlinux` with debug information, of which
//! Debian's packages are too large for a test: its types, from BTF, as DWARF, and
//! its symbols, from `/proc/kallsyms`. It has no code and no data.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::buildroot::BuildRoot;
use crate::kernels::Kernel;
use crate::process;

/// What is known of the kernel that ran.
#[derive(Debug)]
pub(super) struct Boot<'b> {
    /// Bytes that it was loaded above where it was linked.
    pub(super) offset: u64,
    /// Its build id, hexadecimal.
    pub(super) build_id: &'b str,
    /// Its `/proc/kallsyms`.
    pub(super) symbols: &'b str,
}

/// Bytes of text and data that are in the file: crash looks for some.
const PRESENT: u64 = 4096;

/// Writes `vmlinux` to `folder`.
///
/// # Errors
/// If a compiler fails, or symbols are missing.
pub(super) fn make(
    root: &BuildRoot,
    kernel: &Kernel,
    boot: &Boot<'_>,
    folder: &Path,
    log: &Path,
) -> Result<()> {
    let inside = |command: &[&str]| root.command(folder, &[folder], command);
    let image = format!("{}/vmlinux", kernel.headers());
    let types = process::output(&mut inside(&["pahole", "-F", "btf", "--compile", &image]))?;
    fs::write(folder.join("types.c"), types)?;
    let (symbols, layout) = symbols(boot)?;
    fs::write(folder.join("symbols.s"), symbols)?;
    fs::write(folder.join("vmlinux.lds"), layout)?;
    // Types that nothing uses are what this is about.
    let compile = "gcc -g -fno-eliminate-unused-debug-types -w -c types.c";
    let assemble = "as symbols.s -o symbols.o";
    let build_id = format!("--build-id=0x{}", boot.build_id);
    let link = format!("ld -static -T vmlinux.lds {build_id} symbols.o types.o -o vmlinux");
    for line in [compile, assemble, &link] {
        let words: Vec<&str> = line.split(' ').collect();
        process::run(&mut inside(&words), log)?;
    }
    Ok(())
}

/// The symbols in assembly language, and a linker script that puts them where the
/// kernel was linked for.
fn symbols(boot: &Boot<'_>) -> Result<(String, String)> {
    let mut known = HashSet::new();
    let mut symbols = Vec::new();
    for line in boot.symbols.lines() {
        let mut words = line.split_whitespace();
        let (Some(address), _, Some(name), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            // A module's.
            continue;
        };
        let address = u64::from_str_radix(address, 16).context("not an address")?;
        // Per-CPU variables begin at 0 on some kernels.
        if address >> 31 == u64::MAX >> 31 && known.insert(name) {
            symbols.push((address - boot.offset, name));
        }
    }
    let find = |wanted: &str| {
        let found = symbols.iter().find(|(_, name)| *name == wanted);
        let missing = || format!("/proc/kallsyms has no {wanted}");
        found.map(|(address, _)| *address).with_context(missing)
    };
    let (start, middle, end) = (find("_text")?, find("_etext")?, find("_end")?);
    let mut source = String::new();
    for (section, flags, size) in [("text", "ax", middle - start), ("data", "aw", end - middle)] {
        let absent = size - PRESENT;
        write!(
            source,
            ".section .{section}, \"{flags}\"\n.skip {PRESENT}\n\
             .section .absent_{section}, \"{flags}\", @nobits\n\
             first_{section} = . - {PRESENT}\n.skip {absent}\n"
        )?;
    }
    for (address, name) in &symbols {
        let (first, offset) = match *address {
            at if (start..middle).contains(&at) => ("text", at - start),
            at if (middle..=end).contains(&at) => ("data", at - middle),
            _ => continue,
        };
        writeln!(source, ".globl {name}\n{name} = first_{first} + {offset}")?;
        if first == "text" {
            writeln!(source, ".type {name}, @function")?;
        }
    }
    let notes = end.next_multiple_of(PRESENT) + PRESENT;
    let layout = format!(
        "SECTIONS {{
            .text {start:#x} : {{ symbols.o(.text) }}
            .absent_text {:#x} (NOLOAD) : {{ symbols.o(.absent_text) }}
            .data {middle:#x} : {{ symbols.o(.data) }}
            .absent_data {:#x} (NOLOAD) : {{ symbols.o(.absent_data) }}
            .notes {notes:#x} : {{ *(.note.gnu.build-id) }}
        }}\n",
        start + PRESENT,
        middle + PRESENT,
    );
    Ok((source, layout))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYMBOLS: &str = "\
0000000000000000 A fixed_percpu_data
ffffffff82000000 T _text
ffffffff82000040 t do_it
ffffffff82000040 t do_it
ffffffff83000000 T _etext
ffffffff83000010 D a_global
ffffffff84000000 B _end
ffffffffc0000000 t of_a_module\t[some]
";

    #[test]
    fn symbols_are_where_the_kernel_was_linked_for() {
        let boot = Boot {
            offset: 0x0100_0000,
            build_id: "",
            symbols: SYMBOLS,
        };
        let (source, layout) = symbols(&boot).unwrap();
        assert!(source.contains("do_it = first_text + 64\n.type do_it, @function\n"));
        assert_eq!(source.matches("do_it = ").count(), 1);
        assert!(source.contains("a_global = first_data + 16\n"));
        assert!(!source.contains("of_a_module") && !source.contains("fixed_percpu_data"));
        assert!(layout.contains(".text 0xffffffff81000000"), "{layout}");
        assert!(layout.contains(".data 0xffffffff82000000"), "{layout}");
        let boot = Boot {
            symbols: "",
            ..boot
        };
        let error = symbols(&boot).unwrap_err();
        assert!(error.to_string().contains("_text"));
    }
}
