//! What an object is called in its own bytes: a file's name, a task's command.

use std::cell::RefCell;
use std::collections::HashMap;

use kflat_btf::{Btf, Kind, TypeId};
use kflat_image::typed::Typed;

use super::{Model, cut};

/// Finds titles; which members hold them is found once for each type.
pub(crate) struct Titles<'m, 'i> {
    model: &'m Model<'i>,
    members: RefCell<HashMap<TypeId, Vec<Place>>>,
}

/// A member that may hold a title.
#[derive(Clone, Copy, Debug)]
struct Place {
    offset: u64,
    what: What,
    rank: u32,
}

#[derive(Clone, Copy, Debug)]
enum What {
    /// So many characters in place.
    Array(u64),
    /// A pointer to them.
    Pointer,
}

/// Characters of a title.
const LONGEST: usize = 48;
/// Members that are tried.
const MOST_PLACES: usize = 4;
/// How deeply structures are looked into for them.
const DEEPEST: u32 = 3;
/// Members that are looked at; damaged types could unfold for ever.
const MOST_STEPS: u32 = 4096;

impl<'m, 'i> Titles<'m, 'i> {
    pub(super) fn of(model: &'m Model<'i>) -> Self {
        Self {
            model,
            members: RefCell::default(),
        }
    }

    /// The title of an object.
    pub(crate) fn get(&self, index: u32) -> Option<String> {
        let typed = self.model.typed.as_ref()?;
        let node = self.model.node(index)?;
        let kind = self.model.kinds.get(node.kind as usize)?;
        if kind.of == TypeId::VOID {
            return None;
        }
        if typed.is_char(kind.of) {
            return self.text(node.offset, node.end - node.offset, 1);
        }
        if node.count != 1 {
            return None;
        }
        let mut members = self.members.borrow_mut();
        let places = (members.entry(kind.of)).or_insert_with(|| places(typed, kind.of));
        places.iter().find_map(|place| {
            let at = node.offset.checked_add(place.offset)?;
            match place.what {
                What::Array(length) => self.text(at, length, 2),
                What::Pointer => {
                    let target = self.model.image.target(at)?;
                    let (_, fragment) = self.model.image.fragment(target)?;
                    self.text(target, fragment.offset + fragment.size - target, 1)
                }
            }
        })
    }

    /// The text of at least `shortest` characters within `length` bytes at `offset`.
    fn text(&self, offset: u64, length: u64, shortest: usize) -> Option<String> {
        /// Bytes that are looked at.
        const MOST: u64 = 256;
        let start = usize::try_from(offset).ok()?;
        let bytes = self.model.image.memory().get(start..)?;
        let bytes = bytes.get(..length.min(MOST) as usize)?;
        let end = bytes.iter().position(|byte| *byte == 0);
        if end.is_none() && length <= MOST {
            return None;
        }
        let text = std::str::from_utf8(bytes.get(..end.unwrap_or(bytes.len()))?).ok()?;
        let is_text = text.len() >= shortest && !text.chars().any(char::is_control);
        is_text.then(|| cut(text, LONGEST))
    }
}

fn places(typed: &Typed<'_>, of: TypeId) -> Vec<Place> {
    let mut search = Search {
        typed,
        btf: typed.btf(),
        steps: MOST_STEPS,
        found: Vec::new(),
    };
    search.composite(of, 0, 0, false);
    search.found.sort_by_key(|place| place.rank);
    search.found.truncate(MOST_PLACES);
    search.found
}

struct Search<'a, 'i> {
    typed: &'a Typed<'i>,
    btf: &'a Btf,
    steps: u32,
    found: Vec<Place>,
}

impl Search<'_, '_> {
    fn composite(&mut self, of: TypeId, base: u64, depth: u32, named: bool) {
        let members = self.btf.composite(of).map_or(&[][..], |c| &c.members);
        for member in members {
            let Some(steps) = self.steps.checked_sub(1) else {
                return;
            };
            self.steps = steps;
            let name = self.btf.member_name(member);
            let offset = base.saturating_add(u64::from(member.offset_bits / 8));
            // A name is better than any text, and near better than deep.
            let named = named || is_name(name);
            let rank = depth * 2 + u32::from(!named);
            let what = match self.btf.kind(self.btf.resolve(member.of)) {
                Kind::Array { element, count, .. } if self.typed.is_char(*element) => {
                    What::Array(u64::from(*count))
                }
                Kind::Pointer(to) if self.is_text(*to) => What::Pointer,
                Kind::Struct(_) | Kind::Union(_) if depth < DEEPEST => {
                    self.composite(member.of, offset, depth + 1, named);
                    continue;
                }
                _ => continue,
            };
            self.found.push(Place { offset, what, rank });
        }
    }

    /// Characters, signed or not: names in the kernel are often unsigned.
    fn is_text(&self, of: TypeId) -> bool {
        let of = self.btf.resolve(of);
        self.typed.is_char(of)
            || matches!(self.btf.kind(of), Kind::Int(int) if int.size == 1 && !int.bool)
    }
}

fn is_name(name: &str) -> bool {
    name.contains("name") || name.contains("comm") || name.contains("label")
}
