//! Expressions to instructions.
//!
//! Every part of an expression becomes a [`Piece`]: instructions, and what they
//! leave. Places (members, memory behind pointers) stay places until their value
//! is needed, so that `&` and `.` cost nothing. Values are 64 bits wide: what is
//! narrower is extended by its sign where it is read.

mod access;
mod arithmetic;
mod function;
mod limits;
mod place;
mod text;

use kflat_abi::program::code::{self, Instruction};
use kflat_btf::{Btf, Kind, TypeId};

use crate::diagnostics::{Problem, Span};
use crate::names::{complete_type, find_field, find_type};
use crate::scope::Scope;
use crate::syntax::{Expression, Form, TypeName};
use crate::views::Views;

pub(crate) use function::{Function, TRACEPOINT};
pub(crate) use limits::{check as fits, instruction};

type Result<T> = std::result::Result<T, Problem>;

/// A part of an expression.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    pub(crate) code: Vec<Instruction>,
    pub(crate) what: What,
    pub(crate) of: Of,
}

/// What the instructions of a piece leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// Nothing: the value is known.
    Constant(u64),
    /// The value.
    Value,
    /// Nothing: the place is so many bits behind the start of the view.
    Element { bits: u64, width: u8 },
    /// An address: the place is so many bits behind it.
    Memory { bits: u64, width: u8 },
}

/// What a piece is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    /// A number; arithmetic is signed unless it is `unsigned` and of 8 bytes.
    Number { bytes: u8, signed: bool },
    /// A type that BTF has.
    Type(TypeId),
    /// A pointer to a type.
    Pointer(TypeId),
}

impl Of {
    const WIDE: Self = Self::Number {
        bytes: 8,
        signed: false,
    };
    const TRUTH: Self = Self::Number {
        bytes: 4,
        signed: true,
    };
}

/// The value of an expression, ready for a program.
#[derive(Clone, Debug)]
pub(crate) struct Formula {
    pub(crate) code: Vec<Instruction>,
    pub(crate) constant: Option<u64>,
    pub(crate) signed: bool,
    /// What it points to, if that is known.
    pub(crate) pointee: Option<TypeId>,
}

/// Compiles expressions of one scope.
pub(super) struct Compiler<'v, 'a, 's> {
    views: &'v mut Views<'a>,
    scope: &'s Scope<'s>,
}

impl<'a> Views<'a> {
    /// The value of an expression.
    pub(crate) fn formula(
        &mut self,
        expression: &Expression,
        scope: &Scope<'_>,
    ) -> Result<Formula> {
        let mut compiler = Compiler { views: self, scope };
        let piece = compiler.piece(expression)?;
        let piece = compiler.load(piece, expression.span)?;
        let signed = compiler.is_signed(&piece);
        let pointee = compiler.pointee(&piece);
        let constant = match piece.what {
            What::Constant(value) => Some(value),
            _ => None,
        };
        let code = emitted(piece);
        limits::check(&code, expression.span).map_err(|problem| match scope.element {
            Some(_) => problem,
            None => problem
                .help("ask for less of the call; members and arguments may have conditions too"),
        })?;
        Ok(Formula {
            code,
            constant,
            signed,
            pointee,
        })
    }

    /// Whether an expression is a constant, and which.
    pub(crate) fn is_number(&self, of: TypeId) -> bool {
        number_of(self.btf, of).is_some()
    }
}

/// Bytes and sign of a number, an `enum` or a pointer.
pub(crate) fn number_of(btf: &Btf, of: TypeId) -> Option<(u8, bool)> {
    let (size, signed) = match btf.kind(btf.resolve(of)) {
        Kind::Int(int) => (int.size, int.signed),
        Kind::Enum { size, signed, .. } => (*size, *signed),
        Kind::Pointer(_) => (8, false),
        _ => return None,
    };
    matches!(size, 1 | 2 | 4 | 8).then_some((size as u8, signed))
}

