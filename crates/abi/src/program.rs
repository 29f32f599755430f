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
        /// Zero.
        reserved: [u32; 2],
    }
}

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

    /// The header.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
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
