//! The members of an object that differ.

use kflat_btf::{Kind, TypeId};
use kflat_image::show::brief;
use kflat_image::typed::{Member, Pointer, Shape, Typed, Value};

use super::matching::Matching;
use super::{Change, Difference, MemberChange, Options, Side};
use crate::model::Node;

/// How deeply structures are compared.
const DEEPEST: usize = 48;

struct Walk<'c, 'i> {
    old: (&'c Side<'i>, &'c Typed<'i>),
    new: (&'c Side<'i>, &'c Typed<'i>),
    matching: &'c Matching,
    options: &'c Options,
    found: Vec<MemberChange>,
    more: u64,
    /// Values that may still be looked at: damaged types could unfold for ever.
    steps: u64,
}

/// How two objects that are the same differ, if they do.
pub(super) fn compared(
    old: &Side<'_>,
    new: &Side<'_>,
    matching: &Matching,
    (index, other): (u32, u32),
    is_moved: bool,
    options: &Options,
) -> Option<Change> {
    let (a, b) = (old.model.node(index)?, new.model.node(other)?);
    let same_bytes = a.count == b.count && old.bytes(a) == new.bytes(b);
    let (mut members, mut more) = (Vec::new(), 0);
    if a.count != b.count {
        members.push(MemberChange {
            path: String::new(),
            old: counted(a.count),
            new: counted(b.count),
        });
    }
    if !same_bytes {
        match (&old.model.typed, &new.model.typed) {
            (Some(from), Some(to)) => {
                let ((first, count), (second, _)) = (from.object(index)?, to.object(other)?);
                let size = a.end.saturating_sub(a.offset);
                let mut walk = Walk {
                    old: (old, from),
                    new: (new, to),
                    matching,
                    options,
                    found: members,
                    more,
                    steps: size.saturating_mul(16).saturating_add(1 << 10),
                };
                walk.object(&first, &second, count.min(u64::from(b.count)));
                (members, more) = (walk.found, walk.more);
            }
            _ => more += bytes(old.bytes(a), new.bytes(b), options, &mut members),
        }
    }
    if members.is_empty() && !is_moved {
        return None;
    }
    Some(Change {
        difference: if is_moved {
            Difference::Moved
        } else {
            Difference::Changed
        },
        of: old.name(index).to_owned(),
        title: None,
        path: old.model.path(index, &old.roots),
        addresses: (old.address(a), new.address(b)),
        members,
        more,
    })
}

fn counted(count: u32) -> String {
    match count {
        1 => "1 element".to_owned(),
        count => format!("{count} elements"),
    }
}

impl Walk<'_, '_> {
    fn object(&mut self, old: &Value, new: &Value, count: u64) {
        let (from, to) = (self.old.1, self.new.1);
        if old.of == TypeId::VOID || from.btf().size(old.of) == Some(1) {
            let length = |value: &Value| value.end.saturating_sub(value.offset);
            let a = from.bytes(old, length(old)).unwrap_or(&[]);
            let b = to.bytes(new, length(new)).unwrap_or(&[]);
            if from.is_char(old.of) {
                let text = |bytes| text(bytes, self.options.characters);
                let (a, b) = (text(a), text(b));
                if a != b {
                    self.note("", a, b);
                }
            } else {
                self.more += bytes(a, b, self.options, &mut self.found);
            }
            return;
        }
        let size = |typed: &Typed<'_>, value: &Value| typed.btf().size(value.of).unwrap_or(1);
        let (a, b) = (size(from, old), size(to, new));
        for index in 0..count {
            let path = if count == 1 {
                String::new()
            } else {
                format!("[{index}]")
            };
            self.value(&nth(old, a, index), &nth(new, b, index), &path, 0);
            if self.steps == 0 {
                return;
            }
        }
    }

