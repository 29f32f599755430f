//! The roots that an argument becomes.

use std::fmt::Write as _;

use kflat_btf::{Btf, Kind, Parameter, TypeId};

use super::rules::{self, Rules};
use super::system_call::{self, system_call};
use super::text::{Text, commented};
use super::{AutoOptions, embedded, treatment, type_of};
use crate::names::{is_char, is_sayable, pointee, sayable_type};

/// Words that begin roots of another kind.
const WORDS: [&str; 6] = ["arg", "global", "current", "returned", "from", "limit"];

/// Arguments that hold the length of the buffer before them.
const LENGTHS: [&str; 16] = [
    "count", "len", "length", "size", "nbytes", "n", "nr", "bytes", "bufsize", "bufsiz", "buflen",
    "buf_len", "data_len", "optlen", "bufflen", "sz",
];

/// One argument; how many roots it became.
pub(super) fn roots(
    btf: &Btf,
    position: usize,
    parameter: &Parameter,
    next: Option<&Parameter>,
    options: &AutoOptions,
    rules: &mut Rules<'_>,
    text: &mut Text,
) -> usize {
    // A kernel address is negative as a signed number.
    const KERNEL: &str = "if (s64)value < 0";
    const USER: &str = "if (s64)value >= 0";
    let own = btf.parameter_name(parameter);
    let name = match own {
        own if is_sayable(own) && !WORDS.contains(&own) => own.to_owned(),
        _ => format!("arg {position}"),
    };
    let alias = match own {
        own if is_sayable(own) => own.to_owned(),
        _ => format!("arg{position}"),
    };
    let declared = commented(&btf.declaration(parameter.of, own));
    if let Some((_, of)) = options.types.iter().find(|(known, _)| known == own) {
        text.asked_for();
        let _ = writeln!(text, "    {name}: {};  // {declared}", treatment(of));
        rules.reach_named(type_of(of));
        return 1;
    }
    let Some(to) = pointee(btf, parameter.of) else {
        let _ = writeln!(text, "    // {declared}: the value is kept with the image");
        return 0;
    };
    let length = next.filter(|next| {
        let is_number = matches!(btf.kind(btf.resolve(next.of)), Kind::Int(_));
        is_number && is_length(btf.parameter_name(next))
    });
    let is_bytes = to == TypeId::VOID || rules::is_byte(btf, to);
    if let (true, Some(length)) = (is_bytes, length) {
        let length = btf.parameter_name(length);
        let _ = write!(
            text,
            "    // {declared}\n    {name}: bytes {length} {KERNEL};\n    \
             {name} as {alias}_user: user bytes {length} {USER};\n"
        );
        return 2;
    }
    if is_char(btf, to) || rules::is_byte(btf, to) {
        let _ = write!(
            text,
            "    // {declared}\n    {name}: string max 4096 {KERNEL};\n    \
             {name} as {alias}_user: user string max 4096 {USER};\n"
        );
        return 2;
    }
    if to == TypeId::VOID {
        let _ = writeln!(
            text,
            "    {name}: rest of object max 64K {KERNEL};  // {declared}"
        );
        return 1;
    }
    if btf.size(to).is_none_or(|size| size == 0) {
        let why = match btf.kind(to) {
            Kind::Prototype { .. } => "a function",
            _ => "not followed, its type is not known",
        };
        let _ = writeln!(text, "    // {declared}: {why}");
        return 0;
    }
    // The kernel's types do not say whose memory a number lies in.
    if matches!(btf.kind(to), Kind::Int(_) | Kind::Enum { .. }) {
        let _ = write!(text, "    // {declared}\n    {name}: array 1 {KERNEL};\n");
        let Some(of) = sayable_type(btf, to) else {
            return 1;
        };
        let _ = writeln!(text, "    {name} as {alias}_user: user as {of} {USER};");
        return 2;
    }
    if embedded::is_link(btf, to) {
        let holders = embedded::holders(btf, to);
        if let [(of, member)] = holders.as_slice() {
            let _ = writeln!(
                text,
                "    {name}: container of {of} by {member};  // {declared}"
            );
            rules.reach_named(of);
            return 1;
        }
        for (of, member) in &holders {
            let _ = writeln!(text, "    // or, {name}: container of {of} by {member};");
        }
    }
    let _ = writeln!(text, "    {name};  // {declared}");
    rules.reach(to);
    if system_call(&rules.function).is_some() && system_call::is_registers(btf, parameter) {
        return 1 + system_call::roots(btf, &name, &options.system_call, text);
    }
    1
}

/// Whether an argument of that name holds the length of what is before it.
pub(super) fn is_length(name: &str) -> bool {
    LENGTHS.contains(&name)
}
