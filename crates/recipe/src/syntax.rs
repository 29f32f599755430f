//! What a recipe says, as written: names are not looked up yet.

use crate::diagnostics::Span;

/// A thing and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Spanned<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    pub(crate) target: Spanned<Target>,
    pub(crate) roots: Vec<Root>,
    pub(crate) limits: Limits,
    pub(crate) rules: Vec<Rule>,
}

/// `function`, `module:function`, either with `+offset`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Target {
    pub(crate) module: Option<String>,
    pub(crate) function: String,
    pub(crate) offset: u64,
}

/// Bounds; `None`: the engine's default.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Limits {
    pub(crate) bytes: Option<u64>,
    pub(crate) time_ns: Option<u64>,
    pub(crate) objects: Option<u32>,
    pub(crate) depth: Option<u32>,
    pub(crate) elements: Option<u32>,
    pub(crate) string: Option<u32>,
}

#[derive(Clone, Debug)]
pub(crate) struct Root {
    pub(crate) source: Source,
    /// Where the source is named.
    pub(crate) span: Span,
    /// Its name in the image, if it was given one.
    pub(crate) alias: Option<String>,
    pub(crate) optional: bool,
    pub(crate) treatment: Treatment,
}

#[derive(Clone, Debug)]
pub(crate) enum Source {
    Argument(String),
    Position(u64),
    Global(String),
    Current,
}

/// What to follow in a type.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) of: Spanned<TypeName>,
    pub(crate) optional: bool,
    pub(crate) members: Vec<MemberRule>,
}

#[derive(Clone, Debug)]
pub(crate) struct MemberRule {
    pub(crate) path: Spanned<String>,
    pub(crate) optional: bool,
    pub(crate) treatment: Treatment,
}

/// How to follow a root or a member.
#[derive(Clone, Debug)]
pub(crate) struct Treatment {
    pub(crate) how: How,
    pub(crate) span: Span,
    /// Low bits of the pointer that are no address.
    pub(crate) tag_mask: u16,
}

#[derive(Clone, Debug)]
pub(crate) enum How {
    /// As its type says.
    Default,
    Skip,
    String {
        max: Option<Spanned<Count>>,
    },
    Bytes(Spanned<Count>),
    /// The type that is pointed to, where BTF does not know it, and how many.
    Pointer {
        to: Option<Spanned<TypeName>>,
        count: Option<Spanned<Count>>,
    },
    Container {
        of: Spanned<TypeName>,
        by: Spanned<String>,
    },
    List {
        of: Spanned<TypeName>,
        by: Spanned<String>,
        max: Option<u32>,
    },
}

#[derive(Clone, Debug)]
pub(crate) enum Count {
    Constant(u32),
    /// A member of the same structure; for a root an argument.
    Name(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TypeName {
    Struct(String),
    Union(String),
    /// A typedef or a number.
    Plain(String),
}

impl std::fmt::Display for TypeName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Struct(name) => write!(f, "struct {name}"),
            Self::Union(name) => write!(f, "union {name}"),
            Self::Plain(name) => f.write_str(name),
        }
    }
}
