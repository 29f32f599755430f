//! Recipe programs: what the compiler emits and the engine interprets.
//!
//! A program is one blob: a [`Header`], then tables of fixed-size records in any
//! order, each at a multiple of 8. All references are indices into these tables
//! or offsets into the strings, so that the blob can be checked once and then
//! interpreted in place.
//!
//! A *type* is a view of a BTF type: its size and the *actions* on its members.
//! One BTF type may have several views. Every pointer word is described by one
//! action; arrays of pointers and pointers to pointers are made of a view of the
//! pointer itself (8 bytes, one action at offset 0).

use crate::record::{Record, record};

/// The bytes `KFLATPRG`, little-endian.
pub const MAGIC: u64 = u64::from_le_bytes(*b"KFLATPRG");
/// Version of the encoding.
pub const VERSION: u32 = 1;
/// No string, type or action.
pub const NONE: u32 = u32::MAX;

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
    pub struct Header, 128 bytes {
        /// [`MAGIC`].
        magic: u64,
        /// [`VERSION`].
        version: u32,
        /// Bytes of the program.
        size: u32,
        /// The recipe's name: `function`, `module:function`, or either with
        /// `+decimal_offset`. At most 127 bytes.
        target: u32,
        /// Zero.
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
        /// Bounds.
        limits: Limits,
        /// Zero.
        reserved: [u64; 3],
    }
}

record! {
    /// A view of a type.
    pub struct Type, 32 bytes {
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
        /// Zero.
        reserved: u32,
    }
}

/// [`Type::flags`]: words of it may become pointers in the image. Must be set
/// where a type has actions or is the element of a list.
pub const TYPE_HAS_POINTERS: u32 = 1 << 0;

record! {
    /// A number that is known when an action is carried out.
    pub struct Operand, 8 bytes {
        /// One of `OPERAND_*`.
        kind: u8,
        /// [`OPERAND_MEMBER`]: bytes of the member, 1, 2, 4 or 8.
        width: u8,
        /// [`OPERAND_MEMBER`]: 1 if the member is signed. A negative number
        /// counts as 0.
        signed: u8,
        /// Zero.
        reserved: u8,
        /// The constant, the member's offset, or the argument's position.
        value: u32,
    }
}

/// The value itself.
pub const OPERAND_CONSTANT: u8 = 0;
/// A member of the object (the element) that the action belongs to; not for roots.
pub const OPERAND_MEMBER: u8 = 1;
/// An argument of the probed function, by position from 0.
pub const OPERAND_ARGUMENT: u8 = 2;

record! {
    /// What to do with one word (or member) of an object, or with a root.
    pub struct Action, 40 bytes {
        /// One of `OP_*`.
        op: u8,
        /// Zero.
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
        /// [`OP_LIST`]: offset of the link in an element.
        link: u32,
        /// The member's path as C writes it (`f_path.dentry`), a string.
        path: u32,
        /// Zero.
        reserved: [u32; 2],
    }
}

/// Follow the pointer to `count` elements of `target`.
pub const OP_POINTER: u8 = 1;
/// Follow the pointer to a NUL-terminated string; `target` is a view of `char`,
/// `count` the limit in bytes (constant 0: the program's).
pub const OP_STRING: u8 = 2;
/// A function pointer: name it by symbol.
pub const OP_FUNCTION: u8 = 3;
/// Carry out the actions of `target` on `count` elements that lie at `offset`.
pub const OP_EMBED: u8 = 4;
/// A `struct list_head` that is the head of a list of `target`s, linked by the
/// `struct list_head` at `link`. `count` is the limit of elements (constant 0:
/// the program's). Also relocates the links.
pub const OP_LIST: u8 = 5;

record! {
    /// Where a capture begins: a word, and the action to carry out on it.
    pub struct Root, 32 bytes {
        /// One of `ROOT_*`.
        source: u8,
        /// Zero.
        flags: u8,
        /// [`ROOT_ARGUMENT`]: its position from 0.
        argument: u16,
        /// Name in the image, a string, unique; or [`NONE`].
        name: u32,
        /// [`ROOT_GLOBAL`]: the symbol (`symbol` or `module:symbol`), a string.
        symbol: u32,
        /// What to do with the word: an [`OP_POINTER`] or [`OP_STRING`], its
        /// `offset` 0.
        action: u32,
        /// Zero.
        reserved: [u64; 2],
    }
}

