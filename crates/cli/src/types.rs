//! `kflat types`.

use std::io::{self, BufWriter, Write};

use anyhow::{Result, bail};
use kflat_btf::{Btf, Composite, Kind, NamedKind, TypeId};

use crate::printable::Printable;
use crate::type_source::TypeSource;

/// Print a type of the kernel's, with the offset and size of each member
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A structure, union, enum or typedef: `file`, `"struct file"`, `pid_t`
    #[arg(required = true, num_args = 1..=2, value_name = "NAME")]
    name: Vec<String>,
    /// Also look among the types of this loaded module
    #[arg(long, short, value_name = "NAME", conflicts_with = "btf")]
    module: Option<String>,
    #[command(flatten)]
    types: TypeSource,
}

const KINDS: [(NamedKind, &str); 5] = [
    (NamedKind::Struct, "struct"),
    (NamedKind::Union, "union"),
    (NamedKind::Enum, "enum"),
    (NamedKind::Typedef, "typedef"),
    (NamedKind::Number, ""),
];

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let btf = arguments.types.load(arguments.module.as_deref())?;
    let name = arguments.name.join(" ");
    let (keyword, name) = match name.split_once(' ') {
        Some((keyword @ ("struct" | "union" | "enum" | "typedef"), name)) => (Some(keyword), name),
        _ => (None, name.as_str()),
    };
    let found: Vec<TypeId> = KINDS
        .iter()
        .filter(|(_, word)| keyword.is_none_or(|keyword| keyword == *word))
        .filter_map(|(kind, _)| btf.find(*kind, name))
        .collect();
    if found.is_empty() {
        bail!("the kernel has no type `{name}`{}", near(&btf, name));
    }
    let mut out = Printable::new(BufWriter::new(io::stdout().lock()));
    for id in found {
        print(&btf, id, &mut out)?;
    }
    Ok(out.flush()?)
}

/// Types whose names have the wanted one in them.
fn near(btf: &Btf, name: &str) -> String {
    let mut names: Vec<&str> = KINDS
        .iter()
        .flat_map(|(kind, _)| btf.named(*kind))
        .map(|(_, found)| found)
        .filter(|found| found.contains(name))
        .collect();
    names.sort_unstable_by_key(|found| found.len());
    names.dedup();
    names.truncate(5);
    match names.is_empty() {
        true => String::new(),
        false => format!("; near: {}", names.join(", ")),
    }
}

fn print(btf: &Btf, id: TypeId, out: &mut dyn Write) -> io::Result<()> {
    match btf.kind(id) {
        Kind::Struct(composite) | Kind::Union(composite) => {
            writeln!(out, "{} {{", btf.type_name(id))?;
            members(btf, composite, 1, 0, out)?;
            writeln!(out, "}};  // {} bytes", composite.size)
        }
        Kind::Enum { size, values, .. } => {
            writeln!(out, "{} {{", btf.type_name(id))?;
            for value in values {
                writeln!(out, "    {} = {},", btf.enumerator_name(value), value.value)?;
            }
            writeln!(out, "}};  // {size} bytes")
        }
        Kind::Typedef(to) => {
            let declaration = btf.declaration(*to, btf.name(id));
            match btf.size(id) {
                Some(size) => writeln!(out, "typedef {declaration};  // {size} bytes"),
                None => writeln!(out, "typedef {declaration};"),
            }
        }
        _ => {
            let size = btf.size(id).unwrap_or(0);
            writeln!(out, "{};  // {size} bytes", btf.type_name(id))
        }
    }
}

/// A line for each member and for what lies unused between them; structures
/// without a name of their own are opened.
fn members(
    btf: &Btf,
    composite: &Composite,
    depth: usize,
    base_bits: u64,
    out: &mut dyn Write,
) -> io::Result<()> {
    let indent = "    ".repeat(depth);
    let mut used = 0;
    for member in &composite.members {
        let first = u64::from(member.offset_bits);
        let bits = base_bits + first;
        let name = btf.member_name(member);
        let size = btf.size(member.of).unwrap_or(0);
        let width = match member.bit_size {
            0 => size * 8,
            width => width.into(),
        };
        if first / 8 > used {
            writeln!(out, "{indent}// {} bytes unused", first / 8 - used)?;
        }
        used = used.max((first + width).div_ceil(8));
        let opened = opened(btf, member.of, name).filter(|_| depth < 16);
        if let Some((inner, heading)) = opened {
            writeln!(out, "{indent}{heading} {{")?;
            members(btf, inner, depth + 1, bits, out)?;
            let close = match btf.declaration(member.of, name) {
                _ if name.is_empty() => format!("{indent}}};"),
                // What is behind the type: a name, perhaps the bounds of an array.
                declared => {
                    let (_, rest) = declared.split_once('}').unwrap_or(("", name));
                    format!("{indent}}}{rest};")
                }
            };
            writeln!(out, "{close:<56}  // {:5} {size:5}", bits / 8)?;
            continue;
        }
        let declaration = btf.declaration(member.of, name);
        let (text, place) = match member.bit_size {
            0 => (
                format!("{indent}{declaration};"),
                format!("{:5} {size:5}", bits / 8),
            ),
            width => (
                format!("{indent}{declaration}:{width};"),
                format!("{:5}:{:<2}", bits / 8, bits % 8),
            ),
        };
        writeln!(out, "{text:<56}  // {place}")?;
    }
    let size = u64::from(composite.size);
    let is_union = composite
        .members
        .iter()
        .all(|member| member.offset_bits == 0);
    if size > used && used > 0 && !is_union {
        writeln!(out, "{indent}// {} bytes unused", size - used)?;
    }
    Ok(())
}

/// The structure that a member is where it has to be shown in place: it has no
/// name that could be looked up, or the member has none.
fn opened<'a>(btf: &'a Btf, of: TypeId, name: &str) -> Option<(&'a Composite, String)> {
    let mut id = of;
    loop {
        match btf.kind(id) {
            Kind::Const(to) | Kind::Volatile(to) => id = *to,
            Kind::Array { element, .. } if !name.is_empty() => id = *element,
            Kind::Struct(inner) | Kind::Union(inner) => {
                let is_nameless = btf.name(id).is_empty() || name.is_empty();
                let keyword = match btf.kind(id) {
                    Kind::Union(_) => "union",
                    _ => "struct",
                };
                let heading = format!("{keyword} {}", btf.name(id));
                return is_nameless.then(|| (inner, heading.trim_end().to_owned()));
            }
            _ => return None,
        }
    }
}
