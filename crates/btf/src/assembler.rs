//! BTF of made-up types: for tests, and for tools that describe data of their own.

use crate::encoding as e;
use crate::types::TypeId;

/// Encodes types one after the other.
#[derive(Clone, Debug)]
pub struct Assembler {
    words: Vec<u32>,
    strings: Vec<u8>,
    count: u32,
    /// Strings that a base has.
    first_string: u32,
}

impl Default for Assembler {
    fn default() -> Self {
        Self {
            words: Vec::new(),
            strings: vec![0],
            count: 0,
            first_string: 0,
        }
    }
}

impl Assembler {
    /// Split BTF on top of `base`.
    #[must_use]
    pub fn on_top_of(base: &Self) -> Self {
        Self {
            words: Vec::new(),
            strings: Vec::new(),
            count: base.count,
            first_string: base.first_string + base.strings.len() as u32,
        }
    }

    fn string(&mut self, text: &str) -> u32 {
        if text.is_empty() {
            return 0;
        }
        let offset = self.first_string + self.strings.len() as u32;
        self.strings.extend(text.as_bytes());
        self.strings.push(0);
        offset
    }

    fn entry(&mut self, name: &str, kind: u32, count: usize, size_or_type: u32) -> TypeId {
        let name = self.string(name);
        self.words
            .extend([name, kind << 24 | count as u32, size_or_type]);
        self.count += 1;
        TypeId(self.count)
    }

    /// The number that the next type will have.
    #[must_use]
    pub fn next_id(&self) -> TypeId {
        TypeId(self.count + 1)
    }

    /// An integer of `size` bytes.
    pub fn int(&mut self, name: &str, size: u32, signed: bool) -> TypeId {
        let id = self.entry(name, e::INT, 0, size);
        let encoding = if signed { e::INT_SIGNED } else { 0 };
        self.words.push((encoding << 24) | (size * 8));
        id
    }

    /// A pointer.
    pub fn pointer(&mut self, to: TypeId) -> TypeId {
        self.entry("", e::PTR, 0, to.0)
    }

    /// `const`.
    pub fn constant(&mut self, of: TypeId) -> TypeId {
        self.entry("", e::CONST, 0, of.0)
    }

    /// A tag on a type: `rcu`, `user`, `percpu`.
    pub fn tag(&mut self, tag: &str, of: TypeId) -> TypeId {
        self.entry(tag, e::TYPE_TAG, 0, of.0)
    }

    /// A typedef.
    pub fn typedef(&mut self, name: &str, of: TypeId) -> TypeId {
        self.entry(name, e::TYPEDEF, 0, of.0)
    }

    /// An array.
    pub fn array(&mut self, element: TypeId, count: u32) -> TypeId {
        let id = self.entry("", e::ARRAY, 0, 0);
        self.words.extend([element.0, element.0, count]);
        id
    }

    /// A structure of `size` bytes; members by name, type, offset in bytes.
    pub fn structure(&mut self, name: &str, size: u32, members: &[(&str, TypeId, u32)]) -> TypeId {
        self.composite(name, e::STRUCT, size, members)
    }

    /// A union of `size` bytes.
    pub fn union(&mut self, name: &str, size: u32, members: &[(&str, TypeId)]) -> TypeId {
        let members: Vec<_> = members.iter().map(|(name, of)| (*name, *of, 0)).collect();
        self.composite(name, e::UNION, size, &members)
    }

    fn composite(
        &mut self,
        name: &str,
        kind: u32,
        size: u32,
        members: &[(&str, TypeId, u32)],
    ) -> TypeId {
        let id = self.entry(name, kind, members.len(), size);
        for (name, of, offset) in members {
            let name = self.string(name);
            self.words.extend([name, of.0, offset * 8]);
        }
        id
    }

    /// A structure with bit fields: members by name, type, offset in bits and
    /// bits, 0 for those that are none.
    pub fn bit_structure(
        &mut self,
        name: &str,
        size: u32,
        members: &[(&str, TypeId, u32, u8)],
    ) -> TypeId {
        let id = self.entry(name, 1 << 7 | e::STRUCT, members.len(), size);
        for (name, of, offset, bits) in members {
            let name = self.string(name);
            self.words
                .extend([name, of.0, u32::from(*bits) << 24 | offset]);
        }
        id
    }

    /// An `enum` of 4 bytes.
    pub fn enumeration(&mut self, name: &str, values: &[(&str, i32)]) -> TypeId {
        let id = self.entry(name, 1 << 7 | e::ENUM, values.len(), 4);
        for (name, value) in values {
            let name = self.string(name);
            self.words.extend([name, *value as u32]);
        }
        id
    }

    /// A structure that is declared only.
    pub fn forward(&mut self, name: &str) -> TypeId {
        self.entry(name, e::FWD, 0, 0)
    }

    /// What a function takes and returns.
    pub fn prototype(&mut self, returns: TypeId, parameters: &[(&str, TypeId)]) -> TypeId {
        let id = self.entry("", e::FUNC_PROTO, parameters.len(), returns.0);
        for (name, of) in parameters {
            let name = self.string(name);
            self.words.extend([name, of.0]);
        }
        id
    }

    /// A function with its prototype.
    pub fn function(
        &mut self,
        name: &str,
        returns: TypeId,
        parameters: &[(&str, TypeId)],
    ) -> TypeId {
        let prototype = self.prototype(returns, parameters);
        self.entry(name, e::FUNC, 1, prototype.0)
    }

    /// The encoding.
    #[must_use]
    pub fn finish(&self) -> Vec<u8> {
        let types: Vec<u8> = self
            .words
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect();
        let mut bytes = e::MAGIC.to_le_bytes().to_vec();
        bytes.extend([e::VERSION, 0]);
        let (length, strings) = (types.len() as u32, self.strings.len() as u32);
        for word in [e::HEADER, 0, length, length, strings] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(types);
        bytes.extend(&self.strings);
        bytes
    }
}
