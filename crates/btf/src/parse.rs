//! Reads the encoding.

use std::collections::HashMap;

use crate::encoding as e;
use crate::types::{
    Btf, Composite, Enumerator, IntEncoding, Kind, Member, NamedKind, Parameter, Type, TypeId,
};

/// What is wrong with bytes that should be BTF.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Not BTF at all.
    #[error("not BTF: it does not begin with the magic number 0xeb9f")]
    Magic,
    /// Of another version.
    #[error("BTF of version {0}, of which nothing is known; kflat reads version 1")]
    Version(u8),
    /// It ends too early.
    #[error("BTF is cut off or damaged: {what} goes beyond its end")]
    Short {
        /// What goes beyond the end.
        what: &'static str,
    },
    /// Names.
    #[error("BTF is damaged: the names are not NUL-terminated UTF-8")]
    Strings,
    /// A type of an unknown kind, whose length is unknown too.
    #[error("type {id} of the BTF is of kind {kind}, which this version does not know")]
    Kind {
        /// Its number.
        id: u32,
        /// Its kind.
        kind: u32,
    },
    /// A reference to a name that is not there.
    #[error("type {id} of the BTF has a name outside of the names")]
    Name {
        /// Its number.
        id: u32,
    },
    /// A reference to a type that is not there.
    #[error("type {id} of the BTF refers to type {to}, but there are only {count}")]
    Reference {
        /// The type.
        id: u32,
        /// What it refers to.
        to: u32,
        /// How many types there are.
        count: u32,
    },
    /// A number in a type is impossible.
    #[error("type {id} of the BTF has an impossible size or offset")]
    Number {
        /// Its number.
        id: u32,
    },
}

struct Words<'a> {
    bytes: &'a [u8],
}

impl Words<'_> {
    fn next(&mut self) -> Result<u32, ParseError> {
        let short = ParseError::Short { what: "a type" };
        let (word, rest) = self.bytes.split_first_chunk().ok_or(short)?;
        self.bytes = rest;
        Ok(u32::from_le_bytes(*word))
    }
}

/// A section of the file: offset and length are relative to the header's end.
fn section<'a>(bytes: &'a [u8], at: usize, what: &'static str) -> Result<&'a [u8], ParseError> {
    let short = ParseError::Short { what };
    let field = |at: usize| -> Option<usize> {
        let word = bytes.get(at..)?.first_chunk()?;
        usize::try_from(u32::from_le_bytes(*word)).ok()
    };
    let find = || {
        let start = field(4)?.checked_add(field(at)?)?;
        bytes.get(start..start.checked_add(field(at + 4)?)?)
    };
    find().ok_or(short)
}

impl Btf {
    /// Reads the BTF of a kernel, or a [`Subset`](crate::Subset).
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let void = Type {
            name: 0,
            kind: Kind::Void,
        };
        let empty = Self {
            strings: String::new(),
            types: vec![void],
            names: HashMap::new(),
            of_kernel: 0,
        };
        let mut kernel = empty.extended(bytes)?;
        kernel.of_kernel = kernel.types.len();
        Ok(kernel)
    }

    /// These types, and those of the module whose split BTF `bytes` are.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub fn with_module(&self, bytes: &[u8]) -> Result<Self, ParseError> {
        self.clone().extended(bytes)
    }

    fn extended(mut self, bytes: &[u8]) -> Result<Self, ParseError> {
        let Some([m0, m1, version, _flags]) = bytes.first_chunk() else {
            return Err(ParseError::Magic);
        };
        if u16::from_le_bytes([*m0, *m1]) != e::MAGIC {
            return Err(ParseError::Magic);
        }
        if *version != e::VERSION {
            return Err(ParseError::Version(*version));
        }
        let types = section(bytes, 8, "the types")?;
        let strings = section(bytes, 16, "the names")?;
        if strings.last().is_some_and(|byte| *byte != 0) {
            return Err(ParseError::Strings);
        }
        let strings = str::from_utf8(strings).map_err(|_| ParseError::Strings)?;
        self.strings.push_str(strings);
        let first = self.types.len();
        let mut words = Words { bytes: types };
        while !words.bytes.is_empty() {
            let id = self.types.len() as u32;
            self.types.push(read_type(&mut words, id)?);
        }
        for index in first..self.types.len() {
            self.check(index as u32)?;
        }
        for (index, entry) in self.types.iter().enumerate().skip(first) {
            if let Some(kind) = NamedKind::of(&entry.kind)
                && !self.string(entry.name).is_empty()
            {
                let hash = hash(self.string(entry.name));
                let ids = self.names.entry((kind, hash)).or_default();
                ids.push(TypeId(index as u32));
            }
        }
        Ok(self)
    }

    /// Checks all references of a type.
    fn check(&self, id: u32) -> Result<(), ParseError> {
        let count = self.types.len() as u32;
        let Some(entry) = self.types.get(id as usize) else {
            return Ok(());
        };
        let reference = |to: &TypeId| {
            if to.0 < count {
                Ok(())
            } else {
                Err(ParseError::Reference {
                    id,
                    to: to.0,
                    count,
                })
            }
        };
        let name = |at: u32| {
            // Every name ends in a NUL: the last byte of the names is one.
            if self.strings.is_char_boundary(at as usize)
                && (at as usize) < self.strings.len().max(1)
            {
                Ok(())
            } else {
                Err(ParseError::Name { id })
            }
        };
        name(entry.name)?;
        match &entry.kind {
            Kind::Void | Kind::Int(_) | Kind::Float(_) | Kind::Forward { .. } => Ok(()),
            Kind::Pointer(to)
            | Kind::Typedef(to)
            | Kind::Volatile(to)
            | Kind::Const(to)
            | Kind::Restrict(to)
            | Kind::TypeTag(to)
            | Kind::Function { prototype: to, .. }
            | Kind::Variable { of: to, .. }
            | Kind::DeclarationTag { of: to, .. } => reference(to),
            Kind::Array { element, index, .. } => {
                reference(element)?;
                reference(index)
            }
            Kind::Struct(composite) | Kind::Union(composite) => {
                composite.members.iter().try_for_each(|member| {
                    name(member.name)?;
                    reference(&member.of)
                })
            }
            Kind::Enum { values, .. } => values.iter().try_for_each(|value| name(value.name)),
            Kind::Prototype {
                returns,
                parameters,
            } => {
                reference(returns)?;
                parameters.iter().try_for_each(|parameter| {
                    name(parameter.name)?;
                    reference(&parameter.of)
                })
            }
            Kind::Section { variables, .. } => {
                variables.iter().try_for_each(|(of, _, _)| reference(of))
            }
        }
    }

    pub(crate) fn string(&self, at: u32) -> &str {
        let tail = self.strings.get(at as usize..).unwrap_or("");
        tail.split('\0').next().unwrap_or("")
    }
}

