//! Which object of one image is which of the other.

use std::collections::{HashMap, HashSet};

use super::Side;

/// What is known of the objects of two images.
pub(super) struct Matching {
    /// For each object of the first image the one of the second, and whether it
    /// is another that took its place.
    forth: Vec<Option<(u32, bool)>>,
    /// For each object of the second image whether the first has it.
    known: Vec<bool>,
    /// Where objects begin whose place others took, and where these do.
    moved: HashSet<(u64, u64)>,
    /// Objects of the first that have another type in the second.
    retyped: HashMap<u32, u32>,
}

/// A place that an object can have: what leads to it, and its type.
type Place<'s> = (Option<u32>, &'s str, &'s str);

impl Matching {
    pub(super) fn of(old: &Side<'_>, new: &Side<'_>) -> Self {
        let mut matching = Self {
            forth: vec![None; old.model.nodes.len()],
            known: vec![false; new.model.nodes.len()],
            moved: HashSet::new(),
            retyped: HashMap::new(),
        };
        matching.by_address(old, new);
        matching.by_place(old, new);
        matching.by_address_alone(old, new);
        matching
    }

    /// The object of the second image that is `old` of the first, and whether it
    /// took its place.
    pub(super) fn new_of(&self, old: u32) -> Option<(u32, bool)> {
        self.forth.get(old as usize).copied().flatten()
    }

    /// Whether an object that begins at offset `new` took the place of one at `old`.
    pub(super) fn is_moved(&self, old: u64, new: u64) -> bool {
        self.moved.contains(&(old, new))
    }

    /// The object of another type at the address of `old`.
    pub(super) fn retyped(&self, old: u32) -> Option<u32> {
        self.retyped.get(&old).copied()
    }

    /// Whether only the second image has `new`.
    pub(super) fn is_new(&self, new: u32) -> bool {
        !self.known.get(new as usize).copied().unwrap_or(true)
    }

    fn pair(&mut self, old: u32, new: u32, is_moved: bool) {
        self.forth[old as usize] = Some((new, is_moved));
        self.known[new as usize] = true;
    }

    /// Same address and type, or that of a kernel that was loaded elsewhere; of
    /// several those with as many elements first.
    fn by_address(&mut self, old: &Side<'_>, new: &Side<'_>) {
        let mut there: HashMap<(u64, &str), Vec<u32>> = HashMap::new();
        for (index, node) in (0..).zip(&new.model.nodes) {
            // Without addresses offsets are all that there is.
            let address = new.address(node).unwrap_or(node.offset);
            let objects = there.entry((address, new.name(index))).or_default();
            objects.push(index);
        }
        let shift = old.shift(new);
        for (same_count, shift) in [(true, 0), (false, 0), (true, shift), (false, shift)] {
            for (index, node) in (0..).zip(&old.model.nodes) {
                if self.new_of(index).is_some() {
                    continue;
                }
                let address = old.address(node).unwrap_or(node.offset);
                let key = (address.wrapping_add(shift), old.name(index));
                let Some(others) = there.get_mut(&key) else {
                    continue;
                };
                let fits = |other: &u32| {
                    let other = new.model.node(*other);
                    !same_count || other.is_some_and(|other| other.count == node.count)
                };
                if let Some(found) = others.iter().position(fits) {
                    let other = others.remove(found);
                    self.pair(index, other, false);
                }
            }
        }
    }

    /// Same type, and the same member of the same object leads there. Objects are
    /// in the order of their capture, so what leads to one comes before it.
    fn by_place(&mut self, old: &Side<'_>, new: &Side<'_>) {
        let mut there: HashMap<Place<'_>, Vec<u32>> = HashMap::new();
        for index in (0..)
            .take(new.model.nodes.len())
            .filter(|index| self.is_new(*index))
        {
            if let Some(place) = place(new, index, &Some) {
                there.entry(place).or_default().push(index);
            }
        }
        // Where several are in one place, as in a list, none takes another's.
        let mut rivals: HashMap<(Option<u32>, &str, &str), u32> = HashMap::new();
        let alone: Vec<u32> = (0..)
            .take(old.model.nodes.len())
            .filter(|i| self.new_of(*i).is_none())
            .collect();
        for index in &alone {
            if let Some(place) = place(old, *index, &Some) {
                *rivals.entry(place).or_default() += 1;
            }
        }
        for index in alone {
            if place(old, index, &Some).and_then(|place| rivals.get(&place).copied()) != Some(1) {
                continue;
            }
            let moved = |parent| self.new_of(parent).map(|(other, _)| other);
            let Some(place) = place(old, index, &moved) else {
                continue;
            };
            if let Some([other]) = there.get(&place).map(Vec::as_slice) {
                let other = *other;
                self.pair(index, other, true);
                if let (Some(mine), Some(theirs)) = (old.model.node(index), new.model.node(other)) {
                    self.moved.insert((mine.offset, theirs.offset));
                }
            }
        }
    }

    /// Same address, another type.
    fn by_address_alone(&mut self, old: &Side<'_>, new: &Side<'_>) {
        let mut there: HashMap<u64, u32> = HashMap::new();
        for (index, node) in (0..).zip(&new.model.nodes) {
            if let Some(address) = new.address(node).filter(|_| self.is_new(index)) {
                there.entry(address).or_insert(index);
            }
        }
        for (index, node) in (0..).zip(&old.model.nodes) {
            if self.new_of(index).is_some() {
                continue;
            }
            if let Some(other) = old.address(node).and_then(|address| there.remove(&address)) {
                self.retyped.insert(index, other);
                self.known[other as usize] = true;
            }
        }
    }
}

/// The place of an object; `parent_of` says which object its parent is.
fn place<'s>(
    side: &'s Side<'_>,
    index: u32,
    parent_of: &dyn Fn(u32) -> Option<u32>,
) -> Option<Place<'s>> {
    let node = side.model.node(index)?;
    let name = side.name(index);
    match node.parent {
        None => {
            let root = side.roots.get(node.via as usize)?;
            Some((None, &root.name, name))
        }
        Some(parent) => Some((Some(parent_of(parent)?), side.model.via(node), name)),
    }
}