    fn value(&mut self, old: &Value, new: &Value, path: &str, depth: usize) {
        let Some(steps) = self.steps.checked_sub(1).filter(|_| depth < DEEPEST) else {
            return;
        };
        self.steps = steps;
        let (from, to) = (self.old.1, self.new.1);
        match (from.shape(old), to.shape(new)) {
            (Shape::Composite { is_union }, Shape::Composite { .. }) => {
                if !self.lists(old, new, path) {
                    self.composites(old, new, path, is_union, depth);
                }
            }
            (
                Shape::Array { element, count },
                Shape::Array {
                    element: of,
                    count: other,
                },
            ) if !is_byte(from, element) || !is_byte(to, of) => {
                for index in 0..count.min(other) {
                    let (Some(a), Some(b)) = (
                        from.element(old, element, index),
                        to.element(new, of, index),
                    ) else {
                        break;
                    };
                    self.value(&a, &b, &format!("{path}[{index}]"), depth + 1);
                    if self.steps == 0 {
                        return;
                    }
                }
            }
            (Shape::Pointer(a), Shape::Pointer(b)) => {
                if !self.same_target(&a, &b) && !self.is_chain(old) {
                    self.scalars(old, new, path);
                }
            }
            _ => self.scalars(old, new, path),
        }
    }

    fn scalars(&mut self, old: &Value, new: &Value, path: &str) {
        let most = self.options.characters;
        let (a, b) = (brief(self.old.1, old, most), brief(self.new.1, new, most));
        // What does not fit in the words may differ too.
        if a != b || (self.is_long(old) && self.differ(old, new)) {
            self.note(path, a, b);
        }
    }

    fn is_long(&self, value: &Value) -> bool {
        let size = self.old.1.btf().size(value.of).unwrap_or(0);
        size > self.options.characters as u64
    }

    fn differ(&self, old: &Value, new: &Value) -> bool {
        let bytes = |typed: &Typed<'_>, value: &Value| {
            (typed.btf().size(value.of))
                .and_then(|size| typed.bytes(value, size))
                .map(<[u8]>::to_vec)
        };
        bytes(self.old.1, old) != bytes(self.new.1, new)
    }

    fn composites(&mut self, old: &Value, new: &Value, path: &str, is_union: bool, depth: usize) {
        let theirs: Vec<Member<'_>> = self.new.1.members(new).collect();
        for (position, member) in self.old.1.members(old).enumerate() {
            // The same by name; without one, by position.
            let same_place = theirs
                .get(position)
                .filter(|other| other.name == member.name);
            let other =
                same_place.or_else(|| theirs.iter().find(|other| other.name == member.name));
            let inner = joined(path, member.name);
            let before = self.found.len();
            match other {
                Some(other) => self.value(&member.value, &other.value, &inner, depth + 1),
                None => {
                    let value = brief(self.old.1, &member.value, self.options.characters);
                    self.note(&inner, value, "no such member".to_owned());
                }
            }
            // The others of a union are the same bytes.
            if self.steps == 0 || (is_union && self.found.len() > before) {
                return;
            }
        }
    }

    /// Compares two heads of lists by what the lists hold; whether they are such.
    fn lists(&mut self, old: &Value, new: &Value, path: &str) -> bool {
        let (from, to) = (self.old.1, self.new.1);
        let (Some(mut mine), Some(mut theirs)) = (from.list(old), to.list(new)) else {
            return false;
        };
        let (mut count, mut other_count, mut same) = (0u64, 0u64, true);
        loop {
            let (a, b) = (from.next_element(&mut mine), to.next_element(&mut theirs));
            count += u64::from(a.is_some());
            other_count += u64::from(b.is_some());
            match (a, b) {
                (None, None) => break,
                (Some(a), Some(b)) => {
                    let (mine, theirs) = (&self.old.0.model, &self.new.0.model);
                    let mine = (a.offset, mine.object_of_value(&a));
                    same = same && self.same_place(mine, (b.offset, theirs.object_of_value(&b)));
                }
                _ => same = false,
            }
        }
        if !same {
            let told = |count| format!("list of {count}");
            let new = match count == other_count {
                true => format!("{}, others or in another order", told(other_count)),
                false => told(other_count),
            };
            self.note(path, told(count), new);
        }
        true
    }

    /// Whether pointers lead to the same: by address or symbol, or because the
    /// objects there are.
    fn same_target(&self, old: &Pointer<'_>, new: &Pointer<'_>) -> bool {
        match (old, new) {
            (Pointer::Null, Pointer::Null) => true,
            (Pointer::Function(a), Pointer::Function(b)) => a == b,
            (Pointer::Outside(a), Pointer::Outside(b)) if self.same_in_kernel(*a, *b) => true,
            _ => match (place(self.old, old), place(self.new, new)) {
                (Some(a), Some(b)) => self.same_place(a, b),
                _ => false,
            },
        }
    }

    /// Whether addresses are the same, or are those of one place of a kernel that
    /// was loaded elsewhere.
    fn same_in_kernel(&self, a: u64, b: u64) -> bool {
        a == b || b.wrapping_sub(a) == self.old.0.shift(self.new.0)
    }

    /// Whether offsets of both images, into these objects, are the same place.
    fn same_place(&self, (a, mine): (u64, Option<u32>), (b, theirs): (u64, Option<u32>)) -> bool {
        let (old, new) = (&self.old.0.model, &self.new.0.model);
        let address = old.image.address(a);
        if address.is_some() && address == new.image.address(b) {
            return true;
        }
        if self.matching.is_moved(a, b) {
            return true;
        }
        let (Some(mine), Some(theirs)) = (mine, theirs) else {
            return false;
        };
        let is_pair = self
            .matching
            .new_of(mine)
            .is_some_and(|(other, _)| other == theirs);
        let inside = |node: Option<&Node>, at: u64| node.map(|node| at.wrapping_sub(node.offset));
        is_pair && inside(old.node(mine), a) == inside(new.node(theirs), b)
    }

    /// Whether a pointer only chains the elements of a list that is compared as one.
    fn is_chain(&self, value: &Value) -> bool {
        let links = &self.old.0.links.pointers;
        let found = links.binary_search_by_key(&value.offset, |link| link.location);
        found
            .ok()
            .and_then(|at| links.get(at))
            .is_some_and(|link| link.is_chain)
    }

    fn note(&mut self, path: &str, old: String, new: String) {
        if self.found.len() >= self.options.members {
            self.more += 1;
            return;
        }
        let path = path.to_owned();
        self.found.push(MemberChange { path, old, new });
    }
}

