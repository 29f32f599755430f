//! Numbers that a recipe computes.

use super::TypeName;
use crate::diagnostics::Span;

/// A formula and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Expression {
    pub(crate) form: Box<Form>,
    pub(crate) span: Span,
}

#[derive(Clone, Debug)]
pub(crate) enum Form {
    Number(u64),
    /// What a string is compared with.
    Text(String),
    /// A parameter, a member, or a value of an `enum`.
    Name(String),
    /// The element itself.
    This,
    /// The word that is followed.
    Value,
    /// The address that is followed.
    Address,
    /// What the function returned.
    Returned,
    /// The current task.
    Current,
    /// The number of this CPU.
    Cpu,
    /// The number of the element in its array.
    Index,
    /// An argument of the function by name.
    Argument(String),
    /// An argument of the function by position.
    Position(u64),
    /// The address of a global.
    Global(String),
    /// `of.name`
    Member {
        of: Expression,
        name: String,
    },
    /// `of->name`
    Behind {
        of: Expression,
        name: String,
    },
    /// `of[at]`
    Element {
        of: Expression,
        at: Expression,
    },
    Unary(Unary, Expression),
    Binary(Binary, Expression, Expression),
    Choice {
        condition: Expression,
        yes: Expression,
        no: Expression,
    },
    Cast(TypeName, Expression),
    SizeOf(TypeName),
    OffsetOf(TypeName, String),
    /// Whether a member of the element's type exists.
    ExistsMember(String),
    /// Whether a type, or a member of it, exists.
    ExistsType(TypeName, Option<String>),
    Call(Function, Vec<Expression>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unary {
    Not,
    Invert,
    Negate,
    /// `*p`
    Load,
    /// `&member`
    AddressOf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binary {
    Multiply,
    Divide,
    Remainder,
    Add,
    Subtract,
    ShiftLeft,
    ShiftRight,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
    And,
    Xor,
    Or,
    Both,
    Either,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    /// Start of the allocator's object that an address is in.
    ObjectStart,
    /// End of the allocator's object that an address is in.
    ObjectEnd,
    /// The address of a per-CPU variable for this CPU.
    ThisCpu,
    /// The address of a per-CPU variable for some CPU.
    OnCpu,
    /// Numbers as the network writes them.
    BigEndian(u8),
    /// 8 bytes of the object that the element lies in, as they were copied.
    InObject,
}

impl Function {
    pub(crate) const NAMES: [(&'static str, Self); 8] = [
        ("object_start", Self::ObjectStart),
        ("object_end", Self::ObjectEnd),
        ("this_cpu", Self::ThisCpu),
        ("on_cpu", Self::OnCpu),
        ("be16", Self::BigEndian(2)),
        ("be32", Self::BigEndian(4)),
        ("be64", Self::BigEndian(8)),
        ("in_object", Self::InObject),
    ];

    /// How many arguments it takes.
    pub(crate) fn takes(self) -> usize {
        match self {
            Self::OnCpu => 2,
            _ => 1,
        }
    }
}

impl Binary {
    /// Each operator and how strongly it binds, as in C.
    pub(crate) const ALL: [(&'static str, Self, u8); 18] = [
        ("*", Self::Multiply, 10),
        ("/", Self::Divide, 10),
        ("%", Self::Remainder, 10),
        ("+", Self::Add, 9),
        ("-", Self::Subtract, 9),
        ("<<", Self::ShiftLeft, 8),
        (">>", Self::ShiftRight, 8),
        ("<", Self::Less, 7),
        ("<=", Self::LessOrEqual, 7),
        (">", Self::Greater, 7),
        (">=", Self::GreaterOrEqual, 7),
        ("==", Self::Equal, 6),
        ("!=", Self::NotEqual, 6),
        ("&", Self::And, 5),
        ("^", Self::Xor, 4),
        ("|", Self::Or, 3),
        ("&&", Self::Both, 2),
        ("||", Self::Either, 1),
    ];
}
