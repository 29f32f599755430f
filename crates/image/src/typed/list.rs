//! Lists that the recipe captured as lists.

use kflat_abi::program::OP_LIST;
use kflat_btf::TypeId;

use super::{Typed, Value, View};

/// Goes through a list's elements, from a `struct list_head` that heads it.
#[derive(Clone, Copy, Debug)]
pub struct Elements {
    head: u64,
    /// The link that was passed last.
    at: u64,
    /// The program's type of the elements.
    index: u32,
    /// The type of the elements.
    pub of: TypeId,
    /// Offset of the link in an element.
    pub link: u64,
    size: u64,
    /// How many may still come: no more than there are pointers.
    rest: u64,
    /// Whether the walk came back to the head.
    pub complete: bool,
}

impl<'i> Typed<'i> {
    /// The list that `value`, a `struct list_head`, is the head of.
    #[must_use]
    pub fn list(&self, value: &Value) -> Option<Elements> {
        let action = self.action(value).filter(|action| action.op == OP_LIST)?;
        if self.btf.size(value.of) != Some(16) {
            return None;
        }
        let view = self.program.type_at(action.target)?;
        // A head that was never initialised is an empty list.
        let empty = self.bytes(value, 8).is_some_and(|word| word == [0; 8]);
        Some(Elements {
            head: value.offset,
            at: value.offset,
            index: action.target,
            of: TypeId(view.btf_id),
            link: u64::from(action.link),
            size: u64::from(view.size),
            rest: self.image.header().ptr_count,
            complete: empty,
        })
    }

    /// The next element of a list; `None` at its end, or where the rest was not
    /// captured.
    pub fn next_element(&self, elements: &mut Elements) -> Option<Value> {
        if elements.complete {
            return None;
        }
        let target = self.image.target(elements.at)?;
        if target == elements.head {
            elements.complete = true;
            return None;
        }
        elements.rest = elements.rest.checked_sub(1)?;
        elements.at = target;
        let offset = target.checked_sub(elements.link)?;
        let end = offset.checked_add(elements.size)?;
        (end <= self.image.header().memory_size).then_some(Value {
            offset,
            of: elements.of,
            bits: None,
            view: Some(View {
                index: elements.index,
                base: offset,
            }),
            end,
        })
    }

    /// The member at `offset` of a type, as C writes it: `f_path.dentry`. Of a
    /// union it is the first one.
    #[must_use]
    pub fn member_at(&self, of: TypeId, offset: u64) -> Option<String> {
        const MOST_NESTING: usize = 16;
        let (mut of, mut rest, mut path) = (of, offset, String::new());
        for _ in 0..MOST_NESTING {
            let members = &self.btf.composite(of)?.members;
            let (member, start) = members
                .iter()
                .filter(|member| member.bit_size == 0)
                .map(|member| (member, u64::from(member.offset_bits / 8)))
                .find(|(member, start)| {
                    let size = self.btf.size(member.of).unwrap_or(0);
                    *start <= rest && rest - start < size
                })?;
            let name = self.btf.member_name(member);
            if !path.is_empty() && !name.is_empty() {
                path.push('.');
            }
            path.push_str(name);
            rest -= start;
            let is_end = self.btf.composite(member.of).is_none() || self.is_link(member.of);
            if is_end && !name.is_empty() {
                return (rest == 0).then_some(path);
            }
            of = member.of;
        }
        None
    }

    /// Whether a type is `struct list_head`.
    #[must_use]
    pub fn is_link(&self, of: TypeId) -> bool {
        self.btf.name(self.btf.resolve(of)) == "list_head"
    }
}
