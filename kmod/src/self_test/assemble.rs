//! Recipe programs of the unit tests, from constants.

use kflat_abi::program::{
    Action, Header, MAGIC, NONE, OP_EMBED, OP_FUNCTION, OP_LIST, OP_POINTER, OP_STRING,
    OPERAND_CONSTANT, OPERAND_MEMBER, Operand, ROOT_ARGUMENT, Root, TYPE_HAS_POINTERS, Table, Type,
    VERSION,
};
use kflat_abi::record::Record;

use crate::alloc::Buffer;
use crate::error::{Error, Result};
use crate::registry::Recipe;

/// A type of a test: its name, its bytes, and what is followed in it.
pub(super) struct TypeSpec {
    name: &'static str,
    size: u32,
    members: &'static [Member],
    has_pointers: bool,
}

/// A view with actions on `members`.
pub(super) const fn view(name: &'static str, size: u32, members: &'static [Member]) -> TypeSpec {
    TypeSpec {
        name,
        size,
        members,
        has_pointers: !members.is_empty(),
    }
}

impl TypeSpec {
    /// An element of a list, whose links become pointers.
    pub(super) const fn linked(mut self) -> Self {
        self.has_pointers = true;
        self
    }
}

/// An action on a member.
pub(super) struct Member {
    path: &'static str,
    action: Action,
}

const fn times(count: u32) -> Operand {
    Operand {
        kind: OPERAND_CONSTANT,
        value: count,
        ..Operand::ZERO
    }
}

const fn member(path: &'static str, op: u8, offset: u32, target: u32, count: Operand) -> Member {
    let action = Action {
        op,
        offset,
        target,
        count,
        ..Action::BARE
    };
    Member { path, action }
}

/// A pointer to `count` elements of type number `target`.
pub(super) const fn pointer(path: &'static str, offset: u32, target: u32, count: u32) -> Member {
    member(path, OP_POINTER, offset, target, times(count))
}

/// A pointer to as many elements as the `u32` at `counter` says.
pub(super) const fn counted(path: &'static str, offset: u32, target: u32, counter: u32) -> Member {
    let count = Operand {
        kind: OPERAND_MEMBER,
        width: 4,
        value: counter,
        ..Operand::ZERO
    };
    member(path, OP_POINTER, offset, target, count)
}

/// A string; type number `target` is `char`.
pub(super) const fn string(path: &'static str, offset: u32, target: u32) -> Member {
    member(path, OP_STRING, offset, target, times(0))
}

/// A function pointer.
pub(super) const fn function(path: &'static str, offset: u32) -> Member {
    member(path, OP_FUNCTION, offset, NONE, times(1))
}

/// `count` embedded structures.
pub(super) const fn embedded(path: &'static str, offset: u32, target: u32, count: u32) -> Member {
    member(path, OP_EMBED, offset, target, times(count))
}

/// The head of a list of elements whose links are at `link`.
pub(super) const fn list(path: &'static str, offset: u32, target: u32, link: u32) -> Member {
    let mut list = member(path, OP_LIST, offset, target, times(0));
    list.action.link = link;
    list
}

impl Member {
    /// A pointer that leads `bytes` behind the object's start.
    pub(super) const fn inside(mut self, bytes: i32) -> Self {
        self.action.shift = -bytes;
        self
    }

    /// A pointer with a tag in these low bits.
    pub(super) const fn tagged(mut self, mask: u16) -> Self {
        self.action.tag_mask = mask;
        self
    }
}

/// Something of which `count` are in a table.
struct Writer {
    bytes: Buffer<u8>,
    at: usize,
}

impl Writer {
    fn record(&mut self, record: &impl Record) -> Result {
        let room = self.bytes.get_mut(self.at..).unwrap_or(&mut []);
        record.encode(room).ok_or(Error::EINVAL)?;
        self.at += size_of_record(record);
        Ok(())
    }
}

fn size_of_record<R: Record>(_: &R) -> usize {
    R::SIZE
}

/// Offsets into the strings, in the order in which the texts come.
struct Strings {
    next: usize,
}

impl Strings {
    fn add(&mut self, text: &str) -> u32 {
        let at = self.next;
        self.next += text.len() + 1;
        at as u32
    }
}

/// Name of the one root in the image.
const ROOT_NAME: &str = "root";

fn texts<'a>(name: &'a str, types: &'a [TypeSpec]) -> impl Iterator<Item = &'a str> {
    let paths = |spec: &'a TypeSpec| spec.members.iter().map(|member| member.path);
    let of_types = types
        .iter()
        .flat_map(move |spec| core::iter::once(spec.name).chain(paths(spec)));
    [name, ROOT_NAME, ""].into_iter().chain(of_types)
}

/// The recipe with one root: argument 0 is a pointer to the first type.
pub(super) fn recipe(name: &str, types: &[TypeSpec]) -> Result<Recipe> {
    let members: usize = types.iter().map(|spec| spec.members.len()).sum();
    let strings: usize = texts(name, types).map(|text| text.len() + 1).sum();
    let actions = members + 1;
    let types_at = Header::SIZE;
    let actions_at = types_at + types.len() * Type::SIZE;
    let roots_at = actions_at + actions * Action::SIZE;
    let strings_at = roots_at + Root::SIZE;
    let size = strings_at + strings;
    let table = |offset: usize, count: usize| Table {
        offset: offset as u32,
        count: count as u32,
    };
    let mut offsets = Strings { next: 0 };
    let mut writer = Writer {
        bytes: Buffer::new(size)?,
        at: 0,
    };
    let header = Header {
        magic: MAGIC,
        version: VERSION,
        size: size as u32,
        target: offsets.add(name),
        types: table(types_at, types.len()),
        actions: table(actions_at, actions),
        roots: table(roots_at, 1),
        strings: table(strings_at, strings),
        ..Header::ZERO
    };
    let root_name = offsets.add(ROOT_NAME);
    let no_path = offsets.add("");
    writer.record(&header)?;
    let mut first_action = 0;
    for spec in types {
        let count = spec.members.len() as u32;
        writer.record(&Type {
            name: offsets.add(spec.name),
            size: spec.size,
            align: if spec.size.is_multiple_of(8) { 8 } else { 1 },
            first_action,
            action_count: count,
            flags: if spec.has_pointers {
                TYPE_HAS_POINTERS
            } else {
                0
            },
            ..Type::BARE
        })?;
        first_action += count;
        for member in spec.members {
            offsets.add(member.path);
        }
    }
    // The same order again, now for the paths.
    let mut offsets = Strings {
        next: no_path as usize + 1,
    };
    for spec in types {
        offsets.add(spec.name);
        for member in spec.members {
            let path = offsets.add(member.path);
            writer.record(&Action {
                path,
                ..member.action
            })?;
        }
    }
    let root = pointer("", 0, 0, 1).action;
    writer.record(&Action {
        path: no_path,
        ..root
    })?;
    writer.record(&Root {
        source: ROOT_ARGUMENT,
        name: root_name,
        action: members as u32,
        ..Root::ZERO
    })?;
    for text in texts(name, types) {
        for byte in text.bytes().chain([0]) {
            writer.record(&byte)?;
        }
    }
    Recipe::new(writer.bytes, Buffer::new(0)?).map_err(|_| Error::EINVAL)
}