/// FNV-1a, 32 bits: names are few enough.
pub(crate) fn hash(name: &str) -> u32 {
    name.bytes().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

fn read_type(words: &mut Words<'_>, id: u32) -> Result<Type, ParseError> {
    let name = words.next()?;
    let info = words.next()?;
    let size_or_type = words.next()?;
    let (count, flag) = (info & 0xffff, info >> 31 != 0);
    let to = TypeId(size_or_type);
    let kind = match info >> 24 & 0x1f {
        e::INT => {
            let data = words.next()?;
            let encoding = data >> 24 & 0xf;
            let (bits, offset) = ((data & 0xff) as u8, (data >> 16 & 0xff) as u8);
            if size_or_type > 16 || u32::from(bits) > 128 {
                return Err(ParseError::Number { id });
            }
            Kind::Int(IntEncoding {
                size: size_or_type,
                bits,
                offset,
                signed: encoding & e::INT_SIGNED != 0,
                char: encoding & e::INT_CHAR != 0,
                bool: encoding & e::INT_BOOL != 0,
            })
        }
        e::PTR => Kind::Pointer(to),
        e::ARRAY => Kind::Array {
            element: TypeId(words.next()?),
            index: TypeId(words.next()?),
            count: words.next()?,
        },
        kind @ (e::STRUCT | e::UNION) => {
            let members = (0..count).map(|_| read_member(words, flag));
            let composite = Composite {
                size: size_or_type,
                members: members.collect::<Result<_, _>>()?,
            };
            if kind == e::STRUCT {
                Kind::Struct(composite)
            } else {
                Kind::Union(composite)
            }
        }
        kind @ (e::ENUM | e::ENUM64) => {
            if size_or_type > 8 {
                return Err(ParseError::Number { id });
            }
            let values = (0..count).map(|_| read_enumerator(words, kind, flag));
            Kind::Enum {
                size: size_or_type,
                signed: flag,
                values: values.collect::<Result<_, _>>()?,
            }
        }
        e::FWD => Kind::Forward { is_union: flag },
        e::TYPEDEF => Kind::Typedef(to),
        e::VOLATILE => Kind::Volatile(to),
        e::CONST => Kind::Const(to),
        e::RESTRICT => Kind::Restrict(to),
        e::FUNC => Kind::Function {
            prototype: to,
            linkage: count,
        },
        e::FUNC_PROTO => {
            let parameters = (0..count).map(|_| {
                Ok(Parameter {
                    name: words.next()?,
                    of: TypeId(words.next()?),
                })
            });
            Kind::Prototype {
                returns: to,
                parameters: parameters.collect::<Result<_, _>>()?,
            }
        }
        e::VAR => Kind::Variable {
            of: to,
            linkage: words.next()?,
        },
        e::DATASEC => {
            let variables =
                (0..count).map(|_| Ok((TypeId(words.next()?), words.next()?, words.next()?)));
            Kind::Section {
                size: size_or_type,
                variables: variables.collect::<Result<_, _>>()?,
            }
        }
        e::FLOAT => Kind::Float(size_or_type),
        e::DECL_TAG => Kind::DeclarationTag {
            of: to,
            component: words.next()? as i32,
        },
        e::TYPE_TAG => Kind::TypeTag(to),
        kind => return Err(ParseError::Kind { id, kind }),
    };
    Ok(Type { name, kind })
}

/// With the structure's flag set, a member's offset holds its bits in a bit
/// field as well.
fn read_member(words: &mut Words<'_>, flag: bool) -> Result<Member, ParseError> {
    let (name, of, offset) = (words.next()?, TypeId(words.next()?), words.next()?);
    Ok(if flag {
        Member {
            name,
            of,
            offset_bits: offset & 0x00ff_ffff,
            bit_size: (offset >> 24) as u8,
        }
    } else {
        Member {
            name,
            of,
            offset_bits: offset,
            bit_size: 0,
        }
    })
}

fn read_enumerator(
    words: &mut Words<'_>,
    kind: u32,
    signed: bool,
) -> Result<Enumerator, ParseError> {
    let (name, low) = (words.next()?, words.next()?);
    let value = match (kind, signed) {
        (e::ENUM64, _) => (u64::from(words.next()?) << 32 | u64::from(low)) as i64,
        (_, true) => i64::from(low as i32),
        (_, false) => i64::from(low),
    };
    Ok(Enumerator { name, value })
}
