//! Recipe programs: what the compiler emits and the engine interprets.
//!
//! A program is one blob: a [`Header`], then tables of fixed-size records in any
//! order, each at a multiple of 8. All references are indices into these tables
//! or offsets into the strings, so that the blob can be checked once and then
//! interpreted in place.
//!
//! A *type* is a view of a BTF type: its size and the *actions* on its members.
//! One BTF type may have several views, which is how the same type is followed
//! in different ways. Every pointer word is described by one action; arrays of
//! pointers and pointers to pointers are made of a view of the pointer itself (8
//! bytes, one action at offset 0). A pointer that is not to be followed has no
//! action and keeps its value.
//!
//! What most actions need is in the [`Action`]; what few need (conditions,
//! decoding, choices, see [`code`]) is in an [`Extra`] beside it.

pub mod code;
mod find;
mod rejection;

use crate::record::{Record, record};

pub use find::Program;
pub use rejection::*;

/// The bytes `KFLATPRG`, little-endian.
pub const MAGIC: u64 = u64::from_le_bytes(*b"KFLATPRG");
/// Version of the encoding.
pub const VERSION: u32 = 2;
/// No string, type, action, expression or extra.
pub const NONE: u32 = u32::MAX;

/// Arguments of a function that a root or count can name.
pub const MAX_ARGUMENTS: usize = 16;
/// How deeply embedded types may nest.
pub const MAX_NESTING: usize = 8;
/// Roots that a program may have.
pub const MAX_ROOTS: u32 = 256;
/// Globals that a program may name.
pub const MAX_GLOBALS: u32 = 256;
/// Parameters that a type may have.
pub const MAX_PARAMETERS: usize = 4;
/// Cases that a choice may have.
pub const MAX_CASES: u32 = 256;

record! {
    /// Where a table is.
    pub struct Table, 8 bytes {
        /// Offset of its first record from the program's start.
        offset: u32,
        /// How many records; for the strings how many bytes.
        count: u32,
    }
}

record! {
    /// Bounds of a capture. 0: the engine's default.
    pub struct Limits, 40 bytes {
        /// Bytes of *memory* in the image.
        bytes: u64,
        /// Nanoseconds of copying.
        time_ns: u64,
        /// Objects.
        objects: u32,
        /// Pointers from a root to an object; elements of a list have the depth
        /// of the list's first element.
        depth: u32,
        /// Elements of one array or list.
        elements: u32,
        /// Bytes of a string, its NUL included.
        string: u32,
        /// Zero.
        reserved: u64,
    }
}

record! {
    /// Start of a program.
    pub struct Header, 160 bytes {
        /// [`MAGIC`].
        magic: u64,
        /// [`VERSION`].
        version: u32,
        /// Bytes of the program.
        size: u32,
        /// The recipe's name: `function`, `module:function`, or either with
        /// `+decimal_offset`. At most 127 bytes.
        target: u32,
        /// `PROGRAM_*` bits.
        flags: u32,
        /// Hash of the layouts that the program was compiled against.
        layout_hash: u64,
        /// [`Type`]s.
        types: Table,
        /// [`Action`]s.
        actions: Table,
        /// [`Root`]s.
        roots: Table,
        /// NUL-terminated UTF-8 strings.
        strings: Table,
        /// [`Extra`]s.
        extras: Table,
        /// [`Case`]s.
        cases: Table,
        /// [`code::Instruction`]s.
        code: Table,
        /// [`Global`]s.
        globals: Table,
        /// Bounds.
        limits: Limits,
        /// [`PROGRAM_WHEN`]: the expression that a call has to fit; otherwise 0. It
        /// belongs to no element and no word.
        when: u32,
        /// Which of the calls that fit is captured, from 1; 0: the first.
        nth: u32,
        /// How the kernel's allocator describes its objects, for
        /// [`code::OBJECT_START`] and [`code::OBJECT_END`]; 0: not known.
        slabs: Slabs,
        /// Zero.
        reserved: [u64; 1],
    }
}

record! {
    /// Where the slab allocator (SLUB) keeps what tells the objects in a slab
    /// apart. All are offsets, and wrong ones do no harm.
    pub struct Slabs, 8 bytes {
        /// In what describes a slab (`struct slab`, before Linux 5.17 `struct page`):
        /// the pointer to its cache.
        cache: u16,
        /// In a cache (`struct kmem_cache`): the distance from object to object, a
        /// `u32`.
        size: u16,
        /// In a cache: the bytes of an object, a `u32`.
        object_size: u16,
        /// In a cache: the bytes before the first object, a `u32`; 0: there are none.
        red_left_pad: u16,
    }
}

/// [`Header::flags`]: at the end, compare every captured range with memory again
/// and list those that changed.
pub const PROGRAM_DETECT_CHANGES: u32 = 1 << 0;
/// [`Header::flags`]: capture when the function returns, not when it is called;
/// arguments are those it was called with.
pub const PROGRAM_AT_RETURN: u32 = 1 << 1;
/// [`Header::flags`]: only calls count for which [`Header::when`] is not 0. Where it
/// fails, the call does not count.
pub const PROGRAM_WHEN: u32 = 1 << 2;

