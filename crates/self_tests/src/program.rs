//! Describes programs: types by their index, members by name and offset.

use kflat_abi::program::code::{self, Instruction};
use kflat_abi::program::{
    ACTION_KEEP, ACTION_USER, Action, Limits, NONE, OP_CHAIN, OP_CHOICE, OP_EMBED, OP_FUNCTION,
    OP_HLIST, OP_HLIST_NULLS, OP_LIST, OP_LLIST, OP_PER_CPU, OP_POINTER, OP_STRING, ROOT_ARGUMENT,
    ROOT_EXPRESSION, ROOT_GLOBAL,
};
use kflat_abi::record::Record;

/// An expression without its end; empty: there is none.
pub type Code = &'static [Instruction];

/// A program.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// Its types.
    pub types: &'static [Type],
    /// Its roots.
    pub roots: &'static [Root],
    /// The symbols of its globals, in the module.
    pub globals: &'static [&'static str],
    /// Bounds.
    pub limits: Limits,
    /// `PROGRAM_*` bits.
    pub flags: u32,
}

impl Program {
    pub(crate) const EMPTY: Self = Self {
        types: &[],
        roots: &[],
        globals: &[],
        limits: Limits::ZERO,
        flags: 0,
    };

    /// The expressions that have no root or member.
    pub(crate) fn members(&self) -> usize {
        self.types.iter().map(|view| view.members.len()).sum()
    }
}

/// A type.
#[derive(Clone, Copy, Debug)]
pub struct Type {
    pub(crate) name: &'static str,
    pub(crate) size: u32,
    pub(crate) members: &'static [Member],
    pub(crate) has_pointers: bool,
    pub(crate) parameters: u32,
    pub(crate) tail: Option<Tail>,
}

/// A flexible array.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tail {
    pub(crate) element: u32,
    pub(crate) offset: u32,
    pub(crate) count: Count,
}

/// A type of `size` bytes, of which `members` are followed.
pub(crate) const fn view(name: &'static str, size: u32, members: &'static [Member]) -> Type {
    Type {
        name,
        size,
        members,
        has_pointers: !members.is_empty(),
        parameters: 0,
        tail: None,
    }
}

impl Type {
    /// An element of a list, whose links become pointers.
    pub(crate) const fn linked(mut self) -> Self {
        self.has_pointers = true;
        self
    }

    /// So many numbers are handed down to it.
    pub(crate) const fn taking(mut self, parameters: u32) -> Self {
        self.parameters = parameters;
        self
    }

    /// It ends with an array of elements of type `element`, as many as the `u32` at
    /// byte `counter` says.
    pub(crate) const fn flexible(mut self, element: u32, offset: u32, counter: u32) -> Self {
        let count = Count::Member {
            offset: counter,
            width: 4,
        };
        self.tail = Some(Tail {
            element,
            offset,
            count,
        });
        self
    }
}

/// How many elements.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Count {
    Times(u32),
    Member {
        offset: u32,
        width: u8,
    },
    Computed(Code),
    /// Up to and with the first for which this is not 0.
    Until(Code),
}

/// What is done with a member.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    pub(crate) path: &'static str,
    pub(crate) action: Action,
    pub(crate) count: Count,
    pub(crate) condition: Code,
    pub(crate) decode: Code,
    pub(crate) start: Code,
    pub(crate) hand_down: Code,
    pub(crate) selector: Code,
    pub(crate) cases: &'static [Case],
}

/// A case of a choice; without a number it fits any.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) number: Option<u64>,
    pub(crate) member: Option<Member>,
}

/// For `number`, `member`.
pub(crate) const fn case(number: u64, member: Member) -> Case {
    Case {
        number: Some(number),
        member: Some(member),
    }
}

/// For anything else, `member`.
pub(crate) const fn otherwise(member: Member) -> Case {
    Case {
        number: None,
        member: Some(member),
    }
}

const fn member(path: &'static str, op: u8, offset: u32, target: u32, count: Count) -> Member {
    let action = Action {
        op,
        offset,
        target,
        ..Action::BARE
    };
    Member {
        path,
        action,
        count,
        condition: &[],
        decode: &[],
        start: &[],
        hand_down: &[],
        selector: &[],
        cases: &[],
    }
}

/// A pointer to one element of type `target`.
pub(crate) const fn pointer(path: &'static str, offset: u32, target: u32) -> Member {
    member(path, OP_POINTER, offset, target, Count::Times(1))
}

/// A string; type `target` is `char`.
pub(crate) const fn string(path: &'static str, offset: u32, target: u32) -> Member {
    member(path, OP_STRING, offset, target, Count::Times(0))
}

/// A function pointer.
pub(crate) const fn function(path: &'static str, offset: u32) -> Member {
    member(path, OP_FUNCTION, offset, NONE, Count::Times(1))
}

/// `count` embedded structures.
pub(crate) const fn embedded(path: &'static str, offset: u32, target: u32, count: u32) -> Member {
    member(path, OP_EMBED, offset, target, Count::Times(count))
}

/// A per-CPU pointer: the variable of every CPU.
pub(crate) const fn per_cpu(path: &'static str, offset: u32, target: u32) -> Member {
    member(path, OP_PER_CPU, offset, target, Count::Times(1))
}

const fn container(path: &'static str, op: u8, offset: u32, target: u32, link: u32) -> Member {
    let mut head = member(path, op, offset, target, Count::Times(0));
    head.action.link = link;
    head
}

