//! What each pointer leads to, and what the lists hold.

use std::collections::HashSet;

use kflat_btf::TypeId;
use kflat_image::typed::{Pointer, Shape, Typed, Value, View};

use super::{Model, Node, Places};

/// A pointer into the image.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    /// Where its word is.
    pub(crate) location: u64,
    /// Where it leads.
    pub(crate) target: u64,
    /// The object that it is in.
    pub(crate) source: Option<u32>,
    /// The object that it leads to.
    pub(crate) object: Option<u32>,
    /// To a NUL-terminated string.
    pub(crate) is_string: bool,
    /// It chains the elements of a list that [`Links::lists`] has as a whole.
    pub(crate) is_chain: bool,
}

/// A list.
#[derive(Clone, Debug)]
pub(crate) struct List {
    /// Where its head is.
    pub(crate) head: u64,
    /// The type of its elements.
    pub(crate) of: TypeId,
    /// The member that links them.
    pub(crate) by: Option<String>,
    /// Offset and object of each element.
    pub(crate) elements: Vec<(u64, Option<u32>)>,
    /// Whether it leads back to its head.
    pub(crate) is_complete: bool,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Links {
    /// Ascending by location.
    pub(crate) pointers: Vec<Link>,
    /// Ascending by head.
    pub(crate) lists: Vec<List>,
}

/// Objects that are asked about one pointer, where they overlap.
const MOST_OBJECTS: u64 = 8;

impl Links {
    pub(super) fn of(model: &Model<'_>) -> Self {
        let pointers = (model.image.pointers())
            .map(|location| Link {
                location,
                target: model.image.target(location).unwrap_or(0),
                source: None,
                object: None,
                is_string: false,
                is_chain: false,
            })
            .collect();
        let mut links = Self {
            pointers,
            lists: Vec::new(),
        };
        if let Some(typed) = &model.typed {
            links.follow(model, typed);
        }
        for link in &mut links.pointers {
            link.source = link.source.or_else(|| model.object_around(link.location));
            link.object = link.object.or_else(|| model.object_around(link.target));
        }
        links
    }

    /// Asks each object about the pointers in it.
    fn follow(&mut self, model: &Model<'_>, typed: &Typed<'_>) {
        let mut places = Places::new(typed.btf());
        let mut work = (self.pointers.len() as u64).saturating_mul(MOST_OBJECTS);
        let mut lists = Lists {
            model,
            typed,
            room: self.pointers.len().saturating_mul(2),
            heads: HashSet::new(),
            found: Vec::new(),
            chain: HashSet::new(),
        };
        for (index, node) in (0..).zip(&model.nodes) {
            let first = (self.pointers).partition_point(|link| link.location < node.offset);
            for link in self.pointers.iter_mut().skip(first) {
                if link.location >= node.end || work == 0 {
                    break;
                }
                work -= 1;
                let Some(element) = element(model, node, link.location) else {
                    continue;
                };
                let place = places.at(element.of, link.location - element.offset);
                let at = |of| Value {
                    of,
                    offset: link.location,
                    ..element
                };
                for of in &place.around {
                    lists.walk(&at(*of));
                }
                if let Some(of) = place.pointer {
                    ask(model, typed, link, index, &at(of));
                }
            }
        }
        for link in &mut self.pointers {
            link.is_chain = lists.chain.contains(&link.location);
        }
        self.lists = lists.found;
        self.lists.sort_by_key(|list| list.head);
    }

    /// The pointers that lie in `node`.
    pub(crate) fn inside(&self, node: &Node) -> &[Link] {
        let first = (self.pointers).partition_point(|link| link.location < node.offset);
        let after = (self.pointers).partition_point(|link| link.location < node.end);
        self.pointers.get(first..after).unwrap_or(&[])
    }

    /// The lists whose heads lie in `node`.
    pub(crate) fn lists_in(&self, node: &Node) -> &[List] {
        let first = (self.lists).partition_point(|list| list.head < node.offset);
        let after = (self.lists).partition_point(|list| list.head < node.end);
        self.lists.get(first..after).unwrap_or(&[])
    }
}

/// The element of `node` that the word at `location` is in.
fn element(model: &Model<'_>, node: &Node, location: u64) -> Option<Value> {
    let kind = model.kinds.get(node.kind as usize)?;
    let inside = location.checked_sub(node.offset)?;
    let offset = location - inside % kind.size;
    Some(Value {
        offset,
        of: kind.of,
        bits: None,
        view: Some(View {
            index: node.kind,
            base: offset,
        }),
        end: node.end,
    })
}

/// Fills in what the object `source` knows about a pointer of it; what the recipe
/// says counts for more than what is only found at the target.
fn ask(model: &Model<'_>, typed: &Typed<'_>, link: &mut Link, source: u32, word: &Value) {
    let Shape::Pointer(pointer @ Pointer::Inside { aim: Some(aim), .. }) = typed.shape(word) else {
        return;
    };
    if link.object.is_none() || aim.is_followed {
        link.source = Some(source);
        link.object = model.object_of(&pointer);
        link.is_string = aim.is_string;
    }
}

struct Lists<'m, 'i> {
    model: &'m Model<'i>,
    typed: &'m Typed<'i>,
    /// How many more elements may be noted: in a damaged image many heads could
    /// lead into one list.
    room: usize,
    heads: HashSet<u64>,
    found: Vec<List>,
    chain: HashSet<u64>,
}

impl Lists<'_, '_> {
    /// Notes the list that `head` is the head of, if it is.
    fn walk(&mut self, head: &Value) {
        if self.heads.contains(&head.offset) {
            return;
        }
        let Some(mut elements) = self.typed.list(head) else {
            return;
        };
        self.heads.insert(head.offset);
        self.chain
            .extend([head.offset, head.offset.saturating_add(8)]);
        let mut list = List {
            head: head.offset,
            of: elements.of,
            by: self.typed.link_name(&elements),
            elements: Vec::new(),
            is_complete: false,
        };
        while let Some(value) = self.typed.next_element(&mut elements) {
            let Some(room) = self.room.checked_sub(1) else {
                break;
            };
            self.room = room;
            let link = value.offset.saturating_add(elements.link);
            self.chain.extend([link, link.saturating_add(8)]);
            (list.elements).push((value.offset, self.model.object_of_value(&value)));
        }
        list.is_complete = elements.complete;
        self.found.push(list);
    }
}
