//! Writes the BTF of some types only.
//!
//! What the types contain by value is complete; a structure that is only
//! pointed to becomes a declaration, an unnamed one `void`. A function is written
//! with its prototype if it is asked for itself.

use std::collections::{HashMap, HashSet};

use crate::encoding as e;
use crate::types::{Btf, Composite, Kind, TypeId};

/// The BTF of some types, in the making.
#[derive(Debug)]
pub struct Subset<'a> {
    btf: &'a Btf,
    /// Structures and unions that are complete, and functions that are asked for.
    complete: HashSet<TypeId>,
    numbers: HashMap<TypeId, u32>,
    /// The types in the order of their new numbers, from 1.
    order: Vec<TypeId>,
    strings: Vec<u8>,
    string_offsets: HashMap<String, u32>,
}

impl<'a> Subset<'a> {
    /// The subset of `btf` in which `types` are complete.
    #[must_use]
    pub fn of(btf: &'a Btf, types: &[TypeId]) -> Self {
        let mut subset = Self {
            btf,
            complete: HashSet::new(),
            numbers: HashMap::new(),
            order: Vec::new(),
            strings: vec![0],
            string_offsets: HashMap::new(),
        };
        let mut seen = HashSet::new();
        let mut pending = types.to_vec();
        while let Some(id) = pending.pop() {
            if !seen.insert(id) {
                continue;
            }
            match btf.kind(id) {
                Kind::Struct(composite) | Kind::Union(composite) => {
                    subset.complete.insert(id);
                    pending.extend(composite.members.iter().map(|member| member.of));
                }
                Kind::Typedef(to)
                | Kind::Volatile(to)
                | Kind::Const(to)
                | Kind::Restrict(to)
                | Kind::TypeTag(to)
                | Kind::Array { element: to, .. } => pending.push(*to),
                Kind::Function { prototype, .. } => {
                    if let Kind::Prototype {
                        returns,
                        parameters,
                    } = btf.kind(*prototype)
                    {
                        subset.complete.insert(id);
                        pending.push(*returns);
                        pending.extend(parameters.iter().map(|parameter| parameter.of));
                    }
                }
                _ => {}
            }
        }
        for id in types {
            subset.number(*id);
        }
        subset
    }

    /// The number that a type has in the subset; one that was not asked for may
    /// be added by this.
    pub fn number(&mut self, id: TypeId) -> u32 {
        if let Some(number) = self.numbers.get(&id) {
            return *number;
        }
        let number = match self.btf.kind(id) {
            Kind::Void => 0,
            Kind::Struct(_) | Kind::Union(_) | Kind::Forward { .. }
                if !self.complete.contains(&id) && self.btf.name(id).is_empty() =>
            {
                0
            }
            // They are about code, not about data.
            Kind::Function { .. } if !self.complete.contains(&id) => 0,
            Kind::Variable { .. } | Kind::Section { .. } | Kind::DeclarationTag { .. } => 0,
            _ => {
                self.order.push(id);
                self.order.len() as u32
            }
        };
        self.numbers.insert(id, number);
        number
    }

