//! Tables to look up by offset and address.

use std::collections::HashMap;

use kflat_abi::extension::{Diagnostic, NO_OBJECT, Object};
use kflat_abi::program::{Action, MAX_NESTING, OP_EMBED, OPERAND_CONSTANT, Program};

use crate::extension::Extension;
use crate::image::Image;

/// The actions of all types, by offset.
#[derive(Debug)]
pub(super) struct Actions {
    /// Type, offset, action.
    words: Vec<(u32, u32, u32)>,
    embeds: Vec<(u32, u32, u32)>,
}

impl Actions {
    pub(super) fn of(program: &Program<'_>) -> Self {
        let (mut words, mut embeds) = (Vec::new(), Vec::new());
        let (types, ..) = program.counts();
        for index in 0..types {
            let Some(view) = program.type_at(index) else {
                break;
            };
            for number in view.first_action..view.first_action.saturating_add(view.action_count) {
                let Some(action) = program.action_at(number) else {
                    break;
                };
                let entry = (index, action.offset, number);
                if action.op == OP_EMBED {
                    embeds.push(entry);
                } else {
                    words.push(entry);
                }
            }
        }
        words.sort_unstable();
        embeds.sort_unstable();
        Self { words, embeds }
    }

    /// The action on the word at `offset` of an element of type `index`.
    pub(super) fn find(
        &self,
        program: &Program<'_>,
        mut index: u32,
        mut offset: u64,
    ) -> Option<Action> {
        for _ in 0..=MAX_NESTING {
            let at = u32::try_from(offset).ok()?;
            let first = (self.words).partition_point(|entry| (entry.0, entry.1) < (index, at));
            match self.words.get(first) {
                Some(entry) if (entry.0, entry.1) == (index, at) => {
                    return program.action_at(entry.2);
                }
                _ => {}
            }
            let after = (self.embeds).partition_point(|entry| (entry.0, entry.1) <= (index, at));
            let embed = self.embeds.get(after.checked_sub(1)?)?;
            if embed.0 != index {
                return None;
            }
            let action = program.action_at(embed.2)?;
            let size = u64::from(program.type_at(action.target)?.size);
            let inside = offset.checked_sub(u64::from(action.offset))?;
            if action.count.kind == OPERAND_CONSTANT
                && inside.checked_div(size)? >= u64::from(action.count.value)
            {
                return None;
            }
            (index, offset) = (action.target, inside.checked_rem(size)?);
        }
        None
    }
}

/// Objects by offset.
#[derive(Debug)]
pub(super) struct Objects {
    /// Offset, type, object; ascending.
    starts: Vec<(u64, u32, u32)>,
    /// The end of each.
    ends: Vec<u64>,
}

/// How many neighbours are looked at for an object around an offset.
const NEIGHBOURS: usize = 64;

impl Objects {
    pub(super) fn of(objects: &[Object], program: &Program<'_>) -> Self {
        let mut starts: Vec<(u64, u32, u32)> = (0..)
            .zip(objects)
            .map(|(index, object)| (object.offset, object.type_index, index))
            .collect();
        starts.sort_unstable_by_key(|(offset, type_index, index)| {
            // Of two with one type, the one with more elements is last.
            let count = objects
                .get(*index as usize)
                .map_or(0, |object| object.count);
            (*offset, *type_index, count)
        });
        let ends = (starts.iter())
            .map(|(offset, type_index, index)| {
                let count = objects
                    .get(*index as usize)
                    .map_or(0, |object| object.count);
                offset + program.object_size(*type_index, count)
            })
            .collect();
        Self { starts, ends }
    }

    /// The object of a type that begins at `offset`.
    pub(super) fn at(&self, offset: u64, type_index: u32) -> Option<u32> {
        let after =
            (self.starts).partition_point(|entry| (entry.0, entry.1) <= (offset, type_index));
        let entry = self.starts.get(after.checked_sub(1)?)?;
        ((entry.0, entry.1) == (offset, type_index)).then_some(entry.2)
    }

    /// The object of a type that begins at `offset` or up to `mask` bytes before
    /// it, at a distance that is made of bits of `mask`.
    pub(super) fn tagged(&self, offset: u64, type_index: u32, mask: u64) -> Option<u32> {
        let after = self.starts.partition_point(|entry| entry.0 <= offset);
        let before = self.starts.get(..after)?.iter().rev().take(NEIGHBOURS);
        before
            .filter(|entry| entry.1 == type_index && (offset - entry.0) & !mask == 0)
            .map(|entry| entry.2)
            .next()
    }

    /// The largest object that begins at `offset`, or else the one that begins
    /// last of those that it is inside of.
    pub(super) fn around(&self, offset: u64) -> Option<u32> {
        let after = self.starts.partition_point(|entry| entry.0 <= offset);
        let mut found: Option<(usize, u64)> = None;
        for index in (after.saturating_sub(NEIGHBOURS)..after).rev() {
            let (Some(entry), Some(end)) = (self.starts.get(index), self.ends.get(index)) else {
                break;
            };
            let length = end - entry.0;
            match found {
                None if *end > offset => found = Some((index, length)),
                Some((best, longest)) => {
                    if self.starts.get(best).is_none_or(|best| best.0 != entry.0) {
                        break;
                    }
                    if length > longest {
                        found = Some((index, length));
                    }
                }
                None => {}
            }
        }
        self.starts.get(found?.0).map(|entry| entry.2)
    }
}

/// Fragments by original address.
#[derive(Debug)]
pub(super) struct Addresses {
    /// Address, offset, bytes; ascending.
    fragments: Vec<(u64, u64, u64)>,
}

impl Addresses {
    pub(super) fn of(image: &Image, extension: &Extension) -> Self {
        let mut fragments: Vec<(u64, u64, u64)> = (extension.origins().iter())
            .zip(image.fragments())
            .map(|(origin, fragment)| (*origin, fragment.offset, fragment.size))
            .collect();
        fragments.sort_unstable();
        Self { fragments }
    }

    pub(super) fn offset(&self, address: u64) -> Option<u64> {
        let after = self.fragments.partition_point(|entry| entry.0 <= address);
        let (origin, offset, size) = *self.fragments.get(after.checked_sub(1)?)?;
        let inside = address - origin;
        (inside < size).then(|| offset + inside)
    }
}

/// The location of the word that a diagnostic is about.
pub(super) fn location(
    extension: &Extension,
    program: &Program<'_>,
    diagnostic: &Diagnostic,
) -> Option<u64> {
    let object = extension.objects().get(diagnostic.object as usize)?;
    let view = program.type_at(object.type_index)?;
    // Not for words of embedded types: their element is of the inner array.
    (diagnostic.via)
        .checked_sub(view.first_action)
        .filter(|position| *position < view.action_count)?;
    let action = program.action_at(diagnostic.via)?;
    let element = u64::from(diagnostic.element).checked_mul(u64::from(view.size))?;
    (object.offset.checked_add(element)?).checked_add(u64::from(action.offset))
}

/// Reasons of diagnostics by the location of the word that was not followed.
pub(super) fn missing(extension: &Extension, program: &Program<'_>) -> HashMap<u64, u32> {
    (extension.diagnostics().iter())
        .filter(|diagnostic| diagnostic.object != NO_OBJECT)
        .filter_map(|diagnostic| {
            let at = location(extension, program, diagnostic)?;
            Some((at, diagnostic.reason))
        })
        .collect()
}
