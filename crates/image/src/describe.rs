//! What an image holds, in words.

use std::collections::HashMap;
use std::io::{self, Write};

pub use kflat_abi::extension::reason_text as reason;
use kflat_abi::extension::{self as abi, Diagnostic, Hit, NO_OBJECT};
use kflat_abi::image::Header;
use kflat_abi::program::Program;
use kflat_abi::record::Record;

use crate::extension::{Extension, kind_name};
use crate::image::Image;
use crate::show::printer::{clean, quoted};
use crate::typed::root_name;

/// Lines of each list; what there is beyond is counted.
const MOST: usize = 40;

/// Prints header, context, roots, fragments, counts by type and diagnostics.
///
/// # Errors
/// Only those of `out`.
pub fn describe(image: &Image, out: &mut dyn Write) -> io::Result<()> {
    let header = image.header();
    writeln!(
        out,
        "Image: {} bytes, of which {} are memory in {}, with {} and {}",
        header.image_size,
        header.memory_size,
        counted(header.mcount, "fragment"),
        counted(header.ptr_count, "pointer"),
        counted(header.fptr_count, "function pointer"),
    )?;
    sections(image, out)?;
    if header.last_mem_addr != 0 {
        let address = header.last_mem_addr;
        writeln!(out, "Linked for memory at {address:#x}")?;
    }
    for warning in image.warnings() {
        writeln!(out, "warning: {}", clean(warning))?;
    }
    let Some(extension) = image.extension() else {
        writeln!(out, "No extension: types and addresses are not known")?;
        return roots(image, None, out);
    };
    context(extension, out)?;
    roots(image, extension.program().as_ref(), out)?;
    largest_fragments(image, out)?;
    types(extension, out)?;
    changes(extension, out)?;
    diagnostics(extension, out)
}

fn counted(count: u64, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        count => format!("{count} {noun}s"),
    }
}

/// What the file is made of, in its order.
fn sections(image: &Image, out: &mut dyn Write) -> io::Result<()> {
    let header = image.header();
    writeln!(out, "\nSections:")?;
    let parts = [
        (Header::SIZE as u64, "header"),
        (header.root_addr_count.saturating_mul(8), "roots"),
        (header.root_addr_extended_size, "names of roots"),
        (header.ptr_count.saturating_mul(8), "locations of pointers"),
        (
            header.fptr_count.saturating_mul(8),
            "locations of function pointers",
        ),
        (header.mcount.saturating_mul(16), "fragments"),
        (header.memory_size, "memory"),
        (header.fptrmapsz, "function symbols"),
    ];
    for (size, what) in parts {
        writeln!(out, "{size:>12}  {what}")?;
    }
    for (kind, size) in image.extension_sizes() {
        writeln!(out, "{size:>12}  extension: {}", kind_name(kind))?;
    }
    Ok(())
}

fn context(extension: &Extension, out: &mut dyn Write) -> io::Result<()> {
    if let Some(target) = extension.program().as_ref().and_then(Program::target) {
        writeln!(out, "\nRecipe for {}", clean(target))?;
    }
    if let Some(hit) = extension.hit() {
        self::hit(hit, out)?;
    }
    for (key, value) in extension.context().iter().take(MOST) {
        writeln!(out, "  {}: {}", clean(key), clean(value))?;
    }
    Ok(())
}