/// Why the engine's verifier rejects a program: a number, and its sentence.
macro_rules! rejections {
    ($($(#[doc = $doc:literal])* $name:ident = $value:literal: $text:literal,)*) => {
        $($(#[doc = $doc])* pub const $name: u32 = $value;)*

        /// The rejection in a sentence without its end.
        #[must_use]
        pub const fn rejection_text(code: u32) -> &'static str {
            match code {
                $($value => $text,)*
                _ => "rejected for a reason that this version does not know",
            }
        }
    };
}

rejections! {
    /// Not a program of this version, or a table lies outside of it.
    REJECTED_TABLES = 1: "not a recipe program of this version, or one of its tables lies outside of it",
    /// Bytes that must be zero are not.
    REJECTED_RESERVED = 2: "reserved bytes are not zero",
    /// A string is outside the strings, has no NUL or is not UTF-8.
    REJECTED_STRING = 3: "a name lies outside the strings, has no end or is not UTF-8",
    /// The target's name is empty or too long.
    REJECTED_TARGET = 4: "the function's name is empty or has more than 127 bytes",
    /// A type's size is zero or its alignment no power of two up to 4096.
    REJECTED_TYPE = 5: "a type has no size, or an alignment that is no power of two up to 4096",
    /// A type's actions lie outside the table, or it lacks `TYPE_HAS_POINTERS`.
    REJECTED_TYPE_ACTIONS = 6: "a type's actions lie outside the table or are not announced",
    /// An action's operation is unknown.
    REJECTED_OPERATION = 7: "an action is of a kind that this version does not know",
    /// An action's member lies outside its type.
    REJECTED_OFFSET = 8: "a member lies outside its type",
    /// An action's target is no type, or unfit for the operation.
    REJECTED_ACTION_TARGET = 9: "an action leads to a type that does not exist or does not fit",
    /// An operand is unknown or lies outside the type.
    REJECTED_OPERAND = 10: "a count is of an unknown kind or lies outside its type",
    /// Embedded types nest too deeply or in a circle.
    REJECTED_NESTING = 11: "embedded types nest too deeply or contain themselves",
    /// A root's source, argument, symbol or action is wrong.
    REJECTED_ROOT = 12: "a root is of an unknown kind, or its argument, symbol or action is wrong",
    /// Two roots have one name.
    REJECTED_ROOT_NAME = 13: "two roots have the same name",
    /// A tag mask covers more than the low 12 bits.
    REJECTED_TAG_MASK = 14: "a tag mask covers more than the low 12 bits",
    /// A link of a list lies outside the element.
    REJECTED_LINK = 15: "the link of a list lies outside its element",
}

/// Arguments of a function that a root or count can name.
pub const MAX_ARGUMENTS: usize = 16;
/// How deeply embedded types may nest.
pub const MAX_NESTING: usize = 8;
/// Roots that a program may have.
pub const MAX_ROOTS: u32 = 256;

/// An argument of the probed function.
pub const ROOT_ARGUMENT: u8 = 1;
/// The address of a global.
pub const ROOT_GLOBAL: u8 = 2;
/// The address of the current `task_struct`.
pub const ROOT_CURRENT: u8 = 3;

/// A program's tables, found but not verified: every accessor checks its bounds.
#[derive(Clone, Copy, Debug)]
pub struct Program<'a> {
    header: Header,
    types: &'a [u8],
    actions: &'a [u8],
    roots: &'a [u8],
    strings: &'a [u8],
}

impl<'a> Program<'a> {
    /// Finds the tables of the program in `bytes`. `None`: it is no program of
    /// this [`VERSION`], its size differs, or a table is outside of it or
    /// misaligned.
    #[must_use]
    pub fn find(bytes: &'a [u8]) -> Option<Self> {
        let header = Header::decode(bytes)?;
        if header.magic != MAGIC
            || header.version != VERSION
            || u64::from(header.size) != bytes.len() as u64
        {
            return None;
        }
        let table = |table: Table, record: usize| -> Option<&'a [u8]> {
            let size = (table.count as usize).checked_mul(record)?;
            let start = table.offset as usize;
            if !start.is_multiple_of(8) {
                return None;
            }
            bytes.get(start..start.checked_add(size)?)
        };
        Some(Self {
            header,
            types: table(header.types, Type::SIZE)?,
            actions: table(header.actions, Action::SIZE)?,
            roots: table(header.roots, Root::SIZE)?,
            strings: table(header.strings, 1)?,
        })
    }

    /// How many types, actions and roots there are.
    #[must_use]
    pub fn counts(&self) -> (u32, u32, u32) {
        (
            self.header.types.count,
            self.header.actions.count,
            self.header.roots.count,
        )
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The recipe's name.
    #[must_use]
    pub fn target(&self) -> Option<&'a str> {
        self.string_at(self.header.target)
    }

    /// Type `index`.
    #[inline]
    #[must_use]
    pub fn type_at(&self, index: u32) -> Option<Type> {
        record_at(self.types, index)
    }

    /// Action `index`.
    #[inline]
    #[must_use]
    pub fn action_at(&self, index: u32) -> Option<Action> {
        record_at(self.actions, index)
    }

    /// Root `index`.
    #[inline]
    #[must_use]
    pub fn root_at(&self, index: u32) -> Option<Root> {
        record_at(self.roots, index)
    }

    /// The string at `offset`, without its NUL.
    #[must_use]
    pub fn string_at(&self, offset: u32) -> Option<&'a str> {
        let tail = self.strings.get(offset as usize..)?;
        let end = tail.iter().position(|byte| *byte == 0)?;
        core::str::from_utf8(tail.get(..end)?).ok()
    }
}

#[inline]
fn record_at<R: Record>(table: &[u8], index: u32) -> Option<R> {
    table
        .get((index as usize).checked_mul(R::SIZE)?..)
        .and_then(R::decode)
}
