//! A recipe from a function's name.

use std::fmt::Write as _;

use kflat_btf::{Btf, Kind, NamedKind, TypeId};

use crate::diagnostics::{Problem, Span};
use crate::names::{is_char, pointee};

/// Types that lead to the whole kernel; they are captured, not crossed.
const HUBS: [&str; 16] = [
    "task_struct",
    "mm_struct",
    "net",
    "super_block",
    "module",
    "cgroup",
    "user_namespace",
    "cred",
    "device",
    "net_device",
    "mount",
    "vfsmount",
    "pid_namespace",
    "rq",
    "cgroup_subsys_state",
    "file_system_type",
];

/// Links inside of other structures: where they lead is known only from what
/// they link.
const LINKS: [&str; 8] = [
    "list_head",
    "hlist_head",
    "hlist_node",
    "hlist_bl_node",
    "llist_node",
    "llist_head",
    "rb_node",
    "callback_head",
];

/// Parameters that often point to memory of the process, not of the kernel;
/// BTF tells these apart only where the kernel was built with clang.
const BUFFERS: [&str; 7] = ["buf", "ubuf", "buffer", "uaddr", "optval", "user", "data"];

/// Why no recipe can be written.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// BTF knows no such function.
    #[error(
        "the arguments of `{function}` are not known: the kernel's BTF has no such function{near}"
    )]
    NoFunction {
        /// Its name.
        function: String,
        /// Similar names, in words.
        near: String,
    },
    /// None of its arguments can be followed.
    #[error(
        "no argument of `{declaration}` leads to a known type; write a recipe with \
         `arg N: as struct NAME` or `current`"
    )]
    NoPointers {
        /// The function.
        declaration: String,
    },
}

/// A recipe for a function (`function`, `module:function`, either with
/// `+offset`): its arguments, the members of what they point to, and the
/// strings of what these point to in turn.
///
/// # Errors
/// If the function is unknown or takes no pointers.
pub fn generate(target: &str, btf: &Btf) -> Result<String, GenerateError> {
    let function = target.rsplit(':').next().unwrap_or(target);
    let function = function.split('+').next().unwrap_or(function);
    let Some((_, parameters)) = btf.prototype(function) else {
        let names = btf.named(NamedKind::Function).map(|(_, name)| name);
        let near = Problem::new("", Span::default(), "").nearest(function, names);
        return Err(GenerateError::NoFunction {
            function: function.to_owned(),
            near: near.help.map_or(String::new(), |help| format!(" ({help})")),
        });
    };
    let declaration = btf.function_declaration(function).unwrap_or_default();
    let mut text = format!("// {declaration}\nrecipe {target} {{\n");
    let mut first = Vec::new();
    let mut roots = 0;
    for (position, parameter) in parameters.iter().enumerate() {
        let name = btf.parameter_name(parameter);
        let root = match name {
            "" => format!("arg {position}"),
            name if ["arg", "global", "current", "limit"].contains(&name) => {
                format!("arg {position}")
            }
            name => name.to_owned(),
        };
        let declared = btf.declaration(parameter.of, name);
        match followed(btf, parameter.of) {
            Some(to) if is_char(btf, to) && BUFFERS.contains(&name) => {
                let _ = writeln!(
                    text,
                    "    // perhaps memory of the process, not followed: {declared}"
                );
            }
            Some(to) if position < kflat_abi::program::MAX_ARGUMENTS => {
                let how = if is_text(btf, parameter.of) {
                    ": string"
                } else {
                    ""
                };
                let _ = writeln!(text, "    {root}{how};  // {declared}");
                first.extend(btf.composite(to).map(|_| to));
                roots += 1;
            }
            _ => {
                let _ = writeln!(text, "    // not followed: {declared}");
            }
        }
    }
    if roots == 0 {
        return Err(GenerateError::NoPointers { declaration });
    }
    text.push_str("    limit depth 3;\n    limit objects 2000;\n    limit bytes 1M;\n}\n");
    rules(btf, first, &mut text);
    Ok(text)
}

/// What a pointer leads to, where it is worth following: its type is known and
/// it points into the kernel's own memory.
fn followed(btf: &Btf, of: TypeId) -> Option<TypeId> {
    let to = pointee(btf, of)?;
    let Kind::Pointer(tagged) = btf.kind(btf.resolve(of)) else {
        return None;
    };
    if btf.has_tag(*tagged, "user") || btf.has_tag(*tagged, "percpu") {
        return None;
    }
    let known = match btf.composite(to) {
        Some(_) => !LINKS.contains(&btf.name(to)),
        None => is_char(btf, to) || is_text(btf, of),
    };
    (known && btf.size(to).is_some_and(|size| size > 0)).then_some(to)
}

/// `const unsigned char *`, as `struct qstr` names files. Without `const` it is
/// a buffer.
fn is_text(btf: &Btf, of: TypeId) -> bool {
    let Kind::Pointer(to) = btf.kind(btf.resolve(of)) else {
        return false;
    };
    matches!(btf.kind(*to), Kind::Const(_)) && btf.name(btf.resolve(*to)) == "unsigned char"
}

/// Rules for the types the arguments lead to, with what they contain; of those
/// behind them only the strings.
fn rules(btf: &Btf, first: Vec<TypeId>, text: &mut String) {
    let mut written = Vec::new();
    let mut level = first;
    for strings_only in [false, true] {
        let mut next = Vec::new();
        // What is contained belongs to the same level.
        while let Some(id) = level.pop() {
            if written.contains(&id) || written.len() > 64 {
                continue;
            }
            written.push(id);
            let name = match (btf.kind(id), btf.name(id)) {
                (_, "") => continue,
                (Kind::Struct(_), name) => format!("struct {name}"),
                (Kind::Union(_), name) => format!("union {name}"),
                _ => continue,
            };
            // A name that stands for several types leads to the first.
            let kind = match btf.kind(id) {
                Kind::Union(_) => NamedKind::Union,
                _ => NamedKind::Struct,
            };
            if HUBS.contains(&btf.name(id))
                || LINKS.contains(&btf.name(id))
                || btf.find(kind, btf.name(id)) != Some(id)
            {
                continue;
            }
            let mut body = String::new();
            let mut ranges: Vec<(u64, u64)> = Vec::new();
            for (member, field) in btf.fields(id) {
                let (Some(at), Some(size)) = (field.offset(), btf.size(field.of)) else {
                    continue;
                };
                let end = at.saturating_add(size);
                // Which member of a union is in use BTF does not say.
                let shared = ranges.iter().any(|(s, e)| at < *e && *s < end);
                ranges.push((at, end));
                if shared || matches!(btf.kind(id), Kind::Union(_)) {
                    continue;
                }
                if let Some(to) = followed(btf, field.of) {
                    let how = if is_text(btf, field.of) {
                        ": string"
                    } else {
                        ""
                    };
                    if is_char(btf, to) || !how.is_empty() || !strings_only {
                        let declared = btf.declaration(field.of, member);
                        let _ = writeln!(body, "    {member}{how};  // {declared}");
                        next.extend(btf.composite(to).map(|_| to));
                    }
                } else if btf.composite(field.of).is_some() {
                    level.push(btf.resolve(field.of));
                }
            }
            if !body.is_empty() {
                let _ = write!(text, "\n{name} {{\n{body}}}\n");
            }
        }
        level = next;
    }
}
