//! `kflat functions`.

use std::collections::HashSet;
use std::fs;
use std::io::{self, BufWriter, Write};

use anyhow::{Result, bail};
use kflat_btf::{Btf, NamedKind, kernel};
use wildmatch::WildMatch;

use crate::printable::Printable;
use crate::type_source::TypeSource;

/// List the kernel's functions with their arguments
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Part of a name, or a pattern for all of it with `*` and `?`; without it all are
    /// listed
    pattern: Option<String>,
    /// Those of a loaded module; without it, modules are looked through if the kernel
    /// itself has no such function
    #[arg(long, short, value_name = "NAME", conflicts_with = "btf")]
    module: Option<String>,
    #[command(flatten)]
    types: TypeSource,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let module = arguments.module.as_deref();
    let btf = arguments.types.load(module)?;
    let pattern = arguments.pattern.as_deref().unwrap_or("*");
    let pattern = match pattern.contains(['*', '?']) {
        true => WildMatch::new(pattern),
        false => WildMatch::new(&format!("*{pattern}*")),
    };
    let mut out = Printable::new(BufWriter::new(io::stdout().lock()));
    let mut found = print(&btf, module.is_some(), &pattern, &mut out)?;
    if found == 0 && module.is_none() && arguments.types.is_running_kernel() {
        // Of a module, then: which, the user need not know.
        for module in kernel::modules() {
            let Ok(btf) = kernel::with_module(&btf, &module) else {
                continue;
            };
            let mut lines = Vec::new();
            let count = print(&btf, true, &pattern, &mut lines)?;
            if count > 0 {
                writeln!(out, "// {module}:")?;
                out.write_all(&lines)?;
            }
            found += count;
        }
    }
    if found == 0 {
        bail!("no function matches; `*` stands for anything, `?` for one character");
    }
    Ok(out.flush()?)
}

/// Prints the kernel's functions, or those of its module, that match; how many.
fn print(
    btf: &Btf,
    of_module: bool,
    pattern: &WildMatch,
    out: &mut dyn Write,
) -> io::Result<usize> {
    let mut names: Vec<&str> = (btf.named(NamedKind::Function))
        .filter(|(id, name)| btf.is_of_module(*id) == of_module && pattern.matches(name))
        .map(|(_, name)| name)
        .collect();
    names.sort_unstable();
    names.dedup();
    let forbidden = fs::read_to_string("/sys/kernel/debug/kprobes/blacklist").unwrap_or_default();
    let forbidden: HashSet<&str> = (forbidden.lines())
        .filter_map(|line| line.split_whitespace().nth(1))
        .collect();
    for name in &names {
        if let Some(declaration) = btf.function_declaration(name) {
            let note = match forbidden.contains(name) {
                true => "  // can't be probed",
                false => "",
            };
            writeln!(out, "{declaration};{note}")?;
        }
    }
    Ok(names.len())
}
