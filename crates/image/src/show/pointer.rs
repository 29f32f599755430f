//! Shows pointers, and what they lead to.

use kflat_btf::TypeId;

use super::printer::{Paint, Stop, clean, quoted};
use super::tree::{At, DEEPEST, Tree, key};
use crate::typed::{Aim, Pointer, Value};

impl<'i> Tree<'_, 'i, '_> {
    /// A pointer, and what it leads to where that is to be followed.
    pub(super) fn pointer(
        &mut self,
        pointer: &Pointer<'i>,
        to: TypeId,
        at: At,
    ) -> Result<(), Stop> {
        let Pointer::Inside { aim: Some(aim), .. } = pointer else {
            return self.mention(pointer, to);
        };
        if aim.is_string {
            self.arrow_address(pointer, false);
            return self.string(aim);
        }
        let btf = self.typed.btf();
        let same = btf.resolve(to) == btf.resolve(aim.value.of) && aim.delta == 0;
        if !same && !aim.is_followed {
            return self.mention(pointer, to);
        }
        if let Some((place, _)) = self.seen.get(&key(&aim.value, aim.count)).copied() {
            self.mention(pointer, to)?;
            if self.is_inside(at.node, place) {
                self.printer.note("cycle");
            }
            return Ok(());
        }
        self.arrow_address(pointer, true);
        if !same {
            self.whereabouts(aim, to)?;
        }
        let is_object = btf.composite(aim.value.of).is_some();
        if is_object && (at.depth >= self.options.depth || at.nesting >= DEEPEST) {
            self.printer.put(Paint::Plain, "{…}");
            return Ok(());
        }
        self.note_shown(&aim.value, aim.count, at.node, true);
        let at = At {
            depth: at.depth + 1,
            ..at
        };
        if aim.count != 1 || aim.value.of == TypeId::VOID {
            self.elements_of(aim, at)
        } else if is_object
            && self.typed.contents(&aim.value).is_none()
            && !self.typed.is_link(aim.value.of)
        {
            self.printer.open()?;
            self.members(&aim.value, at, true)?;
            self.printer.close();
            Ok(())
        } else {
            let inner = At {
                nesting: at.nesting + 1,
                ..at
            };
            self.value(&aim.value, inner)
        }
    }

    /// `.mnt of struct mount `, for a pointer to something other than the start
    /// of what its type says.
    fn whereabouts(&mut self, aim: &Aim, to: TypeId) -> Result<(), Stop> {
        if aim.value.of == TypeId::VOID {
            return Ok(());
        }
        let text = match u64::try_from(aim.delta) {
            Ok(0) => String::new(),
            Ok(delta) => {
                self.spend_on_members(aim.value.of)?;
                match self.typed.member_at(aim.value.of, delta, to) {
                    Some(path) => format!(".{path} of "),
                    None => format!("byte {delta} of "),
                }
            }
            Err(_) => format!("{} bytes before ", aim.delta.unsigned_abs()),
        };
        self.printer.put(Paint::Arrow, &clean(&text));
        let name = self.typed.btf().type_name(aim.value.of);
        self.printer.put(Paint::Type, &clean(&name));
        self.printer.put(Paint::Plain, " ");
        Ok(())
    }

    fn spend_on_members(&mut self, of: TypeId) -> Result<(), Stop> {
        let composite = self.typed.btf().composite(of);
        (self.printer).spend(composite.map_or(0, |c| c.members.len() as u64))
    }

    /// The arrow, and with `addresses` the original address.
    fn arrow_address(&mut self, pointer: &Pointer<'_>, arrow: bool) {
        if let Pointer::Inside { target, .. } = pointer
            && self.options.addresses
            && let Some(address) = self.typed.image().address(*target)
        {
            self.printer.put(Paint::Number, &format!("{address:#x} "));
        }
        if arrow {
            self.printer.put(Paint::Arrow, "→ ");
        }
    }

    /// A pointer that is not followed: where it leads, in a few words.
    pub(super) fn mention(&mut self, pointer: &Pointer<'i>, to: TypeId) -> Result<(), Stop> {
        match pointer {
            Pointer::Null => self.printer.put(Paint::Plain, "NULL"),
            Pointer::Function("") => self.printer.put(Paint::Note, "/* no symbol */ 0"),
            Pointer::Function(symbol) => self.printer.put(Paint::Symbol, &clean(symbol)),
            Pointer::Outside(address) => {
                self.printer.put(Paint::Number, &format!("{address:#x}"));
                if let Some(path) = (self.typed.offset_of(*address))
                    .and_then(|offset| self.typed.object_at(offset).map(|index| (offset, index)))
                    .and_then(|(offset, index)| self.known(index, offset))
                {
                    self.printer.note(&format!("see {}", clean(&path)));
                }
            }
            Pointer::Inside { target, aim: None } => {
                self.arrow_address(pointer, true);
                let text = format!("memory + {target:#x}");
                self.printer.put(Paint::Arrow, &text);
            }
            Pointer::Inside { aim: Some(aim), .. } => {
                self.arrow_address(pointer, true);
                match self.seen.get(&key(&aim.value, aim.count)).copied() {
                    Some(place) => {
                        let text = format!("see {}", self.inside(place, aim, to)?);
                        self.printer.put(Paint::Arrow, &clean(&text));
                    }
                    None => {
                        self.whereabouts(aim, to)?;
                        self.printer.put(Paint::Plain, "{…}");
                    }
                }
            }
        }
        Ok(())
    }

    /// Where the object that begins at `offset` is shown, if it is.
    fn known(&self, index: u32, offset: u64) -> Option<String> {
        let (value, count) = self.typed.object(index)?;
        let one = self.shown(&value, 1);
        (one.or_else(|| self.shown(&value, count))).filter(|_| value.offset == offset)
    }

    /// The path of what a pointer into the object at `node` leads to.
    fn inside(
        &mut self,
        (node, pointer): (u32, bool),
        aim: &Aim,
        to: TypeId,
    ) -> Result<String, Stop> {
        let path = self.path(node);
        let Some(delta) = u64::try_from(aim.delta).ok().filter(|delta| *delta > 0) else {
            return Ok(path);
        };
        self.spend_on_members(aim.value.of)?;
        let size = self.typed.btf().size(aim.value.of).unwrap_or(1).max(1);
        let (index, rest) = (delta / size, delta % size);
        let member = self.typed.member_at(aim.value.of, rest, to);
        Ok(match (index, member) {
            (0, Some(member)) if pointer => format!("{path}->{member}"),
            (0, Some(member)) => format!("{path}.{member}"),
            (index, Some(member)) => format!("{path}[{index}].{member}"),
            (index, None) if rest == 0 => format!("{path}[{index}]"),
            _ => format!("{path} + {delta:#x}"),
        })
    }

    fn string(&mut self, aim: &Aim) -> Result<(), Stop> {
        let skip = u64::try_from(aim.delta).unwrap_or(0);
        let start = Value {
            offset: aim.value.offset.saturating_add(skip),
            ..aim.value
        };
        let length = start.end.saturating_sub(start.offset);
        self.printer.spend(length / 64)?;
        let bytes = self.typed.bytes(&start, length).unwrap_or(&[]);
        let end = bytes.iter().position(|byte| *byte == 0);
        let text = quoted(
            bytes.get(..end.unwrap_or(bytes.len())).unwrap_or(bytes),
            self.options.characters,
        );
        self.printer.put(Paint::Text, &text);
        if end.is_none() {
            self.printer.note("cut off");
        }
        Ok(())
    }
}
