//! Looks names up in BTF, and says what was meant where there is none.

use kflat_btf::{Btf, Field, Kind, NamedKind, TypeId};

use crate::diagnostics::{Problem, Span};
use crate::syntax::{BaseName, TypeName};

/// Words that begin something else where a member is expected.
const KEYWORDS: [&str; 4] = ["if", "switch", "case", "else"];

/// Whether a recipe can say a name that BTF has: some languages have others than C.
pub(crate) fn is_sayable(name: &str) -> bool {
    let mut characters = name.chars();
    characters
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !KEYWORDS.contains(&name)
}

/// The type as a recipe names it, if it can.
pub(crate) fn sayable_type(btf: &Btf, of: TypeId) -> Option<String> {
    let name = btf.type_name(of);
    name.split(' ').all(is_sayable).then_some(name)
}

/// Numbers of a width, as the kernel's own code calls them: bytes, and whether
/// they are signed.
pub(crate) const WIDTHS: [(&str, u8, bool); 8] = [
    ("u8", 1, false),
    ("u16", 2, false),
    ("u32", 4, false),
    ("u64", 8, false),
    ("s8", 1, true),
    ("s16", 2, true),
    ("s32", 4, true),
    ("s64", 8, true),
];

/// The type of that name without its `*`s, typedefs and qualifiers removed.
pub(crate) fn find_type(btf: &Btf, name: &TypeName, span: Span) -> Result<TypeId, Problem> {
    let (kinds, word): (&[NamedKind], &str) = match &name.base {
        BaseName::Struct(word) => (&[NamedKind::Struct], word),
        BaseName::Union(word) => (&[NamedKind::Union], word),
        BaseName::Enum(word) => (&[NamedKind::Enum], word),
        BaseName::Plain(word) if word == "void" => return Ok(TypeId::VOID),
        BaseName::Plain(word) => (&[NamedKind::Typedef, NamedKind::Number], word),
    };
    if let Some(id) = kinds.iter().find_map(|kind| btf.find(*kind, word)) {
        return Ok(btf.resolve(id));
    }
    if let BaseName::Plain(word) = &name.base
        && let Some(id) = find_number(btf, word)
    {
        return Ok(id);
    }
    let message = format!("this kernel has no type `{name}`");
    let problem = Problem::new(message, span, "unknown type");
    if matches!(name.base, BaseName::Plain(_)) && btf.find(NamedKind::Struct, word).is_some() {
        return Err(problem.help(format!("write `struct {word}`")));
    }
    let candidates = kinds.iter().flat_map(|kind| btf.named(*kind));
    Err(problem
        .help("write NAME? { … } for a rule that counts only where the type exists")
        .nearest(word, candidates.map(|(_, name)| name)))
}

/// A number by any of its names.
fn find_number(btf: &Btf, word: &str) -> Option<TypeId> {
    let mut numbers = btf.named(NamedKind::Number);
    if let Some((_, bytes, signed)) = WIDTHS.iter().find(|(name, ..)| *name == word) {
        return numbers
            .find(|(id, _)| match btf.kind(*id) {
                Kind::Int(int) => {
                    int.size == u32::from(*bytes) && int.signed == *signed && !int.bool
                }
                _ => false,
            })
            .map(|(id, _)| id);
    }
    let wanted = number(word)?;
    numbers
        .find(|(_, name)| number(name) == Some(wanted))
        .map(|(id, _)| id)
}

/// One of the many ways in which C names a number (`unsigned long`, `long
/// unsigned int`): unsigned, how often long, and whether short, char or int.
fn number(name: &str) -> Option<(bool, usize, &str)> {
    let (mut unsigned, mut long, mut base) = (false, 0, "int");
    for word in name.split(' ') {
        match word {
            "unsigned" => unsigned = true,
            "long" => long += 1,
            "short" | "char" => base = word,
            "signed" | "int" => {}
            _ => return None,
        }
    }
    Some((unsigned, long, base))
}

/// The member at `path` (`f_path.dentry`), embedded structures walked through.
pub(crate) fn find_field(btf: &Btf, of: TypeId, path: &str, span: Span) -> Result<Field, Problem> {
    let mut owner = of;
    let mut offset_bits = 0;
    let mut found = None;
    for name in path.split('.') {
        let Some(field) = btf.field(owner, name) else {
            let message = format!("`{}` has no member `{name}`", btf.type_name(owner));
            return Err(Problem::new(message, span, "no such member")
                .help("write NAME?; for a member that only some kernels have")
                .nearest(name, btf.fields(owner).into_iter().map(|(name, _)| name)));
        };
        offset_bits += field.offset_bits;
        owner = btf.resolve(field.of);
        found = Some(Field {
            offset_bits,
            ..field
        });
    }
    found.ok_or_else(|| Problem::new("a member needs a name", span, "empty"))
}

/// What a pointer of this type points to; `None` if it is no pointer.
pub(crate) fn pointee(btf: &Btf, of: TypeId) -> Option<TypeId> {
    match btf.kind(btf.resolve(of)) {
        Kind::Pointer(to) => Some(complete_type(btf, *to)),
        _ => None,
    }
}

/// The type without typedefs and qualifiers; where it is declared only, its
/// definition if there is one.
pub(crate) fn complete_type(btf: &Btf, id: TypeId) -> TypeId {
    let id = btf.resolve(id);
    let kind = match btf.kind(id) {
        Kind::Forward { is_union: true } => NamedKind::Union,
        Kind::Forward { is_union: false } => NamedKind::Struct,
        _ => return id,
    };
    btf.find(kind, btf.name(id)).unwrap_or(id)
}

/// Whether it is C's `char`, of whichever sign, which strings are made of.
pub(crate) fn is_char(btf: &Btf, id: TypeId) -> bool {
    matches!(btf.kind(id), Kind::Int(int) if int.size == 1) && btf.name(id) == "char"
}

/// Whether values of it are functions.
pub(crate) fn is_function(btf: &Btf, id: TypeId) -> bool {
    matches!(btf.kind(id), Kind::Prototype { .. })
}
