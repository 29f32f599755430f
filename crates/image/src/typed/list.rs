//! Lists that the recipe captured as lists; [trees](super::tree) likewise.

use kflat_abi::program::OP_LIST;
use kflat_btf::TypeId;

use super::{Typed, Value, View};

/// How elements are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// One behind the other, by `struct list_head`.
    List,
    /// In a tree, by `struct rb_node`, from the leftmost on.
    Tree,
}

/// Goes through the elements of a list or tree, from what heads it.
#[derive(Clone, Copy, Debug)]
pub struct Elements {
    /// How they are put together.
    pub order: Order,
    pub(super) head: u64,
    /// The link that was passed last.
    pub(super) at: u64,
    /// The program's type of the elements.
    pub(super) index: u32,
    /// The type of the elements.
    pub of: TypeId,
    pub(super) link_type: TypeId,
    /// Offset of the link in an element.
    pub link: u64,
    pub(super) size: u64,
    /// How many steps may still be taken: as many as the image's pointers allow.
    pub(super) rest: u64,
    /// Whether nothing of it was left out, as far as the walk came.
    pub(super) whole: bool,
    /// Whether the walk came to the end, and all elements were captured.
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
            order: Order::List,
            head: value.offset,
            at: value.offset,
            index: action.target,
            of: TypeId(view.btf_id),
            link_type: value.of,
            link: u64::from(action.link),
            size: u64::from(view.size),
            rest: self.image.header().ptr_count,
            whole: true,
            complete: empty,
        })
    }

    /// The list or tree that `value` is the head of.
    #[must_use]
    pub fn contents(&self, value: &Value) -> Option<Elements> {
        self.list(value).or_else(|| self.tree(value))
    }

    /// The next element of a list or tree; `None` at its end, or where the rest was
    /// not captured.
    pub fn next_element(&self, elements: &mut Elements) -> Option<Value> {
        if elements.complete {
            return None;
        }
        let link = match elements.order {
            Order::List => self.next_link(elements)?,
            Order::Tree => self.next_node(elements)?,
        };
        let offset = link.checked_sub(elements.link)?;
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

    fn next_link(&self, elements: &mut Elements) -> Option<u64> {
        let target = self.image.target(elements.at)?;
        if target == elements.head {
            elements.complete = true;
            return None;
        }
        elements.rest = elements.rest.checked_sub(1)?;
        elements.at = target;
        Some(target)
    }

    /// The member that links the elements.
    #[must_use]
    pub fn link_name(&self, elements: &Elements) -> Option<String> {
        self.member_at(elements.of, elements.link, elements.link_type)
    }

    /// The member at `offset` of a type, as C writes it: `f_path.dentry`. Of
    /// several that begin there it is the outermost of type `wanted`, or else the
    /// innermost; of a union the first.
    #[must_use]
    pub fn member_at(&self, of: TypeId, offset: u64, wanted: TypeId) -> Option<String> {
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
            let is_end = self.btf.composite(member.of).is_none()
                || (rest == 0 && self.btf.resolve(member.of) == self.btf.resolve(wanted));
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
