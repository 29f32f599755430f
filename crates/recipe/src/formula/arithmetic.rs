//! Operators and casts.

use kflat_abi::program::code;
use kflat_btf::Kind;

use super::{Compiler, Of, Piece, Result, What, constant, emitted, instruction, number_of};
use crate::diagnostics::{Problem, Span};
use crate::names::{WIDTHS, find_type};
use crate::syntax::{BaseName, Binary, Expression, TypeName, Unary};

impl Compiler<'_, '_, '_> {
    /// The value of an expression.
    pub(super) fn loaded(&mut self, expression: &Expression) -> Result<Piece> {
        let piece = self.piece(expression)?;
        self.load(piece, expression.span)
    }

    pub(super) fn unary(&mut self, operator: Unary, of: &Expression, span: Span) -> Result<Piece> {
        let piece = self.piece(of)?;
        match operator {
            Unary::AddressOf => return self.address_of(piece, span),
            Unary::Load => return self.behind(piece, of.span),
            _ => {}
        }
        let piece = self.load(piece, of.span)?;
        if let What::Constant(value) = piece.what {
            return Ok(constant(match operator {
                Unary::Not => u64::from(value == 0),
                Unary::Invert => !value,
                _ => value.wrapping_neg(),
            }));
        }
        Ok(match operator {
            Unary::Not => then(piece, code::IS_ZERO, Of::TRUTH),
            Unary::Invert => {
                let of = self.widened(&piece);
                then(piece, code::NOT, of)
            }
            _ => {
                let mut all = emitted(constant(0));
                all.extend(emitted(piece));
                all.push(instruction(code::SUBTRACT, 0, false, 0));
                made(all, SIGNED)
            }
        })
    }

    pub(super) fn binary(
        &mut self,
        operator: Binary,
        left: &Expression,
        right: &Expression,
        span: Span,
    ) -> Result<Piece> {
        if matches!(operator, Binary::Both | Binary::Either) {
            return self.logic(operator == Binary::Both, left, right);
        }
        if let Some(compared) = self.text(operator, left, right)? {
            return Ok(compared);
        }
        let (a, b) = (self.loaded(left)?, self.loaded(right)?);
        let signed = self.is_signed(&a) && self.is_signed(&b);
        if let (What::Constant(x), What::Constant(y)) = (a.what, b.what) {
            return folded(operator, x, y, signed)
                .map(constant)
                .ok_or_else(|| Problem::new("division by zero", span, "has no value"));
        }
        let left_signed = self.is_signed(&a);
        let of = match signed {
            true => SIGNED,
            false => Of::WIDE,
        };
        let (a, b) = (emitted(a), emitted(b));
        let both = |first: Vec<_>, second: Vec<_>, ops: &[u8], of| {
            let mut all = first;
            all.extend(second);
            all.extend(ops.iter().map(|op| instruction(*op, 0, false, 0)));
            made(all, of)
        };
        let (less, less_or_equal) = match signed {
            true => (code::LESS_SIGNED, code::LESS_OR_EQUAL_SIGNED),
            false => (code::LESS, code::LESS_OR_EQUAL),
        };
        Ok(match operator {
            Binary::Multiply => both(a, b, &[code::MULTIPLY], of),
            Binary::Divide => both(a, b, &[code::DIVIDE], Of::WIDE),
            Binary::Remainder => both(a, b, &[code::REMAINDER], Of::WIDE),
            Binary::Add => both(a, b, &[code::ADD], of),
            Binary::Subtract => both(a, b, &[code::SUBTRACT], of),
            Binary::ShiftLeft => both(a, b, &[code::SHIFT_LEFT], of),
            Binary::ShiftRight => match left_signed {
                true => both(a, b, &[code::SHIFT_SIGNED], SIGNED),
                false => both(a, b, &[code::SHIFT_RIGHT], Of::WIDE),
            },
            Binary::Less => both(a, b, &[less], Of::TRUTH),
            Binary::LessOrEqual => both(a, b, &[less_or_equal], Of::TRUTH),
            Binary::Greater => both(b, a, &[less], Of::TRUTH),
            Binary::GreaterOrEqual => both(b, a, &[less_or_equal], Of::TRUTH),
            Binary::Equal => both(a, b, &[code::EQUAL], Of::TRUTH),
            Binary::NotEqual => both(a, b, &[code::EQUAL, code::IS_ZERO], Of::TRUTH),
            Binary::And => both(a, b, &[code::AND], of),
            Binary::Xor => both(a, b, &[code::XOR], of),
            Binary::Or => both(a, b, &[code::OR], of),
            Binary::Both | Binary::Either => made(Vec::new(), of),
        })
    }

    /// `&&` and `||`: the right side counts only if the left one does not decide.
    fn logic(&mut self, both: bool, left: &Expression, right: &Expression) -> Result<Piece> {
        let a = self.loaded(left)?;
        if let What::Constant(value) = a.what {
            if (value != 0) != both {
                return Ok(constant(u64::from(!both)));
            }
            let b = self.loaded(right)?;
            return Ok(self.truth(b));
        }
        let b = self.loaded(right)?;
        let b = emitted(self.truth(b));
        let mut all = emitted(a);
        if !both {
            all.push(instruction(code::IS_ZERO, 0, false, 0));
        }
        all.extend(branches(b, emitted(constant(u64::from(!both)))));
        Ok(made(all, Of::TRUTH))
    }

    /// 1 for what is not 0.
    fn truth(&mut self, piece: Piece) -> Piece {
        match piece.what {
            What::Constant(value) => constant(u64::from(value != 0)),
            _ if piece.of == Of::TRUTH && is_comparison(&piece) => piece,
            _ => then(
                then(piece, code::IS_ZERO, Of::TRUTH),
                code::IS_ZERO,
                Of::TRUTH,
            ),
        }
    }

    /// `condition ? yes : no`: of a known condition only one side must make
    /// sense.
    pub(super) fn choice(
        &mut self,
        condition: &Expression,
        yes: &Expression,
        no: &Expression,
    ) -> Result<Piece> {
        let condition = self.loaded(condition)?;
        match condition.what {
            What::Constant(0) => return self.piece(no),
            What::Constant(_) => return self.piece(yes),
            _ => {}
        }
        let (yes, no) = (self.loaded(yes)?, self.loaded(no)?);
        let of = match (self.is_signed(&yes) && self.is_signed(&no), yes.of == no.of) {
            (_, true) => yes.of,
            (true, _) => SIGNED,
            (false, _) => Of::WIDE,
        };
        let mut all = emitted(condition);
        all.extend(branches(emitted(yes), emitted(no)));
        Ok(made(all, of))
    }

    pub(super) fn cast(&mut self, to: &TypeName, of: &Expression, span: Span) -> Result<Piece> {
        let piece = self.loaded(of)?;
        let width = match &to.base {
            BaseName::Plain(name) => WIDTHS.iter().find(|(known, ..)| known == name),
            _ => None,
        };
        let id = match (width, to.pointers) {
            (Some((_, bytes, signed)), 0) => return Ok(narrowed(piece, *bytes, *signed)),
            (Some(_), _) => find_type(self.btf(), to, span)?,
            (None, _) => find_type(self.btf(), to, span)?,
        };
        match to.pointers {
            0 => {}
            1 => {
                return Ok(Piece {
                    of: Of::Pointer(id),
                    ..piece
                });
            }
            levels => {
                let of = self
                    .views
                    .pointer_type(id, levels - 1)
                    .map_or(Of::WIDE, Of::Pointer);
                return Ok(Piece { of, ..piece });
            }
        }
        match (number_of(self.btf(), id), self.btf().kind(id)) {
            (Some(_), Kind::Pointer(_)) => Ok(Piece {
                of: Of::Type(id),
                ..piece
            }),
            (Some((bytes, signed)), _) => Ok(narrowed(piece, bytes, signed)),
            _ => Err(Problem::new(
                format!("nothing can be cast to `{to}`"),
                span,
                "neither a number nor a pointer",
            )
            .help(format!("to read one behind a pointer write `*({to} *)…`"))),
        }
    }

    /// What arithmetic on bits leaves.
    fn widened(&self, piece: &Piece) -> Of {
        match self.is_signed(piece) {
            true => SIGNED,
            false => Of::WIDE,
        }
    }
}

