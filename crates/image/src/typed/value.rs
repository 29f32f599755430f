//! A place with a type, and what it is.

use kflat_btf::{Enumerator, Kind, TypeId};

use super::{Pointer, Typed};

/// The program's type that says which words of an object are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct View {
    /// Index into the program's types.
    pub index: u32,
    /// Offset of the element.
    pub base: u64,
}

/// Bits of a bit field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bits {
    /// The first one, from the value's offset.
    pub first: u8,
    /// How many.
    pub count: u8,
}

/// A place in the memory, and its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value {
    /// Offset of its first byte.
    pub offset: u64,
    /// Its type, as it is declared.
    pub of: TypeId,
    /// For a bit field.
    pub bits: Option<Bits>,
    /// What is known about pointers in it.
    pub view: Option<View>,
    /// Where the captured bytes that it lies in end.
    pub end: u64,
}

/// A member of a structure or union.
#[derive(Clone, Copy, Debug)]
pub struct Member<'i> {
    /// Its name; empty for a structure or union without one.
    pub name: &'i str,
    /// Its place.
    pub value: Value,
}

/// What a value is.
#[derive(Clone, Debug)]
pub enum Shape<'i> {
    /// A structure or union.
    Composite {
        /// Whether its members share their bytes.
        is_union: bool,
    },
    /// An array.
    Array {
        /// Type of its elements.
        element: TypeId,
        /// How many.
        count: u64,
    },
    /// An integer.
    Number {
        /// Its value.
        value: i128,
        /// Bytes.
        size: u32,
        /// Whether it is signed.
        signed: bool,
    },
    /// A `bool`; other values than 0 and 1 are numbers.
    Bool(bool),
    /// A character.
    Char(u8),
    /// A value of an `enum`, and the names it is made of: one of that value, or
    /// those of its bits; none if some of it has no name.
    Enum {
        /// The value.
        value: i128,
        /// The names.
        names: Vec<&'i str>,
    },
    /// A floating-point number of 4 or 8 bytes.
    Float(f64),
    /// A pointer.
    Pointer(Pointer<'i>),
    /// Bytes whose type is not known, or too large to be a number.
    Bytes(u64),
    /// Some of the value was not captured.
    Missing,
}

