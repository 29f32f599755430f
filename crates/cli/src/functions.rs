//! `kflat functions`.

use std::collections::HashSet;
use std::fs;
use std::io::{self, BufWriter, Write};

use anyhow::{Result, bail};
use kflat_btf::NamedKind;
use wildmatch::WildMatch;

use crate::type_source::TypeSource;

/// List the kernel's functions with their arguments
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Part of a name, or a whole one with `*` and `?` in it; all without it
    pattern: Option<String>,
    /// Those of a loaded module
    #[arg(long, short, value_name = "NAME", conflicts_with = "btf")]
    module: Option<String>,
    #[command(flatten)]
    types: TypeSource,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let module = arguments.module.as_deref();
    let btf = arguments.types.load(module)?;
    // The kernel's own come first, and are not the module's.
    let foreign: HashSet<u32> = match module {
        Some(_) => {
            let kernel = arguments.types.load(None)?;
            (kernel.named(NamedKind::Function).map(|(id, _)| id.0)).collect()
        }
        None => HashSet::new(),
    };
    let pattern = arguments.pattern.as_deref().unwrap_or("*");
    let pattern = match pattern.contains(['*', '?']) {
        true => WildMatch::new(pattern),
        false => WildMatch::new(&format!("*{pattern}*")),
    };
    let mut names: Vec<&str> = (btf.named(NamedKind::Function))
        .filter(|(id, name)| !foreign.contains(&id.0) && pattern.matches(name))
        .map(|(_, name)| name)
        .collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        bail!("no function matches; `*` stands for anything, `?` for one character");
    }
    let forbidden = fs::read_to_string("/sys/kernel/debug/kprobes/blacklist").unwrap_or_default();
    let forbidden: HashSet<&str> = (forbidden.lines())
        .filter_map(|line| line.split_whitespace().nth(1))
        .collect();
    let mut out = BufWriter::new(io::stdout().lock());
    for name in names {
        if let Some(declaration) = btf.function_declaration(name) {
            let note = match forbidden.contains(name) {
                true => "  // can't be probed",
                false => "",
            };
            writeln!(out, "{declaration};{note}")?;
        }
    }
    Ok(out.flush()?)
}