const SIGNED: Of = Of::Number {
    bytes: 8,
    signed: true,
};

fn made(code: Vec<code::Instruction>, of: Of) -> Piece {
    Piece {
        code,
        what: What::Value,
        of,
    }
}

/// One more instruction on a value.
pub(super) fn then(piece: Piece, op: u8, of: Of) -> Piece {
    let mut all = emitted(piece);
    all.push(instruction(op, 0, false, 0));
    made(all, of)
}

/// The lowest bytes of a value.
pub(super) fn narrowed(piece: Piece, bytes: u8, signed: bool) -> Piece {
    let of = Of::Number { bytes, signed };
    if bytes >= 8 {
        return Piece { of, ..piece };
    }
    let bits = u32::from(bytes) * 8;
    if let What::Constant(value) = piece.what {
        let value = value << (64 - bits);
        let value = match signed {
            true => ((value as i64) >> (64 - bits)) as u64,
            false => value >> (64 - bits),
        };
        return Piece {
            of,
            ..constant(value)
        };
    }
    let mut all = emitted(piece);
    all.push(instruction(code::BITS, bits as u8, signed, 0));
    made(all, of)
}

/// Takes a condition; the first branch if it is not 0.
pub(super) fn branches(
    yes: Vec<code::Instruction>,
    no: Vec<code::Instruction>,
) -> Vec<code::Instruction> {
    let mut all = vec![instruction(
        code::SKIP_IF_ZERO,
        0,
        false,
        yes.len() as u32 + 1,
    )];
    all.extend(yes);
    all.push(instruction(code::SKIP, 0, false, no.len() as u32));
    all.extend(no);
    all
}