    /// The encoding.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        let mut types = Vec::new();
        let mut next = 0;
        // Writing a type may number further ones.
        while let Some(id) = self.order.get(next).copied() {
            self.write(id, &mut types);
            next += 1;
        }
        let types: Vec<u8> = types.into_iter().flat_map(u32::to_le_bytes).collect();
        let mut bytes = Vec::new();
        bytes.extend(e::MAGIC.to_le_bytes());
        bytes.extend([e::VERSION, 0]);
        let (length, strings) = (types.len() as u32, self.strings.len() as u32);
        for word in [e::HEADER, 0, length, length, strings] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(types);
        bytes.extend(self.strings);
        bytes
    }

    fn string(&mut self, text: &str) -> u32 {
        if text.is_empty() {
            return 0;
        }
        if let Some(offset) = self.string_offsets.get(text) {
            return *offset;
        }
        let offset = self.strings.len() as u32;
        self.strings.extend(text.as_bytes());
        self.strings.push(0);
        self.string_offsets.insert(text.to_owned(), offset);
        offset
    }

    fn write(&mut self, id: TypeId, out: &mut Vec<u32>) {
        let btf = self.btf;
        let name = self.string(btf.name(id));
        let mut head = |kind: u32, flag: bool, count: usize, size_or_type: u32| {
            let info = u32::from(flag) << 31 | kind << 24 | count as u32 & 0xffff;
            out.extend([name, info, size_or_type]);
        };
        match btf.kind(id) {
            Kind::Function { linkage, prototype } => {
                let prototype = self.number(*prototype);
                head(e::FUNC, false, *linkage as usize, prototype);
            }
            Kind::Void
            | Kind::Variable { .. }
            | Kind::Section { .. }
            | Kind::DeclarationTag { .. } => {}
            Kind::Int(int) => {
                head(e::INT, false, 0, int.size);
                let encoding = [
                    (int.signed, e::INT_SIGNED),
                    (int.char, e::INT_CHAR),
                    (int.bool, e::INT_BOOL),
                ];
                let encoding: u32 = encoding
                    .iter()
                    .filter(|(set, _)| *set)
                    .map(|(_, bit)| bit)
                    .sum();
                out.push(encoding << 24 | u32::from(int.offset) << 16 | u32::from(int.bits));
            }
            Kind::Float(size) => head(e::FLOAT, false, 0, *size),
            Kind::Forward { is_union } => head(e::FWD, *is_union, 0, 0),
            Kind::Struct(_) if !self.complete.contains(&id) => head(e::FWD, false, 0, 0),
            Kind::Union(_) if !self.complete.contains(&id) => head(e::FWD, true, 0, 0),
            Kind::Struct(composite) => {
                head(
                    e::STRUCT,
                    has_bit_fields(composite),
                    composite.members.len(),
                    composite.size,
                );
                self.members(composite, out);
            }
            Kind::Union(composite) => {
                head(
                    e::UNION,
                    has_bit_fields(composite),
                    composite.members.len(),
                    composite.size,
                );
                self.members(composite, out);
            }
            Kind::Enum {
                size,
                signed,
                values,
            } => {
                let kind = if *size == 8 { e::ENUM64 } else { e::ENUM };
                head(kind, *signed, values.len(), *size);
                for value in values {
                    let name = self.string(btf.enumerator_name(value));
                    out.extend([name, value.value as u32]);
                    if kind == e::ENUM64 {
                        out.push((value.value >> 32) as u32);
                    }
                }
            }
            Kind::Pointer(to) => self.reference(e::PTR, name, *to, out),
            Kind::Typedef(to) => self.reference(e::TYPEDEF, name, *to, out),
            Kind::Volatile(to) => self.reference(e::VOLATILE, name, *to, out),
            Kind::Const(to) => self.reference(e::CONST, name, *to, out),
            Kind::Restrict(to) => self.reference(e::RESTRICT, name, *to, out),
            Kind::TypeTag(to) => self.reference(e::TYPE_TAG, name, *to, out),
            Kind::Array {
                element,
                index,
                count,
            } => {
                head(e::ARRAY, false, 0, 0);
                let element = self.number(*element);
                out.extend([element, self.number(*index), *count]);
            }
            Kind::Prototype {
                returns,
                parameters,
            } => {
                let returns = self.number(*returns);
                head(e::FUNC_PROTO, false, parameters.len(), returns);
                for parameter in parameters {
                    let name = self.string(btf.parameter_name(parameter));
                    out.extend([name, self.number(parameter.of)]);
                }
            }
        }
    }

    fn reference(&mut self, kind: u32, name: u32, to: TypeId, out: &mut Vec<u32>) {
        out.extend([name, kind << 24, self.number(to)]);
    }

    fn members(&mut self, composite: &Composite, out: &mut Vec<u32>) {
        let flag = has_bit_fields(composite);
        for member in &composite.members {
            let name = self.string(self.btf.member_name(member));
            let offset = if flag {
                u32::from(member.bit_size) << 24 | member.offset_bits & 0x00ff_ffff
            } else {
                member.offset_bits
            };
            out.extend([name, self.number(member.of), offset]);
        }
    }
}

fn has_bit_fields(composite: &Composite) -> bool {
    composite.members.iter().any(|member| member.bit_size != 0)
}

/// A hash of a subset's bytes: equal where the layouts of all its types are.
#[must_use]
pub fn layout_hash(subset: &[u8]) -> u64 {
    // FNV-1a: this guards against mistakes, not against attackers.
    subset.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
