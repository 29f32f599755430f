//! What a recipe says, as written: names are not looked up yet.

mod expression;
mod treatment;

use crate::diagnostics::Span;

pub(crate) use expression::{Binary, Expression, Form, Function, Unary};
pub(crate) use treatment::{Allocated, Container, Count, Guard, How, Inline, PerCpu, Treatment};

/// A thing and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Spanned<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

/// A text, with what it includes.
#[derive(Clone, Debug, Default)]
pub(crate) struct File {
    pub(crate) recipes: Vec<Recipe>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) views: Vec<ViewRule>,
    pub(crate) hubs: Vec<Hub>,
    pub(crate) includes: Vec<Spanned<String>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    pub(crate) target: Spanned<Target>,
    pub(crate) at_return: bool,
    pub(crate) roots: Vec<Root>,
    pub(crate) limits: Limits,
    pub(crate) detect_changes: bool,
    pub(crate) when: Option<Expression>,
    pub(crate) nth: Option<Spanned<u32>>,
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
    pub(crate) alias: Alias,
    pub(crate) optional: bool,
    pub(crate) treatment: Treatment,
    pub(crate) condition: Option<Expression>,
}

/// What a root is called in the image.
#[derive(Clone, Debug)]
pub(crate) enum Alias {
    /// As its source.
    Own,
    Named(String),
    Unnamed,
}

#[derive(Clone, Debug)]
pub(crate) enum Source {
    Argument(String),
    Position(u64),
    Global(String),
    Current,
    Returned,
    /// `root EXPR`.
    Computed(Expression),
}

/// What to follow in a type.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) of: Spanned<TypeName>,
    pub(crate) optional: bool,
    pub(crate) members: Vec<MemberRule>,
}

/// A rule that counts only where it is asked for by name.
#[derive(Clone, Debug)]
pub(crate) struct ViewRule {
    pub(crate) name: Spanned<String>,
    /// Values that are handed down to it.
    pub(crate) parameters: Vec<Spanned<String>>,
    pub(crate) of: Spanned<TypeName>,
    pub(crate) optional: bool,
    /// A member without a path is the whole.
    pub(crate) members: Vec<MemberRule>,
}

/// A type that is captured but not crossed, unless the recipe asks for it, or
/// that no pointer is followed to.
#[derive(Clone, Debug)]
pub(crate) struct Hub {
    /// Pointers to it are not followed.
    pub(crate) skipped: bool,
    pub(crate) of: Spanned<TypeName>,
    pub(crate) optional: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct MemberRule {
    /// Empty: the element itself.
    pub(crate) path: Spanned<String>,
    pub(crate) optional: bool,
    pub(crate) treatment: Treatment,
    /// All must hold.
    pub(crate) guards: Vec<Guard>,
}

/// A type's name and how many `*` follow it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TypeName {
    pub(crate) base: BaseName,
    pub(crate) pointers: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum BaseName {
    Struct(String),
    Union(String),
    Enum(String),
    /// A typedef, a number or a view.
    Plain(String),
}

impl std::fmt::Display for TypeName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.base {
            BaseName::Struct(name) => write!(f, "struct {name}")?,
            BaseName::Union(name) => write!(f, "union {name}")?,
            BaseName::Enum(name) => write!(f, "enum {name}")?,
            BaseName::Plain(name) => f.write_str(name)?,
        }
        if self.pointers > 0 {
            write!(f, " {}", "*".repeat(usize::from(self.pointers)))?;
        }
        Ok(())
    }
}