record! {
    /// A view of a type.
    pub struct Type, 56 bytes {
        /// Its name as C writes it (`struct file`), a string.
        name: u32,
        /// Its id in the BTF that accompanies the program; 0 (void): bytes.
        btf_id: u32,
        /// Bytes of one element, at least 1.
        size: u32,
        /// Alignment that its fragment must have, a power of two; at most 4096.
        align: u32,
        /// Its first action.
        first_action: u32,
        /// How many actions.
        action_count: u32,
        /// `TYPE_*` bits.
        flags: u32,
        /// How many numbers are handed down to it, at most [`MAX_PARAMETERS`].
        /// An object that is reached with other parameters is another object.
        parameters: u32,
        /// The type of the elements of its flexible array, or [`NONE`]. An object
        /// of such a type is one element, and as large as its array makes it.
        tail: u32,
        /// Offset of the flexible array.
        tail_offset: u32,
        /// How many elements the flexible array has; members are those of the
        /// type itself.
        tail_count: Operand,
        /// Zero.
        reserved: u64,
    }
}

/// [`Type::flags`]: words of it may become pointers in the image. Must be set
/// where a type has actions or is the element of a list, and where its tail has
/// them.
pub const TYPE_HAS_POINTERS: u32 = 1 << 0;

record! {
    /// A number that is known when an action is carried out.
    pub struct Operand, 8 bytes {
        /// One of `OPERAND_*`.
        kind: u8,
        /// [`OPERAND_MEMBER`]: bytes of the member, 1, 2, 4 or 8.
        width: u8,
        /// [`OPERAND_MEMBER`], [`OPERAND_EXPRESSION`]: 1 if the number is signed. A
        /// negative number counts as 0.
        signed: u8,
        /// Zero.
        reserved: u8,
        /// The constant, the member's offset, the argument's position, or the
        /// expression.
        value: u32,
    }
}

/// The value itself.
pub const OPERAND_CONSTANT: u8 = 0;
/// A member of the object (the element) that the action belongs to; not for roots.
pub const OPERAND_MEMBER: u8 = 1;
/// An argument of the probed function, by position from 0.
pub const OPERAND_ARGUMENT: u8 = 2;
/// An expression over the element that the action belongs to.
pub const OPERAND_EXPRESSION: u8 = 3;
/// Up to and with the first element for which an expression over *that* element
/// (a `target`) is not 0: a sentinel, a NULL. Only for [`OP_POINTER`].
pub const OPERAND_UNTIL: u8 = 4;

record! {
    /// What to do with one word (or member) of an object, or with a root.
    pub struct Action, 40 bytes {
        /// One of `OP_*`.
        op: u8,
        /// `ACTION_*` bits.
        flags: u8,
        /// Low bits of a pointer that are no address (at most `0xfff`): masked
        /// before it is followed, put back in the image.
        tag_mask: u16,
        /// Offset of the member in the element; 0 for a root.
        offset: u32,
        /// The type that is pointed to, embedded or listed, or [`NONE`].
        target: u32,
        /// What is added to a pointer to get the object's address
        /// (`container_of`: the negative of the member's offset).
        shift: i32,
        /// How many elements of `target`.
        count: Operand,
        /// Lists: offset of the link in an element.
        link: u32,
        /// The member's path as C writes it (`f_path.dentry`), a string.
        path: u32,
        /// The [`Extra`] of this action, or [`NONE`].
        extra: u32,
        /// Zero.
        reserved: u32,
    }
}

/// [`Action::flags`]: the pointer leads to memory of the current process.
/// [`OP_POINTER`] and [`OP_STRING`] only.
pub const ACTION_USER: u8 = 1 << 0;
/// [`Action::flags`]: what the pointer leads to is captured, but the word keeps
/// its value in the image. [`OP_POINTER`] and [`OP_STRING`] only.
pub const ACTION_KEEP: u8 = 1 << 1;

