//! Strings compared with texts.

use kflat_abi::program::code::{self, Instruction};
use kflat_btf::{Kind, TypeId};

use super::arithmetic::then;
use super::{Compiler, Of, Piece, Result, What, constant, emitted, instruction, push_constant};
use crate::diagnostics::{Problem, Span};
use crate::syntax::{Binary, Expression, Form};

/// A text that is compared with nothing.
pub(super) fn alone(span: Span) -> Problem {
    Problem::new("a text has no value", span, "not compared with a string")
        .help("compare a string with it: `NAME == \"text\"` or `NAME != \"text\"`")
}

impl Compiler<'_, '_, '_> {
    /// `string == "text"` and `string != "text"`, the NUL at its end included.
    /// `None`: it is something else.
    pub(super) fn text(
        &mut self,
        operator: Binary,
        left: &Expression,
        right: &Expression,
    ) -> Result<Option<Piece>> {
        let (string, text, place) = match (&*left.form, &*right.form) {
            (Form::Text(_), Form::Text(_)) => return Err(alone(right.span)),
            (_, Form::Text(text)) => (left, text, right.span),
            (Form::Text(text), _) => (right, text, left.span),
            _ => return Ok(None),
        };
        if !matches!(operator, Binary::Equal | Binary::NotEqual) {
            return Err(alone(place));
        }
        let piece = self.piece(string)?;
        let of = self.pointee(&piece);
        if !of.is_some_and(|of| self.is_byte(of)) {
            return Err(Problem::new(
                "this is no string",
                string.span,
                "neither a `char *` nor an array of `char`",
            )
            .help("a pointer to something else can be cast: `(char *)NAME == \"text\"`"));
        }
        let mut bytes = text.clone().into_bytes();
        bytes.push(0);
        let room = self.array_length(&piece);
        if room.is_some_and(|room| bytes.len() as u64 > room) {
            let room = room.unwrap_or_default();
            let message = format!("a text of {} bytes is never in here", text.len());
            return Err(Problem::new(
                message,
                place,
                format!("it has {room} bytes, the last of which is NUL"),
            ));
        }
        let equal = match (piece.what, room) {
            // As it was copied.
            (What::Element { bits, width: 0 }, Some(_)) => in_element(bits, &bytes, place)?,
            _ => {
                let pointer = self.load(piece, string.span)?;
                behind(emitted(pointer), &bytes)
            }
        };
        let equal = Piece {
            code: equal,
            what: What::Value,
            of: Of::TRUTH,
        };
        Ok(Some(match operator {
            Binary::NotEqual => then(equal, code::IS_ZERO, Of::TRUTH),
            _ => equal,
        }))
    }

    fn is_byte(&self, of: TypeId) -> bool {
        let of = self.btf().resolve(of);
        matches!(self.btf().kind(of), Kind::Int(int) if int.size == 1)
    }

    /// Elements of an array, if it is one whose length is known.
    fn array_length(&self, piece: &Piece) -> Option<u64> {
        let Of::Type(of) = piece.of else { return None };
        match self.btf().kind(self.btf().resolve(of)) {
            Kind::Array { count, .. } if *count > 0 => Some(u64::from(*count)),
            _ => None,
        }
    }
}

/// Where to read so that all bytes are covered, and what is to be found there: as
/// few reads as can be, none of which goes past the end.
fn parts(bytes: &[u8]) -> Vec<(u64, u8, u64)> {
    let width = [8usize, 4, 2, 1]
        .into_iter()
        .find(|width| *width <= bytes.len());
    let width = width.unwrap_or(1);
    let last = bytes.len().saturating_sub(width);
    let starts = (0..bytes.len()).step_by(width).map(|at| at.min(last));
    starts
        .map(|at| {
            let mut word = [0; 8];
            for (into, byte) in word.iter_mut().zip(&bytes[at..at + width]) {
                *into = *byte;
            }
            (at as u64, width as u8, u64::from_le_bytes(word))
        })
        .collect()
}

fn plain(op: u8) -> Instruction {
    instruction(op, 0, false, 0)
}

/// Whether the bytes are at the address that `address` leaves. What comes behind
/// bytes that differ is not read.
fn behind(address: Vec<Instruction>, bytes: &[u8]) -> Vec<Instruction> {
    let parts = parts(bytes);
    let last = parts.len().saturating_sub(1);
    let (mut all, mut differs) = (address, Vec::new());
    for (index, (at, width, word)) in parts.into_iter().enumerate() {
        if index < last {
            all.push(plain(code::DUPLICATE));
        }
        if at > 0 {
            push_constant(&mut all, at);
            all.push(plain(code::ADD));
        }
        all.push(instruction(code::READ, width, false, 0));
        push_constant(&mut all, word);
        all.push(plain(code::EQUAL));
        if index < last {
            differs.push(all.len());
            all.push(plain(code::SKIP_IF_ZERO));
        }
    }
    if !differs.is_empty() {
        // The address is left.
        all.push(instruction(code::SKIP, 0, false, 2));
        let end = all.len();
        for at in differs {
            all[at].value = (end - at - 1) as u32;
        }
        all.push(plain(code::DROP));
        push_constant(&mut all, 0);
    }
    all
}

/// Whether the bytes are in the element, so many bits behind its start.
fn in_element(bits: u64, bytes: &[u8], span: Span) -> Result<Vec<Instruction>> {
    let mut all = Vec::new();
    for (index, (at, width, word)) in parts(bytes).into_iter().enumerate() {
        let at = u32::try_from(bits / 8 + at)
            .map_err(|_| Problem::new("this is too far away", span, "no place in the structure"))?;
        all.push(instruction(code::MEMBER, width, false, at));
        all.extend(emitted(constant(word)));
        all.push(plain(code::EQUAL));
        if index > 0 {
            all.push(plain(code::AND));
        }
    }
    Ok(all)
}
