//! System calls: what they are called with is in the registers that the process
//! had, which is all that BTF says of it.

use std::fmt::Write as _;

use kflat_btf::{Btf, NamedKind, Parameter};

use super::argument::is_length;
use super::text::{Text, commented};
use crate::names::{is_sayable, pointee};

/// An argument of a system call, as the kernel declares it for tracing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallArgument {
    /// Its type in C: `const char *`.
    pub of: String,
    /// Its name.
    pub name: String,
}

/// Where x86_64 has the arguments of a system call, in `struct pt_regs`.
const REGISTERS: [&str; 6] = ["di", "si", "dx", "r10", "r8", "r9"];

/// The system call that a function carries out, if all that it gets is the
/// registers: `execve` of `__x64_sys_execve`.
#[must_use]
pub fn system_call(function: &str) -> Option<&str> {
    function.strip_prefix("__x64_sys_")
}

/// Whether that is what a parameter is.
pub(super) fn is_registers(btf: &Btf, parameter: &Parameter) -> bool {
    let to = pointee(btf, parameter.of);
    to.is_some_and(|to| btf.name(to) == "pt_regs")
}

/// A root for each argument that is a pointer; how many. `registers` is what the
/// function calls its own argument.
pub(super) fn roots(
    btf: &Btf,
    registers: &str,
    arguments: &[CallArgument],
    text: &mut Text,
) -> usize {
    let mut count = 0;
    for (position, (argument, register)) in arguments.iter().zip(REGISTERS).enumerate() {
        let CallArgument { of, name } = argument;
        let length = arguments.get(position + 1).zip(REGISTERS.get(position + 1));
        let length = length.filter(|(next, _)| is_length(&next.name) && !next.of.contains('*'));
        let base = base(of);
        let from = match of.matches('*').count() {
            0 | 1 => format!("from {registers}->{register} as {name}"),
            _ => format!("from ({base} **){registers}->{register} as {name}"),
        };
        let how = match (base.as_str(), length) {
            _ if !of.contains('*') || !is_sayable(name) => {
                let declared = commented(&format!("{of} {name}"));
                let _ = writeln!(text, "    // {registers}->{register}: {declared}");
                continue;
            }
            ("char" | "void" | "unsigned char", Some((_, register))) => {
                format!("user bytes {registers}->{register}")
            }
            ("char", _) if of.matches('*').count() == 1 => "user string max 4096".to_owned(),
            ("char", _) => "user array until null of user string max 4096".to_owned(),
            (base, _) if of.matches('*').count() == 1 && is_known(btf, base) => {
                format!("user as {base}")
            }
            _ => {
                let _ = writeln!(
                    text,
                    "    // {registers}->{register}: {of} {name}, not followed"
                );
                continue;
            }
        };
        let _ = writeln!(text, "    {from}: {how};  // {of} {name}");
        count += 1;
    }
    count
}

/// A type without `const` and `*`.
fn base(of: &str) -> String {
    let words = of.split(|c: char| c.is_whitespace() || c == '*');
    let words: Vec<&str> = words
        .filter(|word| !["", "const", "__user", "volatile"].contains(word))
        .collect();
    words.join(" ")
}

/// Whether this kernel's BTF has the type, with its size.
fn is_known(btf: &Btf, base: &str) -> bool {
    let (kinds, name): (&[NamedKind], &str) = match base.split_once(' ') {
        Some(("struct", name)) => (&[NamedKind::Struct], name),
        Some(("union", name)) => (&[NamedKind::Union], name),
        _ => (&[NamedKind::Typedef, NamedKind::Number], base),
    };
    let mut found = kinds.iter().filter_map(|kind| btf.find(*kind, name));
    found.any(|id| btf.size(id).is_some_and(|size| size > 0))
}

#[cfg(test)]
mod tests {
    use super::{base, system_call};

    #[test]
    fn a_declaration_is_taken_apart() {
        assert_eq!(base("const char *const *"), "char");
        assert_eq!(base("struct sockaddr __user *"), "struct sockaddr");
        assert_eq!(base("unsigned int *"), "unsigned int");
    }

    #[test]
    fn a_system_call_is_known_by_its_name() {
        assert_eq!(system_call("__x64_sys_execve"), Some("execve"));
        assert_eq!(system_call("ksys_read"), None);
    }
}