/// Follow the pointer to `count` elements of `target`.
pub const OP_POINTER: u8 = 1;
/// Follow the pointer to a NUL-terminated string; `target` is a view of `char`
/// (aligned to at most 8 bytes), `count` the limit in bytes (constant 0: the program's).
pub const OP_STRING: u8 = 2;
/// A function pointer: name it by symbol.
pub const OP_FUNCTION: u8 = 3;
/// Carry out the actions of `target` on `count` elements that lie at `offset`.
pub const OP_EMBED: u8 = 4;
/// A `struct list_head` that is the head of a list of `target`s, linked by the
/// `struct list_head` at `link`. `count` is the limit of elements (constant 0:
/// the program's). Also relocates the links.
pub const OP_LIST: u8 = 5;
/// As [`OP_LIST`] for a `struct hlist_head` and the `struct hlist_node` at `link`.
/// `tag_mask` are bits of the head that are no address (`hlist_bl`).
pub const OP_HLIST: u8 = 6;
/// As [`OP_HLIST`] for a `struct hlist_nulls_head`: the list ends with an odd
/// number.
pub const OP_HLIST_NULLS: u8 = 7;
/// A singly linked list: the word points to the word at `link` of the first
/// element, which points on in the same way and ends with NULL
/// (`struct llist_head`).
pub const OP_LLIST: u8 = 8;
/// A singly linked list whose pointers lead to the elements' starts; that of an
/// element is at `link`, the last one is NULL.
pub const OP_CHAIN: u8 = 9;
/// A pointer to a per-CPU variable: capture `count` elements of `target` on each
/// CPU. The word keeps its value. For this CPU alone use [`OP_POINTER`] and decode
/// with [`code::PER_CPU`].
pub const OP_PER_CPU: u8 = 10;
/// Carry out one of several actions, chosen by a number: `selector` and the cases
/// of its [`Extra`]. `target` is [`NONE`].
pub const OP_CHOICE: u8 = 11;

record! {
    /// What few actions have. Each expression, or [`NONE`].
    pub struct Extra, 40 bytes {
        /// Carry the action out only if this is not 0. For any action.
        condition: u32,
        /// The address that the word stands for. It may refer to
        /// [`code::VALUE`]; without it, the address is the word without its tag.
        /// The result 0 is NULL. For [`OP_POINTER`], [`OP_STRING`] and
        /// [`OP_PER_CPU`].
        decode: u32,
        /// The address of the object to capture. It may refer to
        /// [`code::POINTER`]; without it, the address plus `shift`. The word
        /// leads to the address, not to the object's start. For [`OP_POINTER`].
        start: u32,
        /// Leaves the numbers that are handed down: at least as many as `target`
        /// has parameters. It may refer to [`code::START`].
        /// Handed to each element of a list.
        hand_down: u32,
        /// [`OP_CHOICE`]: the number that the cases are compared with.
        selector: u32,
        /// [`OP_CHOICE`]: the first [`Case`].
        first_case: u32,
        /// [`OP_CHOICE`]: how many cases, at most [`MAX_CASES`].
        case_count: u32,
        /// Zero.
        reserved: [u32; 3],
    }
}

record! {
    /// One case of a choice. The first that fits is taken; none: nothing is done.
    pub struct Case, 16 bytes {
        /// The number.
        value: u64,
        /// The action to carry out, any but [`OP_CHOICE`], or [`NONE`] for nothing.
        /// It must fit the type that the choice belongs to, and be no action of a
        /// type by itself.
        action: u32,
        /// [`CASE_DEFAULT`] or 0.
        flags: u32,
    }
}

/// [`Case::flags`]: fits any number.
pub const CASE_DEFAULT: u32 = 1 << 0;

record! {
    /// A symbol whose address a root or an expression needs.
    pub struct Global, 8 bytes {
        /// `symbol` or `module:symbol`, a string.
        symbol: u32,
        /// Zero.
        reserved: u32,
    }
}

record! {
    /// Where a capture begins: a word, and the action to carry out on it.
    pub struct Root, 32 bytes {
        /// One of `ROOT_*`.
        source: u8,
        /// Zero.
        flags: u8,
        /// Zero.
        reserved: u16,
        /// Name in the image, a string, unique; or [`NONE`].
        name: u32,
        /// [`ROOT_ARGUMENT`]: its position from 0. [`ROOT_GLOBAL`]: the
        /// [`Global`]. [`ROOT_EXPRESSION`]: the expression. Otherwise 0.
        value: u32,
        /// What to do with the word: an [`OP_POINTER`], [`OP_STRING`] or
        /// [`OP_PER_CPU`], its `offset` 0. Its expressions have no element.
        /// For [`OP_PER_CPU`] the image's root is the copy of this CPU.
        action: u32,
        /// Zero.
        reserved2: [u64; 2],
    }
}

/// An argument of the probed function.
pub const ROOT_ARGUMENT: u8 = 1;
/// The address of a global.
pub const ROOT_GLOBAL: u8 = 2;
/// The address of the current `task_struct`.
pub const ROOT_CURRENT: u8 = 3;
/// What the probed function returned; needs [`PROGRAM_AT_RETURN`].
pub const ROOT_RETURNED: u8 = 4;
/// The value of an expression.
pub const ROOT_EXPRESSION: u8 = 5;

impl Type {
    /// Refers to nothing; the rest is 0.
    pub const BARE: Self = Self {
        tail: NONE,
        ..Self::ZERO
    };
}

impl Action {
    /// Refers to nothing; the rest is 0.
    pub const BARE: Self = Self {
        target: NONE,
        extra: NONE,
        ..Self::ZERO
    };
}

impl Extra {
    /// Refers to nothing; the rest is 0.
    pub const BARE: Self = Self {
        condition: NONE,
        decode: NONE,
        start: NONE,
        hand_down: NONE,
        selector: NONE,
        first_case: 0,
        case_count: 0,
        reserved: [0; 3],
    };
}
