//! Places: members of the element, memory behind pointers.

use kflat_abi::program::code;
use kflat_btf::{Field, Kind, TypeId};

use super::{Compiler, Of, Piece, Result, What, emitted, instruction, number_of, push_constant};
use crate::diagnostics::{Problem, Span};
use crate::names::find_field;
use crate::syntax::Expression;

impl Compiler<'_, '_, '_> {
    /// A member of a place.
    pub(super) fn member(&mut self, place: Piece, name: &str, span: Span) -> Result<Piece> {
        let of = match place.of {
            Of::Type(id) => self.btf().resolve(id),
            _ => TypeId::VOID,
        };
        if self.btf().composite(of).is_none() {
            let problem = Problem::new(
                format!("`.{name}` of what is no structure"),
                span,
                "it has no members",
            );
            return Err(match self.pointee(&place) {
                Some(_) => problem.help(format!("behind a pointer it is `->{name}`")),
                None => problem,
            });
        }
        let field = find_field(self.btf(), of, name, span)?;
        self.views.spoken_of.push(of);
        inside(place, field).ok_or_else(|| {
            Problem::new(
                "a member of a value that has no place",
                span,
                "not in memory",
            )
        })
    }

    /// What a pointer leads to.
    pub(super) fn behind(&mut self, pointer: Piece, span: Span) -> Result<Piece> {
        let to = self.pointee(&pointer);
        let Some(to) = to.filter(|to| *to != TypeId::VOID) else {
            let problem = Problem::new(
                "it is not known what this points to",
                span,
                "no pointer to a known type",
            );
            return Err(problem.help("say it: `((struct NAME *)…)->member`"));
        };
        let pointer = self.load(pointer, span)?;
        Ok(Piece {
            code: emitted(pointer),
            what: What::Memory { bits: 0, width: 0 },
            of: Of::Type(to),
        })
    }

    /// `of[at]`
    pub(super) fn element(
        &mut self,
        of: &Expression,
        at: &Expression,
        span: Span,
    ) -> Result<Piece> {
        let base = self.piece(of)?;
        let index = self.piece(at)?;
        let index = self.load(index, at.span)?;
        let element = self.pointee(&base);
        let size = element.and_then(|id| self.btf().size(id));
        let (Some(element), Some(size)) = (element, size.filter(|size| *size > 0)) else {
            return Err(Problem::new(
                "this has no elements",
                of.span,
                "no array, no pointer to a known type",
            ));
        };
        let is_array = match base.of {
            Of::Type(id) => matches!(self.btf().kind(self.btf().resolve(id)), Kind::Array { .. }),
            _ => false,
        };
        let place = match is_array {
            true => base,
            false => self.behind(base, of.span)?,
        };
        let Piece {
            code: mut all,
            what,
            ..
        } = place;
        let of = Of::Type(element);
        let what = match (what, index.what) {
            (What::Element { bits, .. }, What::Constant(at)) => What::Element {
                bits: offset(bits, at, size, span)?,
                width: 0,
            },
            (What::Memory { bits, .. }, What::Constant(at)) => What::Memory {
                bits: offset(bits, at, size, span)?,
                width: 0,
            },
            (What::Memory { .. } | What::Element { .. }, _) => {
                let bits = match what {
                    What::Element { bits, .. } => {
                        all.push(instruction(code::ELEMENT, 0, false, 0));
                        bits
                    }
                    What::Memory { bits, .. } => bits,
                    _ => 0,
                };
                all.extend(emitted(index));
                push_constant(&mut all, size);
                all.push(instruction(code::MULTIPLY, 0, false, 0));
                all.push(instruction(code::ADD, 0, false, 0));
                What::Memory { bits, width: 0 }
            }
            _ => {
                return Err(Problem::new(
                    "this has no place in memory",
                    span,
                    "not an array",
                ));
            }
        };
        Ok(Piece {
            code: all,
            what,
            of,
        })
    }

    /// The address of a place.
    pub(super) fn address_of(&mut self, place: Piece, span: Span) -> Result<Piece> {
        let Piece { mut code, what, of } = place;
        let bits = match what {
            What::Element { bits, width: 0 } => {
                code.push(instruction(code::ELEMENT, 0, false, 0));
                bits
            }
            What::Memory { bits, width: 0 } => bits,
            _ => {
                return Err(Problem::new(
                    "this has no address",
                    span,
                    "no member, or a bit field",
                ));
            }
        };
        if bits > 0 {
            push_constant(&mut code, bits / 8);
            code.push(instruction(code::ADD, 0, false, 0));
        }
        let of = match of {
            Of::Type(id) => Of::Pointer(self.btf().resolve(id)),
            _ => Of::WIDE,
        };
        Ok(Piece {
            code,
            what: What::Value,
            of,
        })
    }

    /// The value at a place, sign or zero extended; values stay as they are.
    pub(super) fn load(&mut self, piece: Piece, span: Span) -> Result<Piece> {
        let (bits, width) = match piece.what {
            What::Constant(_) | What::Value => return Ok(piece),
            What::Element { bits, width } | What::Memory { bits, width } => (bits, width),
        };
        let Of::Type(id) = piece.of else {
            return Ok(piece);
        };
        let id = self.btf().resolve(id);
        if let Kind::Array { element, .. } = self.btf().kind(id) {
            let element = *element;
            let address = self.address_of(piece, span)?;
            return Ok(Piece {
                of: Of::Pointer(self.btf().resolve(element)),
                ..address
            });
        }
        let Some((size, signed)) = number_of(self.btf(), id) else {
            let message = format!("a `{}` is no number", self.btf().type_name(id));
            return Err(Problem::new(message, span, "has no value to compute with")
                .help("name one of its members, or take its address: `&NAME`"));
        };
        let is_element = matches!(piece.what, What::Element { .. });
        let room = match (is_element, &self.scope.element) {
            (true, Some(element)) => element.size,
            _ => u64::MAX / 8,
        };
        let (at, size, part) = storage(bits, width, size, room).ok_or_else(|| {
            Problem::new("this lies outside of its structure", span, "damaged types")
        })?;
        let whole_sign = signed && part.is_none();
        let mut all = piece.code;
        if is_element {
            all.push(instruction(code::MEMBER, size, whole_sign, at));
        } else {
            if at > 0 {
                push_constant(&mut all, u64::from(at));
                all.push(instruction(code::ADD, 0, false, 0));
            }
            all.push(instruction(code::READ, size, whole_sign, 0));
        }
        if let Some(first) = part {
            all.push(instruction(code::BITS, width, signed, first));
        }
        Ok(Piece {
            code: all,
            what: What::Value,
            of: piece.of,
        })
    }
}