fn is_comparison(piece: &Piece) -> bool {
    let last = piece.code.last().map_or(code::END, |last| last.op);
    matches!(
        last,
        code::EQUAL..=code::LESS_OR_EQUAL_SIGNED | code::IS_ZERO
    )
}

/// `None`: division by zero.
fn folded(operator: Binary, a: u64, b: u64, signed: bool) -> Option<u64> {
    let less = |a: u64, b: u64| match signed {
        true => (a as i64) < (b as i64),
        false => a < b,
    };
    Some(match operator {
        Binary::Multiply => a.wrapping_mul(b),
        Binary::Divide => a.checked_div(b)?,
        Binary::Remainder => a.checked_rem(b)?,
        Binary::Add => a.wrapping_add(b),
        Binary::Subtract => a.wrapping_sub(b),
        Binary::ShiftLeft => u32::try_from(b)
            .ok()
            .and_then(|b| a.checked_shl(b))
            .unwrap_or(0),
        Binary::ShiftRight => u32::try_from(b)
            .ok()
            .and_then(|b| a.checked_shr(b))
            .unwrap_or(0),
        Binary::Less => u64::from(less(a, b)),
        Binary::LessOrEqual => u64::from(!less(b, a)),
        Binary::Greater => u64::from(less(b, a)),
        Binary::GreaterOrEqual => u64::from(!less(a, b)),
        Binary::Equal => u64::from(a == b),
        Binary::NotEqual => u64::from(a != b),
        Binary::And => a & b,
        Binary::Xor => a ^ b,
        Binary::Or => a | b,
        Binary::Both => u64::from(a != 0 && b != 0),
        Binary::Either => u64::from(a != 0 || b != 0),
    })
}
