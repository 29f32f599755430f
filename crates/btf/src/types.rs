//! The type graph.

/// A type's number; 0 is `void`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypeId(pub u32);

impl TypeId {
    /// `void`.
    pub const VOID: Self = Self(0);
}

/// All types of a kernel, of a kernel and a module, or of a subset.
#[derive(Clone, Debug)]
pub struct Btf {
    /// NUL-terminated UTF-8.
    pub(crate) strings: String,
    /// Type 0 is `void`.
    pub(crate) types: Vec<Type>,
    pub(crate) names: std::collections::HashMap<(NamedKind, u32), Vec<TypeId>>,
    /// How many types are the kernel's; those behind are a module's.
    pub(crate) of_kernel: usize,
}

/// A type: its name, which may be empty, and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Type {
    /// Offset of the name in the strings.
    pub(crate) name: u32,
    /// What it is.
    pub kind: Kind,
}

/// What a type is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// No value.
    Void,
    /// An integer.
    Int(IntEncoding),
    /// A pointer.
    Pointer(TypeId),
    /// An array.
    Array {
        /// Of what.
        element: TypeId,
        /// Of what type its indices are.
        index: TypeId,
        /// How many; 0 for a flexible array.
        count: u32,
    },
    /// A `struct`.
    Struct(Composite),
    /// A `union`.
    Union(Composite),
    /// An `enum`, of 32 or 64 bits.
    Enum {
        /// Bytes.
        size: u32,
        /// Whether its values are signed.
        signed: bool,
        /// Its values.
        values: Vec<Enumerator>,
    },
    /// A structure or union that is declared only.
    Forward {
        /// Whether it is a union.
        is_union: bool,
    },
    /// A `typedef`.
    Typedef(TypeId),
    /// `volatile`.
    Volatile(TypeId),
    /// `const`.
    Const(TypeId),
    /// `restrict`.
    Restrict(TypeId),
    /// A function; of which prototype.
    Function {
        /// Its prototype.
        prototype: TypeId,
        /// `static`, global or extern: 0, 1, 2.
        linkage: u32,
    },
    /// What a function takes and returns.
    Prototype {
        /// What it returns.
        returns: TypeId,
        /// What it takes; one without a name and type ends a variable list.
        parameters: Vec<Parameter>,
    },
    /// A variable.
    Variable {
        /// Its type.
        of: TypeId,
        /// `static`, global or extern: 0, 1, 2.
        linkage: u32,
    },
    /// A section of variables: of which, at which offset, with how many bytes.
    Section {
        /// Bytes.
        size: u32,
        /// Variable, offset, bytes.
        variables: Vec<(TypeId, u32, u32)>,
    },
    /// A floating-point number of so many bytes.
    Float(u32),
    /// A tag on a declaration.
    DeclarationTag {
        /// On which.
        of: TypeId,
        /// On which member or parameter; -1 for the whole.
        component: i32,
    },
    /// A tag on a type (`__user`, `__rcu`, `__percpu`); its name is the tag.
    TypeTag(TypeId),
}

/// How an integer is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntEncoding {
    /// Bytes.
    pub size: u32,
    /// Bits that count.
    pub bits: u8,
    /// Offset of the first of them.
    pub offset: u8,
    /// Whether it is signed.
    pub signed: bool,
    /// Whether it is a character.
    pub char: bool,
    /// Whether it is a `bool`.
    pub bool: bool,
}

/// A structure or union.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Composite {
    /// Bytes.
    pub size: u32,
    /// Its members, as they were declared.
    pub members: Vec<Member>,
}

/// A member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    pub(crate) name: u32,
    /// Its type.
    pub of: TypeId,
    /// Bits from the structure's start.
    pub offset_bits: u32,
    /// Bits of a bit field, else 0.
    pub bit_size: u8,
}

/// A value of an `enum`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enumerator {
    pub(crate) name: u32,
    /// Its value; sign-extended where the `enum` is signed.
    pub value: i64,
}

/// A parameter of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    pub(crate) name: u32,
    /// Its type.
    pub of: TypeId,
}

/// What can be looked up by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NamedKind {
    /// `struct NAME`.
    Struct,
    /// `union NAME`.
    Union,
    /// `enum NAME`.
    Enum,
    /// `NAME` by typedef.
    Typedef,
    /// An integer or floating-point type.
    Number,
    /// A function.
    Function,
    /// A variable.
    Variable,
}

impl NamedKind {
    pub(crate) fn of(kind: &Kind) -> Option<Self> {
        Some(match kind {
            Kind::Struct(_) => Self::Struct,
            Kind::Union(_) => Self::Union,
            Kind::Enum { .. } => Self::Enum,
            Kind::Typedef(_) => Self::Typedef,
            Kind::Int(_) | Kind::Float(_) => Self::Number,
            Kind::Function { .. } => Self::Function,
            Kind::Variable { .. } => Self::Variable,
            _ => return None,
        })
    }
}
