//! The image reader.

use kflat_image::Image;

use crate::checksums::mended;

/// Opens an image and asks it all that it can be asked.
///
/// # Panics
/// If it answers what the format rules out.
pub fn image(data: &[u8]) {
    let Ok(image) = Image::open(mended(data)) else {
        return;
    };
    let size = image.memory().len() as u64;
    assert_eq!(image.header().memory_size, size);
    let is_inside = |offset: u64| offset <= size;
    for root in image.roots() {
        assert!(root.offset.is_none_or(is_inside));
        assert_eq!(
            image.root_at(root.index).map(|root| root.offset),
            Some(root.offset)
        );
        if let Some(name) = root.name {
            assert_eq!(image.root(name).map(|root| root.index), Some(root.index));
        }
    }
    let mut end = 0;
    for (index, fragment) in image.fragments().enumerate() {
        assert!(fragment.offset >= end);
        end = fragment.offset + fragment.size;
        assert!(is_inside(end));
        if fragment.size > 0 {
            let found = image.fragment(end - 1);
            assert_eq!(found.map(|(at, _)| at), Some(index));
        }
        let _ = image.address(fragment.offset);
    }
    let mut before = None;
    for location in image.pointers() {
        assert!(before < Some(location) && is_inside(location + 8));
        before = Some(location);
        assert!(image.target(location).is_some_and(is_inside));
        assert!(image.has_words(location, 1));
    }
    for (location, name) in image.functions() {
        assert!(is_inside(location + 8) && !image.is_pointer(location));
        assert_eq!(image.function(location), Some(name));
    }
    if let Some(extension) = image.extension() {
        let origins = extension.origins().len();
        assert!(origins == 0 || origins == image.fragments().len());
        for object in extension.objects() {
            let program = extension.program();
            let view = program.and_then(|program| program.type_at(object.type_index));
            let bytes = view.map_or(0, |view| u64::from(view.size) * u64::from(object.count));
            assert!(is_inside(object.offset + bytes));
        }
        let ranges = extension.surroundings().ranges();
        let mut end = 0;
        for range in ranges {
            assert!(range.address >= end);
            end = range.address + range.bytes.len() as u64;
        }
    }
}
