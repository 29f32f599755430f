//! How a root or a member is followed.

use super::{Expression, MemberRule, Spanned, TypeName};
use crate::diagnostics::Span;

/// How to follow a root or a member.
#[derive(Clone, Debug)]
pub(crate) struct Treatment {
    pub(crate) how: How,
    pub(crate) span: Span,
    /// Low bits of the pointer that are no address.
    pub(crate) tag_mask: u16,
    /// The address that the word stands for.
    pub(crate) decode: Option<Expression>,
    /// The pointer leads to memory of the process.
    pub(crate) user: bool,
    /// The word keeps its value.
    pub(crate) keep: bool,
    pub(crate) per_cpu: Option<PerCpu>,
    /// Values that are handed down.
    pub(crate) with: Vec<(Spanned<String>, Expression)>,
    /// A rule for what is reached by this way alone.
    pub(crate) inline: Option<Inline>,
}

/// Whose copy of a per-CPU variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PerCpu {
    All,
    This,
}

/// A rule in place.
#[derive(Clone, Debug)]
pub(crate) struct Inline {
    /// Where it begins.
    pub(crate) span: Span,
    pub(crate) members: Vec<MemberRule>,
}

#[derive(Clone, Debug)]
pub(crate) enum How {
    /// As its type says.
    Default,
    Skip,
    String {
        max: Option<Count>,
    },
    Bytes(Count),
    /// The type that is pointed to, where BTF does not know it, and how many.
    Pointer {
        to: Option<Spanned<TypeName>>,
        count: Option<Count>,
    },
    /// Elements each of which is followed in the same way.
    Each {
        count: Count,
        way: Box<Treatment>,
    },
    /// What lies here is taken for another type.
    Here(Spanned<TypeName>),
    /// Bytes of the object that the allocator knows.
    Allocated {
        part: Allocated,
        of: Option<Spanned<TypeName>>,
        /// Elements at most.
        max: Option<u32>,
    },
    ContainerOf {
        of: Spanned<TypeName>,
        by: Spanned<String>,
    },
    Container {
        kind: Container,
        of: Spanned<TypeName>,
        by: Option<Spanned<String>>,
        max: Option<u32>,
    },
}

/// Which part of an allocated object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Allocated {
    Whole,
    /// From the pointer on.
    Rest,
}

/// Ways in which the kernel puts many objects together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Container {
    List,
    HList,
    HListNulls,
    LList,
    Chain,
    Tree,
    XArray,
    Radix,
    Idr,
    Maple,
}

impl Container {
    pub(crate) const ALL: [(&'static str, Self); 10] = [
        ("list", Self::List),
        ("hlist", Self::HList),
        ("hlist_nulls", Self::HListNulls),
        ("llist", Self::LList),
        ("chain", Self::Chain),
        ("tree", Self::Tree),
        ("xarray", Self::XArray),
        ("radix", Self::Radix),
        ("idr", Self::Idr),
        ("maple", Self::Maple),
    ];

    /// Whether its elements are linked by a member of theirs.
    pub(crate) fn has_link(self) -> bool {
        !matches!(self, Self::XArray | Self::Radix | Self::Idr | Self::Maple)
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Count {
    Number(Expression),
    /// Up to and with the first element that is 0.
    UntilNull(Span),
    /// Up to and with the first element for which this is not 0.
    Until(Expression),
}

impl Count {
    pub(crate) fn span(&self) -> Span {
        match self {
            Self::Number(expression) | Self::Until(expression) => expression.span,
            Self::UntilNull(span) => *span,
        }
    }
}

/// Under which condition a rule counts.
#[derive(Clone, Debug)]
pub(crate) enum Guard {
    If(Expression),
    Unless(Expression),
    /// One of these is what the selector is.
    Case {
        selector: Expression,
        values: Vec<Expression>,
    },
    /// None of these is what the selector is.
    Else {
        selector: Expression,
        values: Vec<Expression>,
    },
}
