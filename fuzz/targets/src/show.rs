//! Views for people.

use kflat_image::Image;
use kflat_image::describe::describe;
use kflat_image::show::{Options, show as view};

use crate::checksums::mended;

/// Paths into the images of the corpus.
pub(crate) const PATHS: [&str; 4] = [
    "file.f_path.dentry->d_name.name",
    "task.children[1]",
    "file.table[1]",
    "roots[0]",
];

/// Describes an image and shows all of it, and what some paths lead to.
///
/// # Panics
/// If the output is longer than its limits allow.
pub fn show(data: &[u8]) {
    let Ok(image) = Image::open(mended(data)) else {
        return;
    };
    let mut out = Vec::new();
    describe(&image, &mut out).expect("a vector takes all");
    let options = Options {
        lines: 500,
        depth: 16,
        ..Options::default()
    };
    // An image without types is shown by its bytes; a path needs them.
    let _ = view(&image, &options, &mut out);
    for (index, path) in PATHS.into_iter().enumerate() {
        let options = Options {
            path: Some(path.to_owned()),
            lines: 100,
            addresses: index % 2 == 0,
            zeros: index % 2 == 1,
            colour: index == 2,
            ..options.clone()
        };
        let _ = view(&image, &options, &mut out);
    }
    assert!(out.len() < 4 << 20, "{} bytes", out.len());
}
