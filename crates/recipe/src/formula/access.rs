//! What names stand for.

use kflat_abi::program::code;
use kflat_btf::TypeId;

use super::arithmetic::{narrowed, then};
use super::{
    Compiler, Of, Piece, Result, What, constant, emitted, instruction, no_element, number_of, value,
};
use crate::diagnostics::{Problem, Span};
use crate::names::find_field;
use crate::scope::Word;
use crate::syntax::{Expression, Function};

impl Compiler<'_, '_, '_> {
    /// A value handed down, a member, an argument, a value of an `enum`.
    pub(super) fn name(&mut self, name: &str, span: Span) -> Result<Piece> {
        let Some(element) = &self.scope.element else {
            return match self.enumerator(name) {
                Some(value) if !self.views.function.has_argument(name) => Ok(constant(value)),
                _ => self.argument(name, span),
            };
        };
        let (of, base) = (element.of, element.base);
        if let Some(position) = element.parameters.iter().position(|known| known == name) {
            return Ok(value(code::PARAMETER, position as u32, Of::WIDE));
        }
        match find_field(self.btf(), of, name, span) {
            Ok(field) => Ok(Piece {
                code: Vec::new(),
                what: What::Element {
                    bits: base.saturating_mul(8).saturating_add(field.offset_bits),
                    width: field.bit_size,
                },
                of: Of::Type(field.of),
            }),
            Err(problem) => {
                if let Some(value) = self.enumerator(name) {
                    return Ok(constant(value));
                }
                Err(match self.views.function.has_argument(name) {
                    true => problem.help(format!("the function's argument is `arg {name}`")),
                    false => problem,
                })
            }
        }
    }

    fn enumerator(&mut self, name: &str) -> Option<u64> {
        self.views.enumerators().get(name).copied()
    }

    /// The element.
    pub(super) fn this(&mut self, span: Span) -> Result<Piece> {
        let element = self.scope.element.as_ref();
        let element = element.ok_or_else(|| no_element("this", span))?;
        Ok(Piece {
            code: Vec::new(),
            what: What::Element {
                bits: element.base.saturating_mul(8),
                width: 0,
            },
            of: Of::Type(element.of),
        })
    }

    /// The word that is followed.
    pub(super) fn value(&mut self, span: Span) -> Result<Piece> {
        match self.scope.word {
            Word::None => Err(Problem::new(
                "there is no value here",
                span,
                "no member that is followed",
            )),
            Word::Member { at, of } => Ok(Piece {
                code: Vec::new(),
                what: What::Element {
                    bits: at.saturating_mul(8),
                    width: 0,
                },
                of: Of::Type(of),
            }),
            Word::Bare(of) => Ok(value(code::VALUE, 0, of.map_or(Of::WIDE, Of::Type))),
        }
    }

    pub(super) fn returned(&mut self, span: Span) -> Result<Piece> {
        if !self.views.function.at_return {
            return Err(Problem::new(
                "nothing has been returned yet",
                span,
                "known at the end of the call",
            )
            .help("capture there: `recipe FUNCTION at return { … }`"));
        }
        let of = self.views.function.returns;
        Ok(self.register(value(code::RETURNED, 0, Of::WIDE), of))
    }

    pub(super) fn argument(&mut self, name: &str, span: Span) -> Result<Piece> {
        let (slot, of) = self.views.function.argument(self.views.btf, name, span)?;
        Ok(self.register(value(code::ARGUMENT, slot, Of::WIDE), Some(of)))
    }

    pub(super) fn position(&mut self, position: u64, span: Span) -> Result<Piece> {
        let (slot, of) = self
            .views
            .function
            .position(self.views.btf, position, span)?;
        Ok(self.register(value(code::ARGUMENT, slot, Of::WIDE), of))
    }

    /// What a register holds of a type: its upper bits are anything.
    fn register(&mut self, register: Piece, of: Option<TypeId>) -> Piece {
        let Some(of) = of else { return register };
        match number_of(self.btf(), of) {
            Some((8, _)) => Piece {
                of: Of::Type(of),
                ..register
            },
            Some((bytes, signed)) => narrowed(register, bytes, signed),
            None => register,
        }
    }

    /// A function of the language.
    pub(super) fn call(&mut self, function: Function, arguments: &[Expression]) -> Result<Piece> {
        let Some((first, rest)) = arguments.split_first() else {
            return Ok(constant(0));
        };
        let piece = self.loaded(first)?;
        let of = match self.pointee(&piece) {
            Some(to) => Of::Pointer(to),
            None => Of::WIDE,
        };
        Ok(match function {
            Function::ObjectStart => then(piece, code::OBJECT_START, Of::WIDE),
            Function::ObjectEnd => then(piece, code::OBJECT_END, Of::WIDE),
            Function::InObject if self.scope.element.is_none() => {
                return Err(no_element("in_object", first.span));
            }
            Function::InObject => {
                let mut all = emitted(piece);
                all.push(instruction(code::LOAD, 8, false, 0));
                Piece {
                    code: all,
                    what: What::Value,
                    of: Of::WIDE,
                }
            }
            Function::ThisCpu | Function::OnCpu => {
                let mut all = emitted(piece);
                match rest.first() {
                    Some(cpu) => all.extend(emitted(self.loaded(cpu)?)),
                    None => all.push(instruction(code::CPU, 0, false, 0)),
                }
                all.push(instruction(code::PER_CPU, 0, false, 0));
                all.push(instruction(code::ADD, 0, false, 0));
                Piece {
                    code: all,
                    what: What::Value,
                    of,
                }
            }
            Function::BigEndian(bytes) => {
                let bytes_of = Of::Number {
                    bytes,
                    signed: false,
                };
                let swapped = then(narrowed(piece, bytes, false), code::SWAP_BYTES, Of::WIDE);
                match bytes {
                    8 => swapped,
                    _ => {
                        let mut all = emitted(swapped);
                        all.extend(emitted(constant(64 - u64::from(bytes) * 8)));
                        all.push(instruction(code::SHIFT_RIGHT, 0, false, 0));
                        Piece {
                            code: all,
                            what: What::Value,
                            of: bytes_of,
                        }
                    }
                }
            }
        })
    }
}