/// Where in the image a pointer leads, and into which object.
fn place((side, typed): (&Side<'_>, &Typed<'_>), to: &Pointer<'_>) -> Option<(u64, Option<u32>)> {
    match to {
        Pointer::Inside { target, .. } => Some((*target, side.model.object_of(to))),
        Pointer::Outside(address) => {
            let target = typed.offset_of(*address)?;
            Some((target, side.model.object_around(target)))
        }
        _ => None,
    }
}

/// Runs of bytes that differ; how many had no room.
fn bytes(old: &[u8], new: &[u8], options: &Options, found: &mut Vec<MemberChange>) -> u64 {
    let common = old.len().min(new.len());
    let (mut at, mut more) = (0, 0);
    while at < common {
        if old[at] == new[at] {
            at += 1;
            continue;
        }
        let start = at;
        while at < common && old[at] != new[at] {
            at += 1;
        }
        if found.len() >= options.members {
            more += 1;
            continue;
        }
        let digits = |bytes: &[u8]| {
            let run = bytes.iter().take(at).skip(start).take(options.characters);
            run.map(|byte| format!("{byte:02x}"))
                .collect::<Vec<_>>()
                .join(" ")
        };
        found.push(MemberChange {
            path: format!("[{start:#x}]"),
            old: digits(old),
            new: digits(new),
        });
    }
    more
}

fn text(bytes: &[u8], most: usize) -> String {
    let end = bytes.iter().position(|byte| *byte == 0);
    let text = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or(bytes);
    format!(
        "\"{}\"",
        crate::model::cut(&String::from_utf8_lossy(text), most)
    )
}

fn is_byte(typed: &Typed<'_>, element: TypeId) -> bool {
    let btf = typed.btf();
    matches!(btf.kind(btf.resolve(element)), Kind::Int(int) if int.size == 1)
}

fn nth(value: &Value, size: u64, index: u64) -> Value {
    let offset = value.offset.saturating_add(size.saturating_mul(index));
    Value {
        offset,
        view: value.view.map(|view| kflat_image::typed::View {
            base: offset,
            ..view
        }),
        ..*value
    }
}

fn joined(path: &str, name: &str) -> String {
    match (path, name) {
        ("", name) => crate::model::shown(name),
        (path, "") => path.to_owned(),
        (path, name) => format!("{path}.{}", crate::model::shown(name)),
    }
}