impl Compiler<'_, '_, '_> {
    fn btf(&self) -> &Btf {
        self.views.btf
    }

    fn piece(&mut self, expression: &Expression) -> Result<Piece> {
        let span = expression.span;
        match &*expression.form {
            Form::Number(number) => Ok(constant(*number)),
            Form::Text(_) => Err(text::alone(span)),
            Form::Name(name) => self.name(name, span),
            Form::This => self.this(span),
            Form::Value => self.value(span),
            Form::Address => match self.scope.has_address {
                true => Ok(value(code::START, 0, Of::WIDE)),
                false => Err(Problem::new(
                    "there is no address yet",
                    span,
                    "`address` is known where values are handed down (`with`)",
                )),
            },
            Form::Returned => self.returned(span),
            Form::Current => Ok(value(code::CURRENT, 0, self.task())),
            Form::Cpu => Ok(value(code::CPU, 0, Of::TRUTH)),
            Form::Index => match self.scope.element {
                Some(_) => Ok(value(code::INDEX, 0, Of::WIDE)),
                None => Err(no_element("index", span)),
            },
            Form::Argument(name) => self.argument(name, span),
            Form::Position(position) => self.position(*position, span),
            Form::Global(symbol) => {
                let global = self.views.pool.global(symbol, span)?;
                Ok(value(code::GLOBAL, global, Of::WIDE))
            }
            Form::Member { of, name } => {
                let piece = self.piece(of)?;
                self.member(piece, name, span)
            }
            Form::Behind { of, name } => {
                let pointer = self.piece(of)?;
                let place = self.behind(pointer, of.span)?;
                self.member(place, name, span)
            }
            Form::Element { of, at } => self.element(of, at, span),
            Form::Unary(operator, of) => self.unary(*operator, of, span),
            Form::Binary(operator, left, right) => self.binary(*operator, left, right, span),
            Form::Choice { condition, yes, no } => self.choice(condition, yes, no),
            Form::Cast(to, of) => self.cast(to, of, span),
            Form::SizeOf(of) => {
                let id = self.type_of(of, span)?;
                let size = match of.pointers {
                    0 => self.btf().size(id),
                    _ => Some(8),
                };
                size.map(constant).ok_or_else(|| {
                    Problem::new(
                        format!("values of `{of}` have no size"),
                        span,
                        "unknown size",
                    )
                })
            }
            Form::OffsetOf(of, path) => {
                let id = self.type_of(of, span)?;
                let field = find_field(self.btf(), id, path, span)?;
                field.offset().map(constant).ok_or_else(|| {
                    Problem::new(format!("`{path}` is a bit field"), span, "it has no offset")
                })
            }
            Form::ExistsMember(path) => {
                let element = self.scope.element.as_ref();
                let of = element.map_or(TypeId::VOID, |element| element.of);
                let found = find_field(self.btf(), of, path, span).is_ok();
                Ok(constant(u64::from(found)))
            }
            Form::ExistsType(of, member) => {
                let found = match (find_type(self.btf(), of, span), member) {
                    (Ok(id), Some(path)) => find_field(self.btf(), id, path, span).is_ok(),
                    (found, _) => found.is_ok(),
                };
                Ok(constant(u64::from(found)))
            }
            Form::Call(function, arguments) => self.call(*function, arguments),
        }
    }

    fn type_of(&mut self, name: &TypeName, span: Span) -> Result<TypeId> {
        let id = find_type(self.btf(), name, span)?;
        if name.pointers == 0 {
            self.views.spoken_of.push(id);
        }
        Ok(id)
    }

    /// `struct task_struct *`
    fn task(&self) -> Of {
        let id = self.btf().find(kflat_btf::NamedKind::Struct, "task_struct");
        id.map_or(Of::WIDE, Of::Pointer)
    }

    /// Whether arithmetic with it is signed: only unsigned numbers of 8 bytes
    /// have values that signed ones have not.
    fn is_signed(&self, piece: &Piece) -> bool {
        match (piece.what, piece.of) {
            (What::Constant(value), _) => (value as i64) >= 0,
            (_, Of::Number { bytes, signed }) => signed || bytes < 8,
            (_, Of::Type(id)) => {
                number_of(self.btf(), id).is_some_and(|(bytes, signed)| signed || bytes < 8)
            }
            (_, Of::Pointer(_)) => false,
        }
    }

    /// What a pointer points to.
    fn pointee(&self, piece: &Piece) -> Option<TypeId> {
        match piece.of {
            Of::Pointer(to) => Some(to),
            Of::Type(id) => match self.btf().kind(self.btf().resolve(id)) {
                Kind::Pointer(to) => Some(complete_type(self.btf(), *to)),
                Kind::Array { element, .. } => Some(complete_type(self.btf(), *element)),
                _ => None,
            },
            Of::Number { .. } => None,
        }
    }
}

/// A known number.
fn constant(value: u64) -> Piece {
    Piece {
        code: Vec::new(),
        what: What::Constant(value),
        of: Of::Number {
            bytes: 8,
            signed: (value as i64) >= 0,
        },
    }
}

/// What one instruction leaves.
fn value(op: u8, operand: u32, of: Of) -> Piece {
    Piece {
        code: vec![instruction(op, 0, false, operand)],
        what: What::Value,
        of,
    }
}

/// The instructions of a piece that is a value or known.
fn emitted(piece: Piece) -> Vec<Instruction> {
    let mut all = piece.code;
    if let What::Constant(value) = piece.what {
        push_constant(&mut all, value);
    }
    all
}

fn push_constant(into: &mut Vec<Instruction>, value: u64) {
    into.push(instruction(code::CONSTANT, 0, false, value as u32));
    if value > u64::from(u32::MAX) {
        into.push(instruction(code::HIGH, 0, false, (value >> 32) as u32));
    }
}

fn no_element(word: &str, span: Span) -> Problem {
    Problem::new(
        format!("there is no `{word}` here"),
        span,
        "no structure around it",
    )
    .help(
        "conditions and roots of a recipe speak of the function's arguments, `current`, `cpu` and \
         globals",
    )
}
