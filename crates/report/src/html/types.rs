//! The types that a page needs, numbered anew.

use std::collections::HashMap;

use kflat_btf::{Btf, Kind, TypeId};
use serde::Serialize;

use crate::model::shown;

/// A type, and all that it is made of by number.
#[derive(Serialize)]
#[serde(tag = "is", rename_all = "lowercase")]
enum Type {
    Composite {
        name: String,
        size: u64,
        union: bool,
        members: Vec<Member>,
    },
    Array {
        name: String,
        size: u64,
        of: u32,
        count: u32,
    },
    Int {
        name: String,
        size: u64,
        signed: bool,
        bool: bool,
        char: bool,
    },
    Enum {
        name: String,
        size: u64,
        signed: bool,
        /// Values as text: JavaScript's numbers do not hold all of them.
        names: Vec<(String, String)>,
    },
    Pointer {
        name: String,
        size: u64,
        to: u32,
    },
    Float {
        name: String,
        size: u64,
    },
    Other {
        name: String,
        size: u64,
    },
}

/// Name, what C writes before and behind it, type, first bit, bits of a bit field.
type Member = (String, String, String, u32, u32, u8);

/// Numbers types as they are asked for.
pub(super) struct Types<'b> {
    btf: &'b Btf,
    numbers: HashMap<TypeId, u32>,
    order: Vec<TypeId>,
    declared: HashMap<TypeId, (String, String)>,
    /// Bytes of declarations that may still be written.
    room: usize,
}

/// Of all declarations: those of damaged types could go on and on.
const MOST_TEXT: usize = 64 << 20;

impl<'b> Types<'b> {
    pub(super) fn of(btf: &'b Btf) -> Self {
        Self {
            btf,
            numbers: HashMap::new(),
            order: Vec::new(),
            declared: HashMap::new(),
            room: MOST_TEXT,
        }
    }

    /// What C writes before and behind the name of something of a type.
    pub(super) fn declaration(&mut self, of: TypeId) -> (String, String) {
        const MARK: &str = "\u{1}";
        if let Some(known) = self.declared.get(&of) {
            return known.clone();
        }
        if self.room == 0 {
            return ("…".to_owned(), String::new());
        }
        let text = self.btf.declaration(of, MARK);
        self.room = self.room.saturating_sub(text.len());
        let (before, after) = text.split_once(MARK).unwrap_or((&text, ""));
        let declared = (shown(before), shown(after));
        self.declared.insert(of, declared.clone());
        declared
    }

    /// The number of a type.
    pub(super) fn number(&mut self, id: TypeId) -> u32 {
        let id = self.btf.resolve(id);
        let next = self.order.len() as u32;
        *self.numbers.entry(id).or_insert_with(|| {
            self.order.push(id);
            next
        })
    }

    /// All types that were asked for, and those that they are made of.
    pub(super) fn finish(mut self) -> impl Serialize + use<> {
        let mut all: Vec<Type> = Vec::new();
        while let Some(id) = self.order.get(all.len()) {
            all.push(self.describe(*id));
        }
        all
    }

    fn describe(&mut self, id: TypeId) -> Type {
        let btf = self.btf;
        let (before, after) = self.declaration(id);
        let name = format!("{}{after}", before.trim_end());
        let size = btf.size(id).unwrap_or(0);
        match btf.kind(id) {
            Kind::Struct(composite) | Kind::Union(composite) => Type::Composite {
                name,
                size,
                union: matches!(btf.kind(id), Kind::Union(_)),
                members: (composite.members.iter())
                    .map(|member| {
                        let (before, after) = self.declaration(member.of);
                        let number = self.number(member.of);
                        let name = shown(btf.member_name(member));
                        (
                            name,
                            before,
                            after,
                            number,
                            member.offset_bits,
                            member.bit_size,
                        )
                    })
                    .collect(),
            },
            Kind::Array { element, count, .. } => Type::Array {
                name,
                size,
                of: self.number(*element),
                count: *count,
            },
            Kind::Int(int) => Type::Int {
                name,
                size,
                signed: int.signed,
                bool: int.bool,
                char: int.size == 1 && (int.char || btf.name(id) == "char"),
            },
            Kind::Enum { signed, values, .. } => Type::Enum {
                name,
                size,
                signed: *signed,
                names: (values.iter())
                    .map(|value| {
                        let name = shown(btf.enumerator_name(value));
                        (name, value.value.to_string())
                    })
                    .collect(),
            },
            Kind::Pointer(to) => Type::Pointer {
                name,
                size,
                to: self.number(*to),
            },
            Kind::Float(_) => Type::Float { name, size },
            _ => Type::Other { name, size },
        }
    }
}
