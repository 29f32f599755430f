//! Where the names of an expression are looked up.

use kflat_btf::TypeId;

/// Where an expression stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope<'s> {
    /// The structure around it; `None` for roots and conditions of a recipe.
    pub(crate) element: Option<Element<'s>>,
    /// What `value` is.
    pub(crate) word: Word,
    /// Whether `address` is known.
    pub(crate) has_address: bool,
    /// In which environment views are looked up.
    pub(crate) environment: u32,
}

/// A structure in a view.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'s> {
    pub(crate) of: TypeId,
    /// Where it lies in its view.
    pub(crate) base: u64,
    /// Bytes of the view.
    pub(crate) size: u64,
    /// Values handed down to the view.
    pub(crate) parameters: &'s [String],
}

/// What `value` is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Word {
    /// There is none.
    None,
    /// A member at an offset of the view.
    Member { at: u64, of: TypeId },
    /// The word of the action, and its type if that is known.
    Bare(Option<TypeId>),
}

impl Scope<'_> {
    /// Of a recipe: arguments and globals only.
    pub(crate) const RECIPE: Self = Self {
        element: None,
        word: Word::None,
        has_address: false,
        environment: 0,
    };
}
