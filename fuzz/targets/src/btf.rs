//! The BTF reader.

use kflat_btf::{Btf, Kind, NamedKind, Subset, TypeId, layout_hash};

/// Types of a kind whose questions are asked.
const ASKED: usize = 64;

/// Reads BTF, asks about its types, prints them, and takes a part of it.
///
/// # Panics
/// If a part of it can't be read back.
pub fn btf(data: &[u8]) {
    let Ok(btf) = Btf::parse(data) else {
        return;
    };
    let mut asked = Vec::new();
    for kind in [
        NamedKind::Struct,
        NamedKind::Union,
        NamedKind::Enum,
        NamedKind::Typedef,
        NamedKind::Function,
    ] {
        for (id, name) in btf.named(kind).take(ASKED) {
            assert!(btf.find(kind, name).is_some());
            ask(&btf, id);
            if kind == NamedKind::Function {
                let _ = btf.function_declaration(name);
                let _ = btf.prototype(name);
            } else {
                asked.push(id);
            }
        }
    }
    asked.truncate(ASKED);
    let mut subset = Subset::of(&btf, &asked);
    let numbers: Vec<u32> = asked.iter().map(|id| subset.number(*id)).collect();
    let bytes = subset.finish();
    let _ = layout_hash(&bytes);
    let part = Btf::parse(&bytes).expect("a part of BTF is BTF");
    for (id, number) in asked.iter().zip(numbers) {
        if number != 0 {
            assert_eq!(btf.name(*id), part.name(TypeId(number)));
        }
    }
    // The same bytes as a module's, on top of themselves.
    let _ = btf.with_module(data);
}

fn ask(btf: &Btf, id: TypeId) {
    let _ = btf.size(id);
    let _ = btf.resolve(id);
    let _ = btf.has_tag(id, "rcu");
    let _ = btf.declaration(id, "x");
    for (name, field) in btf.fields(id).into_iter().take(ASKED) {
        let _ = btf.field(id, name);
        let _ = btf.type_name(field.of);
        let _ = field.offset();
    }
    if let Kind::Enum { values, .. } = btf.kind(id) {
        for value in values.iter().take(ASKED) {
            let _ = btf.enumerator_name(value);
        }
    }
}