fn hit(hit: &Hit, out: &mut dyn Write) -> io::Result<()> {
    let end = hit.comm.iter().position(|byte| *byte == 0);
    let comm = hit.comm.get(..end.unwrap_or(hit.comm.len()));
    writeln!(
        out,
        "  hit by {} (pid {}, tid {}) on CPU {}, {}.{:09} s after boot",
        quoted(comm.unwrap_or(&[]), hit.comm.len()),
        hit.pid,
        hit.tid,
        hit.cpu,
        hit.boot_ns / 1_000_000_000,
        hit.boot_ns % 1_000_000_000,
    )?;
    writeln!(out, "  captured in {} µs", hit.capture_ns / 1000)?;
    let modes = [
        (abi::MODE_STOP_MACHINE, "the other CPUs were halted"),
        (abi::MODE_RUN_NOW, "captured at once, without a probe"),
        (abi::MODE_SKIP_BODY, "the function's body was skipped"),
        (abi::MODE_TEST, "made by a unit test of the module"),
    ];
    for (_, text) in modes.iter().filter(|(bit, _)| hit.mode & bit != 0) {
        writeln!(out, "  {text}")?;
    }
    Ok(())
}

fn roots(image: &Image, program: Option<&Program<'_>>, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "\n{}:",
        counted(image.header().root_addr_count, "root")
    )?;
    for root in image.roots().take(MOST) {
        let of = program.and_then(|program| {
            let root = program.root_at(u32::try_from(root.index).ok()?)?;
            let action = program.action_at(root.action)?;
            program.string_at(program.type_at(action.target)?.name)
        });
        let name = clean(&root_name(&root));
        let of = of.map_or(String::new(), |of| format!(": {} *", clean(of)));
        match root.offset {
            None => writeln!(out, "  {name}{of}, NULL or not captured")?,
            Some(offset) => {
                let address = match image.address(offset) {
                    Some(address) => format!(" from {address:#x}"),
                    None => String::new(),
                };
                let size = match root.size {
                    0 => String::new(),
                    size => format!(", {size} bytes"),
                };
                writeln!(out, "  {name}{of}, at offset {offset:#x}{size}{address}")?;
            }
        }
    }
    more(image.header().root_addr_count, out)
}

fn more(count: u64, out: &mut dyn Write) -> io::Result<()> {
    match count.checked_sub(MOST as u64) {
        None | Some(0) => Ok(()),
        Some(rest) => writeln!(out, "  … and {rest} more"),
    }
}

fn largest_fragments(image: &Image, out: &mut dyn Write) -> io::Result<()> {
    const LARGEST: usize = 5;
    let mut fragments: Vec<_> = image.fragments().collect();
    fragments.sort_unstable_by_key(|fragment| (std::cmp::Reverse(fragment.size), fragment.offset));
    if fragments.len() > 1 {
        writeln!(out, "\nLargest fragments:")?;
        for fragment in fragments.iter().take(LARGEST) {
            let address = image.address(fragment.offset);
            let from = address.map_or(String::new(), |from| format!(" from {from:#x}"));
            writeln!(
                out,
                "  {} bytes at offset {:#x}{from}",
                fragment.size, fragment.offset
            )?;
        }
    }
    Ok(())
}

/// Objects and bytes by type, the most bytes first.
fn types(extension: &Extension, out: &mut dyn Write) -> io::Result<()> {
    let Some(program) = extension.program() else {
        return Ok(());
    };
    let mut sums: HashMap<u32, (u64, u64)> = HashMap::new();
    for object in extension.objects() {
        let size = program.object_size(object.type_index, object.count);
        let sum = sums.entry(object.type_index).or_default();
        sum.0 += 1;
        sum.1 = (sum.1).saturating_add(size);
    }
    let mut sums: Vec<_> = (sums.into_iter())
        .map(|(index, (objects, bytes))| {
            let view = program.type_at(index);
            let name = view.and_then(|view| program.string_at(view.name));
            (name.unwrap_or("unknown type"), objects, bytes)
        })
        .collect();
    sums.sort_unstable_by_key(|(name, objects, bytes)| {
        (std::cmp::Reverse((*bytes, *objects)), *name)
    });
    writeln!(
        out,
        "\n{}, by type:",
        counted(extension.objects().len() as u64, "object")
    )?;
    for (name, objects, bytes) in sums.iter().take(MOST) {
        writeln!(out, "{objects:>10} × {}, {bytes} bytes", clean(name))?;
    }
    more(sums.len() as u64, out)
}