/// A member of a place.
fn inside(place: Piece, field: Field) -> Option<Piece> {
    let (more, width) = (field.offset_bits, field.bit_size);
    let what = match place.what {
        What::Element { bits, width: 0 } => What::Element {
            bits: bits.checked_add(more)?,
            width,
        },
        What::Memory { bits, width: 0 } => What::Memory {
            bits: bits.checked_add(more)?,
            width,
        },
        _ => return None,
    };
    Some(Piece {
        what,
        of: Of::Type(field.of),
        ..place
    })
}

/// Where an element of an array is, in bits.
fn offset(bits: u64, at: u64, size: u64, span: Span) -> Result<u64> {
    at.checked_mul(size)
        .and_then(|bytes| bytes.checked_mul(8))
        .and_then(|more| more.checked_add(bits))
        .filter(|bits| bits / 8 <= u64::from(u32::MAX))
        .ok_or_else(|| {
            Problem::new(
                "this element is too far away",
                span,
                "the index is too large",
            )
        })
}

/// Which bytes hold a value: where, how many, and at which bit of them a bit
/// field begins.
fn storage(bits: u64, width: u8, size: u8, room: u64) -> Option<(u32, u8, Option<u32>)> {
    let fits = |at: u64, size: u64| at.checked_add(size).is_some_and(|end| end <= room);
    if width == 0 {
        let at = bits / 8;
        return fits(at, u64::from(size))
            .then_some(u32::try_from(at).ok()?)
            .map(|at| (at, size, None));
    }
    for size in [1u64, 2, 4, 8] {
        let at = bits / 8 / size * size;
        let first = bits - at * 8;
        if first + u64::from(width) <= size * 8 && fits(at, size) {
            return Some((u32::try_from(at).ok()?, size as u8, Some(first as u32)));
        }
    }
    None
}