/// The head of a `list_head` list of elements whose links are at `link`.
pub(crate) const fn list(path: &'static str, offset: u32, target: u32, link: u32) -> Member {
    container(path, OP_LIST, offset, target, link)
}

/// The head of an `hlist`.
pub(crate) const fn hlist(path: &'static str, offset: u32, target: u32, link: u32) -> Member {
    container(path, OP_HLIST, offset, target, link)
}

/// The head of an `hlist_nulls`.
pub(crate) const fn hlist_nulls(path: &'static str, offset: u32, target: u32, link: u32) -> Member {
    container(path, OP_HLIST_NULLS, offset, target, link)
}

/// The head of an `llist`.
pub(crate) const fn llist(path: &'static str, offset: u32, target: u32, link: u32) -> Member {
    container(path, OP_LLIST, offset, target, link)
}

/// The first of a chain of pointers to elements.
pub(crate) const fn chain(path: &'static str, offset: u32, target: u32, link: u32) -> Member {
    container(path, OP_CHAIN, offset, target, link)
}

/// The case of `cases` that fits what `selector` computes.
pub(crate) const fn choice(
    path: &'static str,
    offset: u32,
    selector: Code,
    cases: &'static [Case],
) -> Member {
    let mut choice = member(path, OP_CHOICE, offset, NONE, Count::Times(0));
    choice.selector = selector;
    choice.cases = cases;
    choice
}

impl Member {
    /// So many elements; bytes of a string.
    pub(crate) const fn times(mut self, count: u32) -> Self {
        self.count = Count::Times(count);
        self
    }

    /// As many as the number of `width` bytes at byte `offset` says.
    pub(crate) const fn counted(mut self, offset: u32, width: u8) -> Self {
        self.count = Count::Member { offset, width };
        self
    }

    /// As many as `count` computes.
    pub(crate) const fn computed(mut self, count: Code) -> Self {
        self.count = Count::Computed(count);
        self
    }

    /// Up to and with the element for which `last` is not 0.
    pub(crate) const fn until(mut self, last: Code) -> Self {
        self.count = Count::Until(last);
        self
    }

    /// A pointer that leads `bytes` behind the object's start; in front of it, if
    /// negative.
    pub(crate) const fn inside(mut self, bytes: i32) -> Self {
        self.action.shift = -bytes;
        self
    }

    /// A pointer with a tag in these low bits.
    pub(crate) const fn tagged(mut self, mask: u16) -> Self {
        self.action.tag_mask = mask;
        self
    }

    /// Only if `condition` is not 0.
    pub(crate) const fn when(mut self, condition: Code) -> Self {
        self.condition = condition;
        self
    }

    /// The address is what `decode` makes of the word.
    pub(crate) const fn decoded(mut self, decode: Code) -> Self {
        self.decode = decode;
        self
    }

    /// The object begins where `start` says.
    pub(crate) const fn starting(mut self, start: Code) -> Self {
        self.start = start;
        self
    }

    /// Hands down what `numbers` leaves.
    pub(crate) const fn handing(mut self, numbers: Code) -> Self {
        self.hand_down = numbers;
        self
    }

    /// It leads to memory of the process.
    pub(crate) const fn user(mut self) -> Self {
        self.action.flags |= ACTION_USER;
        self
    }

    /// It keeps its value.
    pub(crate) const fn kept(mut self) -> Self {
        self.action.flags |= ACTION_KEEP;
        self
    }

    /// What only an `Extra` holds.
    pub(crate) fn has_extra(&self) -> bool {
        let codes = [
            self.condition,
            self.decode,
            self.start,
            self.hand_down,
            self.selector,
        ];
        codes.iter().any(|code| !code.is_empty())
    }
}

/// A root.
#[derive(Clone, Copy, Debug)]
pub struct Root {
    pub(crate) source: u8,
    pub(crate) name: Option<&'static str>,
    pub(crate) value: u32,
    pub(crate) computed: Code,
    pub(crate) member: Member,
}

/// Argument `position`.
pub(crate) const fn argument(position: u32, name: Option<&'static str>, member: Member) -> Root {
    Root {
        source: ROOT_ARGUMENT,
        name,
        value: position,
        computed: &[],
        member,
    }
}

/// Global `index`.
pub(crate) const fn global(index: u32, name: &'static str, member: Member) -> Root {
    Root {
        source: ROOT_GLOBAL,
        value: index,
        ..argument(0, Some(name), member)
    }
}

/// The value of an expression.
pub(crate) const fn computed(computed: Code, name: &'static str, member: Member) -> Root {
    Root {
        source: ROOT_EXPRESSION,
        computed,
        ..argument(0, Some(name), member)
    }
}

const fn instruction(op: u8, width: u8, value: u32) -> Instruction {
    Instruction {
        op,
        width,
        value,
        ..Instruction::ZERO
    }
}

/// The number of `width` bytes at byte `offset` of the element.
pub(crate) const fn get(offset: u32, width: u8) -> Instruction {
    instruction(code::MEMBER, width, offset)
}

/// A constant.
pub(crate) const fn number(value: u32) -> Instruction {
    instruction(code::CONSTANT, 0, value)
}

/// An instruction with a number of its own.
pub(crate) const fn with(op: u8, value: u32) -> Instruction {
    instruction(op, 0, value)
}

/// An instruction that is nothing but its operation.
pub(crate) const fn op(op: u8) -> Instruction {
    instruction(op, 0, 0)
}
