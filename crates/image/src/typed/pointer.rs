//! Where pointers lead.

use kflat_abi::program::{Action, OP_POINTER, OP_STRING};
use kflat_btf::{Kind, TypeId};

use super::{Typed, Value, View};
use crate::sections::word;

/// What a pointer's word holds.
#[derive(Clone, Copy, Debug)]
pub enum Pointer<'i> {
    /// NULL.
    Null,
    /// A function, by symbol.
    Function(&'i str),
    /// The original value of a pointer to something that was not captured, or
    /// that was captured on another way.
    Outside(u64),
    /// It leads into the image.
    Inside {
        /// Where to.
        target: u64,
        /// What is there, if that is known.
        aim: Option<Aim>,
    },
}

/// What a pointer leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aim {
    /// The first element.
    pub value: Value,
    /// How many elements.
    pub count: u64,
    /// Bytes from the first element's start to where the pointer leads.
    pub delta: i64,
    /// Whether it is a NUL-terminated string.
    pub is_string: bool,
    /// Whether the recipe says so, and not only what is found there.
    pub is_followed: bool,
}

impl<'i> Typed<'i> {
    /// What the pointer `value`, to the type `to`, holds.
    pub(super) fn pointer(&self, value: &Value, to: TypeId) -> Pointer<'i> {
        if let Some(symbol) = self.image.function(value.offset) {
            return Pointer::Function(symbol);
        }
        let Some(target) = self.image.target(value.offset) else {
            return match word(self.image.memory(), value.offset) {
                None | Some(0) => Pointer::Null,
                Some(address) => Pointer::Outside(address),
            };
        };
        let aim = match self.action(value) {
            Some(action) if matches!(action.op, OP_POINTER | OP_STRING) => {
                self.aim(target, &action)
            }
            _ => None,
        };
        Pointer::Inside {
            target,
            aim: aim.or_else(|| self.guess(target, to)),
        }
    }

    /// What `action` says of a pointer that leads to `target`.
    pub(super) fn aim(&self, target: u64, action: &Action) -> Option<Aim> {
        let mask = u64::from(action.tag_mask);
        if action.op == OP_STRING {
            let index = self.objects.tagged(target, action.target, mask)?;
            let aim = self.aim_at(index, target)?;
            return Some(Aim {
                is_string: true,
                ..aim
            });
        }
        let start = target.wrapping_add_signed(i64::from(action.shift));
        let index = match mask {
            0 => self.objects.at(start, action.target),
            mask => self.objects.tagged(start, action.target, mask),
        };
        // A list's links lead into its elements.
        index.and_then(|index| self.aim_at(index, target))
    }

    /// Object `index` as what a pointer to `target` leads to.
    fn aim_at(&self, index: u32, target: u64) -> Option<Aim> {
        let (value, count) = self.object(index)?;
        Some(Aim {
            value,
            count,
            delta: target.wrapping_sub(value.offset) as i64,
            is_string: false,
            is_followed: true,
        })
    }

    /// What is at `target`, of which no action speaks: an object around it, or
    /// bytes of the pointer's own type.
    fn guess(&self, target: u64, to: TypeId) -> Option<Aim> {
        if let Some(index) = self.objects.around(target) {
            let aim = self.aim_at(index, target)?;
            return Some(Aim {
                is_followed: false,
                ..aim
            });
        }
        let (_, fragment) = self.image.fragment(target)?;
        let end = fragment.offset + fragment.size;
        let size = self.btf.size(to).filter(|size| *size > 0)?;
        (target.checked_add(size)? <= end).then_some(Aim {
            value: Value {
                offset: target,
                of: to,
                bits: None,
                view: None,
                end,
            },
            count: 1,
            delta: 0,
            is_string: self.is_char(to),
            is_followed: false,
        })
    }

    /// Element `index` of what a pointer leads to.
    #[must_use]
    pub fn nth(&self, aim: &Aim, index: u64) -> Option<Value> {
        if index >= aim.count {
            return None;
        }
        let size = match aim.value.view {
            Some(view) => u64::from(self.program.type_at(view.index)?.size),
            None => self.btf.size(aim.value.of)?,
        };
        let offset = aim.value.offset.checked_add(size.checked_mul(index)?)?;
        Some(Value {
            offset,
            view: aim.value.view.map(|view| View {
                base: offset,
                ..view
            }),
            ..aim.value
        })
    }

    /// Whether a type is one that strings are made of.
    #[must_use]
    pub fn is_char(&self, id: TypeId) -> bool {
        let id = self.btf.resolve(id);
        match self.btf.kind(id) {
            Kind::Int(int) if int.size == 1 => int.char || self.btf.name(id) == "char",
            _ => false,
        }
    }
}