impl<'i> Typed<'i> {
    /// What `value` is.
    #[must_use]
    pub fn shape(&self, value: &Value) -> Shape<'i> {
        let of = self.btf.resolve(value.of);
        let size = match self.btf.kind(of) {
            Kind::Array { element, count, .. } => {
                return Shape::Array {
                    element: *element,
                    count: u64::from(*count),
                };
            }
            Kind::Void | Kind::Forward { .. } => 1,
            _ => self.btf.size(of).unwrap_or(1),
        };
        let needed = value.bits.map_or(size, |bits| {
            (u64::from(bits.first) + u64::from(bits.count)).div_ceil(8)
        });
        let Some(bytes) = self.bytes(value, needed) else {
            return Shape::Missing;
        };
        match self.btf.kind(of) {
            Kind::Struct(_) => Shape::Composite { is_union: false },
            Kind::Union(_) => Shape::Composite { is_union: true },
            Kind::Pointer(to) => Shape::Pointer(self.pointer(value, *to)),
            _ => self.scalar(of, bytes, value.bits),
        }
    }

    /// A value of the type `of`, without typedefs and qualifiers, that holds no
    /// others, by its bytes.
    pub(super) fn scalar(&self, of: TypeId, bytes: &[u8], bits: Option<Bits>) -> Shape<'i> {
        let size = bytes.len() as u64;
        match self.btf.kind(of) {
            Kind::Int(int) => {
                let bits = bits.or_else(|| {
                    // Old compilers say that a member is a bit field by its type.
                    (u32::from(int.bits) < int.size.saturating_mul(8)).then_some(Bits {
                        first: int.offset,
                        count: int.bits,
                    })
                });
                let Some(number) = number(bytes, bits, int.signed) else {
                    return Shape::Bytes(size);
                };
                match number {
                    0 | 1 if int.bool => Shape::Bool(number == 1),
                    _ if self.is_char(of) => Shape::Char(number as u8),
                    value => Shape::Number {
                        value,
                        size: int.size,
                        signed: int.signed,
                    },
                }
            }
            Kind::Enum { signed, values, .. } => match number(bytes, bits, *signed) {
                Some(value) => Shape::Enum {
                    value,
                    names: self.enumerators(values, value),
                },
                None => Shape::Bytes(size),
            },
            Kind::Float(4) => bytes.first_chunk().map_or(Shape::Missing, |bytes| {
                Shape::Float(f64::from(f32::from_le_bytes(*bytes)))
            }),
            Kind::Float(8) => bytes.first_chunk().map_or(Shape::Missing, |bytes| {
                Shape::Float(f64::from_le_bytes(*bytes))
            }),
            _ => Shape::Bytes(size),
        }
    }

    /// The first `size` bytes of a value; `None` if some of them were not
    /// captured.
    #[must_use]
    pub fn bytes(&self, value: &Value, size: u64) -> Option<&'i [u8]> {
        let end = value.offset.checked_add(size)?;
        if end > value.end {
            return None;
        }
        let range = usize::try_from(value.offset).ok()?..usize::try_from(end).ok()?;
        self.image.memory().get(range)
    }

    /// The members of a structure or union, as they are declared.
    pub fn members(&self, value: &Value) -> impl Iterator<Item = Member<'i>> + use<'i> {
        let (btf, value) = (self.btf, *value);
        let members = btf.composite(value.of).map_or(&[][..], |c| &c.members);
        members.iter().map(move |member| {
            let bits = Bits {
                first: (member.offset_bits % 8) as u8,
                count: member.bit_size,
            };
            Member {
                name: btf.member_name(member),
                value: Value {
                    offset: value
                        .offset
                        .saturating_add(u64::from(member.offset_bits / 8)),
                    of: member.of,
                    bits: (member.bit_size > 0).then_some(bits),
                    ..value
                },
            }
        })
    }

    /// The member `name`, also inside of unnamed structures and unions.
    #[must_use]
    pub fn member(&self, value: &Value, name: &str) -> Option<Value> {
        let field = self.btf.field(value.of, name)?;
        Some(Value {
            offset: value.offset.checked_add(field.offset_bits / 8)?,
            of: field.of,
            bits: (field.bit_size > 0).then_some(Bits {
                first: (field.offset_bits % 8) as u8,
                count: field.bit_size,
            }),
            ..*value
        })
    }

    /// Element `index` of an array's elements of type `element`.
    #[must_use]
    pub fn element(&self, array: &Value, element: TypeId, index: u64) -> Option<Value> {
        let size = self.btf.size(element).unwrap_or(1);
        Some(Value {
            offset: array.offset.checked_add(size.checked_mul(index)?)?,
            of: element,
            ..*array
        })
    }

    /// The action on the word at a value's offset.
    pub(super) fn action(&self, value: &Value) -> Option<kflat_abi::program::Action> {
        let view = value.view?;
        let offset = value.offset.checked_sub(view.base)?;
        self.actions.find(&self.program, view.index, offset)
    }

    /// The names that make up `value`.
    fn enumerators(&self, values: &'i [Enumerator], value: i128) -> Vec<&'i str> {
        let same = values.iter().find(|known| i128::from(known.value) == value);
        if let Some(known) = same {
            return vec![self.btf.enumerator_name(known)];
        }
        let (mut rest, mut names) = (value, Vec::new());
        for known in values {
            let bit = i128::from(known.value);
            if bit > 0 && bit & (bit - 1) == 0 && rest & bit != 0 {
                rest &= !bit;
                names.push(self.btf.enumerator_name(known));
            }
        }
        if rest != 0 {
            names.clear();
        }
        names
    }
}

/// The number that bytes, little-endian, or bits of them are. `None`: too large.
fn number(bytes: &[u8], bits: Option<Bits>, signed: bool) -> Option<i128> {
    let mut word = [0; 16];
    word.get_mut(..bytes.len())?.copy_from_slice(bytes);
    let whole = u32::try_from(bytes.len()).ok()? * 8;
    let (first, count) = match bits {
        Some(bits) => (u32::from(bits.first), u32::from(bits.count)),
        None => (0, whole),
    };
    if count == 0 || count > 127 && !signed {
        return None;
    }
    let shifted = u128::from_le_bytes(word).checked_shr(first)?;
    // To the top and back: that extends the sign.
    let unused = 128u32.checked_sub(count)?;
    let top = shifted.checked_shl(unused)?;
    if signed {
        (top as i128).checked_shr(unused)
    } else {
        top.checked_shr(unused).map(|number| number as i128)
    }
}

#[cfg(test)]
mod tests {
    use super::{Bits, number};

    #[test]
    fn numbers_of_all_widths_and_bit_fields() {
        assert_eq!(number(&[0xff], None, true), Some(-1));
        assert_eq!(number(&[0xff], None, false), Some(255));
        assert_eq!(number(&[0xff; 8], None, false), Some(u64::MAX.into()));
        assert_eq!(number(&[0xff; 16], None, true), Some(-1));
        assert_eq!(number(&[0xff; 16], None, false), None);
        assert_eq!(number(&[0; 17], None, true), None);
        let bits = |first, count| Some(Bits { first, count });
        assert_eq!(number(&[0b0110_1000], bits(3, 4), false), Some(13));
        assert_eq!(number(&[0b0110_1000], bits(3, 4), true), Some(-3));
        assert_eq!(number(&[0x80, 0x01], bits(7, 2), false), Some(3));
    }
}
