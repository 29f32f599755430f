//! Objects that no pointer leads to: a recipe computed where they are.

use kflat_abi::extension::NO_OBJECT;
use kflat_abi::program::{ACTION_KEEP, OP_STRING};

use super::printer::{Paint, Stop};
use super::tree::{At, Segment, Tree, key};
use crate::typed::{Aim, Pointer};

impl Tree<'_, '_, '_> {
    /// What lies at addresses that a recipe computed: the words in what was shown keep
    /// their values, so that no pointer leads there.
    pub(super) fn kept(&mut self) -> Result<(), Stop> {
        let (typed, program) = (self.typed, self.typed.program());
        let objects = typed.image().extension().map_or(&[][..], |e| e.objects());
        let held = (0..)
            .zip(objects)
            .filter(|(_, one)| one.parent != NO_OBJECT);
        for (index, object) in held {
            let Some(action) = program.action_at(object.via) else {
                continue;
            };
            let found = typed.object(object.parent).zip(typed.object(index));
            let Some((holder, (value, count))) = found.filter(|_| action.flags & ACTION_KEEP != 0)
            else {
                continue;
            };
            let Some((node, arrow)) = self.seen.get(&key(&holder.0, holder.1)).copied() else {
                continue;
            };
            if self.seen.contains_key(&key(&value, count)) {
                continue;
            }
            let member = program.string_at(action.path).unwrap_or_default();
            let dot = if arrow { "->" } else { "." };
            let node = self.node(Some(node), false, Segment::Text(format!("{dot}{member}")));
            let path = self.path(node);
            self.declare(value.of, &format!("*{path}"));
            self.printer.put(Paint::Plain, " = ");
            let aim = Aim {
                value,
                count,
                delta: 0,
                is_string: action.op == OP_STRING,
                is_followed: true,
            };
            let pointer = Pointer::Inside {
                target: value.offset,
                aim: Some(aim),
            };
            let at = At {
                node,
                depth: 0,
                nesting: 0,
            };
            self.pointer(&pointer, value.of, at)?;
            self.printer.put(Paint::Plain, ";");
            self.printer.end()?;
        }
        Ok(())
    }
}