fn changes(extension: &Extension, out: &mut dyn Write) -> io::Result<()> {
    let changes = extension.changes();
    if changes.is_empty() {
        return Ok(());
    }
    let bytes = changes
        .iter()
        .fold(0u64, |sum, range| sum.saturating_add(range.size));
    let ranges = counted(changes.len() as u64, "range");
    writeln!(
        out,
        "\nChanged while it was captured: {ranges}, {bytes} bytes"
    )
}

fn diagnostics(extension: &Extension, out: &mut dyn Write) -> io::Result<()> {
    let diagnostics = extension.diagnostics();
    if diagnostics.is_empty() {
        return writeln!(out, "\nEverything was captured");
    }
    writeln!(out, "\nNot captured ({}):", diagnostics.len())?;
    for diagnostic in diagnostics.iter().take(MOST) {
        let what = sentence(diagnostic);
        match trail(extension, diagnostic) {
            Some(place) => writeln!(out, "  {}: {what}", clean(&place))?,
            None => writeln!(out, "  {what}")?,
        }
    }
    more(diagnostics.len() as u64, out)
}

/// What a diagnostic says, with its numbers.
#[must_use]
pub fn sentence(diagnostic: &Diagnostic) -> String {
    let (text, detail) = (reason(diagnostic.reason), diagnostic.detail);
    let address = match diagnostic.address {
        0 => String::new(),
        address => format!(" at {address:#x}"),
    };
    match diagnostic.reason {
        abi::REASON_LIMIT_BYTES
        | abi::REASON_STRING_CUT
        | abi::REASON_NO_MEMORY
        | abi::REASON_AREA_TOO_SMALL => format!("{text}{address} ({detail} bytes)"),
        abi::REASON_LIMIT_TIME => format!("{text}{address} ({} ms)", detail / 1_000_000),
        abi::REASON_LIMIT_OBJECTS | abi::REASON_LIMIT_DEPTH | abi::REASON_LIMIT_ELEMENTS => {
            format!("{text}{address} ({detail})")
        }
        abi::REASON_LIST_DAMAGED => format!("{text}{address}, after {detail} elements"),
        abi::REASON_NO_SYMBOL => format!("{text} ({detail:#x})"),
        abi::REASON_OVERFLOW => format!("{text}{address} ({detail:#x})"),
        abi::REASON_DIAGNOSTICS_DROPPED => format!("{text}: {detail}"),
        abi::REASON_UNREADABLE if detail > 0 => format!("{text}{address} ({detail} bytes)"),
        _ => format!("{text}{address}"),
    }
}

/// The path that led to what a diagnostic is about: `file->f_path.dentry->d_parent`.
#[must_use]
pub fn trail(extension: &Extension, diagnostic: &Diagnostic) -> Option<String> {
    /// Steps of a path that are shown, from its end.
    const LONGEST: usize = 24;
    let program = extension.program()?;
    let (mut object, mut via) = (diagnostic.object, diagnostic.via);
    let mut steps: Vec<String> = Vec::new();
    let mut element = (diagnostic.element > 0).then_some(diagnostic.element);
    loop {
        if object == NO_OBJECT {
            let root = program.root_at(via)?;
            let name = program.string_at(root.name).unwrap_or("");
            steps.push(match name {
                "" => format!("roots[{via}]"),
                name => name.to_owned(),
            });
            break;
        }
        if steps.len() == LONGEST {
            steps.push("…".to_owned());
            break;
        }
        let action = program.action_at(via)?;
        let path = program.string_at(action.path).unwrap_or("?");
        let index = element.take().map_or(String::new(), |n| format!("[{n}]"));
        steps.push(match path {
            "" => index,
            path => format!("{index}->{path}"),
        });
        let holder = extension.objects().get(object as usize)?;
        (object, via) = (holder.parent, holder.via);
    }
    steps.reverse();
    Some(steps.concat())
}
