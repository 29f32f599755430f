//! What in an image is against the format although it can be read.

use kflat_abi::image::Fragment;

use crate::error::Section;
use crate::extension::Extension;
use crate::image::Image;
use crate::typed::root_name;

/// Where an image that [opens](Image::open) departs from the format, in sentences
/// without their end; at most a few of each kind. Empty: nowhere.
#[must_use]
pub fn verify(image: &Image) -> Vec<String> {
    let mut found: Vec<String> = image.warnings().to_vec();
    found.extend(gaps(image).take(MOST));
    let pointers = image.pointers();
    let functions = image.functions().map(|(location, _)| location);
    found.extend(straddling(image, Section::Pointers, pointers).take(MOST));
    found.extend(straddling(image, Section::Functions, functions).take(MOST));
    found.extend(roots(image).take(MOST));
    found.extend(objects(image).take(MOST));
    found
}

/// Findings of each kind.
const MOST: usize = 8;

/// Zero bytes before the first fragment give it its alignment.
const MOST_ALIGNMENT: u64 = 4096;

/// Fragments tile the memory.
fn gaps(image: &Image) -> impl Iterator<Item = String> {
    let section = Section::Fragments;
    let memory_size = image.header().memory_size;
    let last = Fragment {
        offset: memory_size,
        size: 0,
    };
    let mut end = 0;
    (0..).zip(image.fragments().chain([last])).filter_map(
        move |(index, fragment): (u64, Fragment)| {
            let gap = fragment.offset.saturating_sub(end);
            let before = end;
            end = fragment.offset.saturating_add(fragment.size);
            let is_padding = index == 0 && gap < MOST_ALIGNMENT && fragment.size > 0;
            (gap > 0 && !is_padding).then(|| {
                format!("{section}, before entry {index}: {gap} bytes at {before:#x} are in none")
            })
        },
    )
}

/// Words that are no part of one fragment: loading by fragments can't place them.
fn straddling(
    image: &Image,
    section: Section,
    locations: impl Iterator<Item = u64>,
) -> impl Iterator<Item = String> {
    let mut fragments = image.fragments().peekable();
    (0u64..)
        .zip(locations)
        .filter_map(move |(index, location)| {
            let end = |fragment: &Fragment| fragment.offset.saturating_add(fragment.size);
            while fragments.next_if(|next| end(next) <= location).is_some() {}
            let is_inside = fragments.peek().is_some_and(|fragment| {
                fragment.offset <= location && location.saturating_add(8) <= end(fragment)
            });
            (!is_inside).then(|| {
                format!("{section}, entry {index}: {location:#x} is not inside of one fragment")
            })
        })
}

/// Named roots have as many bytes as they say.
fn roots(image: &Image) -> impl Iterator<Item = String> {
    let memory_size = image.header().memory_size;
    image.roots().filter_map(move |root| {
        let (offset, size) = (root.offset?, root.size);
        let is_inside = offset
            .checked_add(size)
            .is_some_and(|end| end <= memory_size);
        (!is_inside).then(|| {
            format!(
                "{}, {}: {size} bytes at {offset:#x} are more than the memory of {memory_size:#x} has",
                Section::NamedRoots,
                root_name(&root)
            )
        })
    })
}

/// Objects are inside of their fragment.
fn objects(image: &Image) -> impl Iterator<Item = String> {
    let extension = image.extension();
    let program = extension.and_then(Extension::program);
    let objects = extension.map_or(&[][..], Extension::objects);
    objects.iter().enumerate().filter_map(move |(index, object)| {
        let size = program.as_ref()?.type_at(object.type_index)?.size;
        let size = u64::from(size) * u64::from(object.count);
        let is_inside = size == 0
            || image.fragment(object.offset).is_some_and(|(_, fragment)| {
                size <= fragment.size - (object.offset - fragment.offset)
            });
        (!is_inside).then(|| {
            format!(
                "the extension's objects, entry {index}: {size} bytes at {:#x} go beyond a fragment",
                object.offset
            )
        })
    })
}
