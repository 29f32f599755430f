//! Why a function can't be probed.

use std::fmt;
use std::fs;

/// What stands in the way of a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// There is no such function.
    Unknown {
        /// Names that come near.
        near: Vec<String>,
    },
    /// The kernel forbids it: its own handling of probes needs the function.
    Forbidden,
    /// It is no function.
    Data,
    /// The kernel does not say.
    Unclear,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { near } => {
                f.write_str("the kernel has no function of that name")?;
                if near.is_empty() {
                    f.write_str(
                        "; it may be compiled into its callers, or be that of a module \
                         (write module:function)",
                    )
                } else {
                    write!(f, "; near: {}", near.join(", "))
                }
            }
            Self::Forbidden => f.write_str(
                "the kernel forbids probes there, as probes themselves need it \
                 (/sys/kernel/debug/kprobes/blacklist); take one of its callers",
            ),
            Self::Data => f.write_str("it is no function"),
            Self::Unclear => f.write_str(
                "the kernel refuses a probe there; if the recipe gives an offset, it has to be \
                 the start of an instruction",
            ),
        }
    }
}

/// Asks the running kernel.
pub(crate) fn obstacle(target: &str) -> Obstacle {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let symbols = read("/proc/kallsyms");
    find(
        target,
        &symbols,
        &read("/sys/kernel/debug/kprobes/blacklist"),
    )
}

fn find(target: &str, symbols: &str, forbidden: &str) -> Obstacle {
    let name = target.split('+').next().unwrap_or(target);
    let (module, function) = match name.split_once(':') {
        Some((module, function)) => (Some(module), function),
        None => (None, name),
    };
    let mut exists = false;
    for symbol in symbols.lines().filter_map(Symbol::read) {
        if symbol.name == function && (module.is_none() || symbol.module == module) {
            if symbol.is_function {
                let forbidden = forbidden
                    .lines()
                    .filter_map(|line| line.split_whitespace().nth(1));
                return match forbidden.into_iter().any(|name| name == function) {
                    true => Obstacle::Forbidden,
                    false => Obstacle::Unclear,
                };
            }
            exists = true;
        }
    }
    match exists {
        true => Obstacle::Data,
        false => Obstacle::Unknown {
            near: near(module, function, symbols),
        },
    }
}

/// Up to three functions whose names come near; first those that the compiler
/// made of the function (`function.isra.0`).
fn near(module: Option<&str>, function: &str, symbols: &str) -> Vec<String> {
    let mut scored: Vec<(f64, String)> = (symbols.lines().filter_map(Symbol::read))
        .filter(|symbol| symbol.is_function)
        .map(|symbol| {
            let made_of_it = symbol.name.split('.').next() == Some(function);
            let score = match made_of_it {
                true => 2.0,
                false => strsim::jaro_winkler(symbol.name, function),
            };
            let same_module = if symbol.module == module { 0.0 } else { 0.01 };
            (score - same_module, symbol)
        })
        .filter(|(score, _)| *score > 0.85)
        .map(|(score, symbol)| (score, symbol.to_string()))
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    scored.dedup_by(|a, b| a.1 == b.1);
    scored.into_iter().take(3).map(|(_, name)| name).collect()
}

/// A line of `/proc/kallsyms`.
struct Symbol<'a> {
    name: &'a str,
    is_function: bool,
    module: Option<&'a str>,
}

impl<'a> Symbol<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let mut fields = line.split_whitespace().skip(1);
        let is_function = matches!(fields.next()?, "t" | "T" | "w" | "W");
        let name = fields.next()?;
        let module = fields.next().map(|field| field.trim_matches(['[', ']']));
        Some(Self {
            name,
            is_function,
            module,
        })
    }
}

impl fmt::Display for Symbol<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.module {
            Some(module) => write!(f, "{module}:{}", self.name),
            None => f.write_str(self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYMBOLS: &str = "\
        ffffffff81000000 T vfs_read\n\
        ffffffff81000040 t do_int3\n\
        ffffffff81000080 t shrink_it.isra.0\n\
        ffffffff82000000 D modules\n\
        ffffffffc0000000 t ext4_read_inline\t[ext4]\n";
    const FORBIDDEN: &str = "0xffffffff81000040-0xffffffff81000080\tdo_int3\n";

    fn said(target: &str) -> String {
        find(target, SYMBOLS, FORBIDDEN).to_string()
    }

    #[test]
    fn obstacles_are_told_apart() {
        assert!(
            said("vfs_raed").contains("near: vfs_read"),
            "{}",
            said("vfs_raed")
        );
        assert!(said("shrink_it").contains("near: shrink_it.isra.0"));
        assert!(said("ext4:vfs_read").contains("near: "));
        assert!(said("ext4_read_inlin").contains("ext4:ext4_read_inline"));
        assert!(said("zzz").contains("module:function"));
        assert_eq!(find("do_int3", SYMBOLS, FORBIDDEN), Obstacle::Forbidden);
        assert_eq!(find("modules", SYMBOLS, FORBIDDEN), Obstacle::Data);
        assert_eq!(find("vfs_read+1", SYMBOLS, FORBIDDEN), Obstacle::Unclear);
    }
}
