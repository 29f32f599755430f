//! What changed between two captures.
//!
//! An object is the same in both if it was at the same address with the same
//! type; one that was not is the same as the one that took its place: that the
//! same member of the same object leads to. Of two that are the same, members
//! are compared as values: pointers that lead to the same object are equal, and
//! those to the same place of a kernel that was loaded elsewhere.

mod matching;
mod members;
mod write;

use std::io;

use kflat_image::Image;

use crate::model::{Links, Model, Node, RootNode, Titles};
use matching::Matching;

pub use write::{json, text};

/// What to compare.
#[derive(Clone, Debug)]
pub struct Options {
    /// Only objects of this type, as C writes it: `struct dentry`.
    pub type_name: Option<String>,
    /// How many changed members of an object are told.
    pub members: usize,
    /// How many characters of a string, or bytes, are told.
    pub characters: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            type_name: None,
            members: 64,
            characters: 64,
        }
    }
}

/// How an object differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// It is in the first image only.
    Removed,
    /// It is in the second image only.
    Added,
    /// Members have other values.
    Changed,
    /// Another object has taken its place.
    Moved,
    /// It was at the same address, with this other type in the second image.
    Retyped(String),
}

/// An object that differs.
#[derive(Clone, Debug)]
pub struct Change {
    /// How.
    pub difference: Difference,
    /// Its type (of a retyped object, in the first image).
    pub of: String,
    /// What it is called in its own bytes.
    pub title: Option<String>,
    /// How it was reached.
    pub path: String,
    /// Its address in the first image and in the second.
    pub addresses: (Option<u64>, Option<u64>),
    /// Its members that differ.
    pub members: Vec<MemberChange>,
    /// How many further ones do.
    pub more: u64,
}

/// A member that differs: its values as `kflat show` prints them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberChange {
    /// How it is reached from the object: `f_path.dentry`.
    pub path: String,
    /// In the first image.
    pub old: String,
    /// In the second image.
    pub new: String,
}

/// How many objects differ, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Those that do not.
    pub same: u64,
    /// Those with other values.
    pub changed: u64,
    /// Those whose place another one took.
    pub moved: u64,
    /// Those with another type.
    pub retyped: u64,
    /// Those of the first image only.
    pub removed: u64,
    /// Those of the second image only.
    pub added: u64,
}

impl Summary {
    /// Whether nothing differs.
    #[must_use]
    pub fn is_same(&self) -> bool {
        let Self { same, .. } = *self;
        *self
            == Self {
                same,
                ..Self::default()
            }
    }
}

/// An image, and what is known of it.
struct Side<'i> {
    model: Model<'i>,
    links: Links,
    roots: Vec<RootNode>,
    /// Its memory with the pointers' original values.
    original: Vec<u8>,
    /// How far from where it was linked for the kernel was loaded.
    kernel_offset: Option<u64>,
}

impl<'i> Side<'i> {
    fn of(image: &'i Image) -> Self {
        let model = Model::of(image);
        Self {
            links: model.links(),
            roots: model.roots(),
            original: model.original(),
            kernel_offset: kernel_offset(image),
            model,
        }
    }

    fn address(&self, node: &Node) -> Option<u64> {
        self.model.image.address(node.offset)
    }

    fn name(&self, index: u32) -> &str {
        (self.model.kind_of(index)).map_or("bytes", |kind| &kind.name)
    }

    fn bytes(&self, node: &Node) -> &[u8] {
        let range = usize::try_from(node.offset).unwrap_or(usize::MAX)
            ..usize::try_from(node.end).unwrap_or(usize::MAX);
        self.original.get(range).unwrap_or(&[])
    }
}

impl Side<'_> {
    /// By how much the kernel of `new` was loaded further up than this one.
    fn shift(&self, new: &Side<'_>) -> u64 {
        let offsets = self.kernel_offset.zip(new.kernel_offset);
        offsets.map_or(0, |(old, new)| new.wrapping_sub(old))
    }
}

fn kernel_offset(image: &Image) -> Option<u64> {
    let context = image.extension()?.context();
    let (_, offset) = context.iter().find(|(key, _)| key == "kernel_offset")?;
    u64::from_str_radix(offset.strip_prefix("0x")?, 16).ok()
}

/// Tells each object that differs between `old` and `new`: those of `old` in the
/// order of their capture, then those that are only in `new`.
///
/// # Errors
/// Only those of `tell`.
pub fn diff(
    old: &Image,
    new: &Image,
    options: &Options,
    tell: &mut dyn FnMut(&Change) -> io::Result<()>,
) -> io::Result<Summary> {
    let (old, new) = (Side::of(old), Side::of(new));
    let matching = Matching::of(&old, &new);
    let (old_titles, new_titles) = (old.model.titles(), new.model.titles());
    let mut summary = Summary::default();
    let is_wanted = |name: &str| {
        options
            .type_name
            .as_deref()
            .is_none_or(|wanted| wanted == name)
    };
    for index in (0..).take(old.model.nodes.len()) {
        if !is_wanted(old.name(index)) {
            continue;
        }
        let change = match matching.new_of(index) {
            Some((other, is_moved)) => {
                members::compared(&old, &new, &matching, (index, other), is_moved, options)
            }
            None => Some(alone(&old, &old_titles, index, Difference::Removed)),
        };
        let Some(mut change) = change else {
            summary.same += 1;
            continue;
        };
        change.title = old_titles.get(index);
        if let (Difference::Removed, Some(other)) = (&change.difference, matching.retyped(index)) {
            change.difference = Difference::Retyped(new.name(other).to_owned());
            change.addresses.1 = change.addresses.0;
        }
        match change.difference {
            Difference::Changed => summary.changed += 1,
            Difference::Moved => summary.moved += 1,
            Difference::Retyped(_) => summary.retyped += 1,
            _ => summary.removed += 1,
        }
        tell(&change)?;
    }
    for index in (0..).take(new.model.nodes.len()) {
        if matching.is_new(index) && is_wanted(new.name(index)) {
            summary.added += 1;
            tell(&alone(&new, &new_titles, index, Difference::Added))?;
        }
    }
    Ok(summary)
}

/// An object that is in one image only.
fn alone(side: &Side<'_>, titles: &Titles<'_, '_>, index: u32, difference: Difference) -> Change {
    let address = side.model.node(index).and_then(|node| side.address(node));
    let addresses = match difference {
        Difference::Added => (None, address),
        _ => (address, None),
    };
    Change {
        difference,
        of: side.name(index).to_owned(),
        title: titles.get(index),
        path: side.model.path(index, &side.roots),
        addresses,
        members: Vec::new(),
        more: 0,
    }
}
