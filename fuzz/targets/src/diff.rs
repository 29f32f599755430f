//! Differences between two images.

use kflat_image::Image;
use kflat_report::diff::{self, Options, diff as compare};

use crate::checksums::mended;

/// Words of the second image that the input's last bytes change.
const CHANGES: usize = 4;

/// Compares an image with itself, and with one that differs in a few words, in both
/// directions.
///
/// # Panics
/// If an image differs from itself, or the output is longer than its limits allow.
pub fn diff(data: &[u8]) {
    let Ok(image) = Image::open(mended(data)) else {
        return;
    };
    let mut out = Vec::new();
    told(&image, &image, &mut out);
    assert!(out.is_empty(), "{}", String::from_utf8_lossy(&out));
    if let Ok(other) = Image::open(mended(&changed(data))) {
        told(&image, &other, &mut out);
        told(&other, &image, &mut out);
    }
    assert!(out.len() < 64 << 20, "{} bytes", out.len());
}

/// Each of the last words says which word is changed, and how.
fn changed(data: &[u8]) -> Vec<u8> {
    let mut bytes = data.to_vec();
    let words = bytes.len() / 8;
    for change in data.rchunks_exact(8).take(CHANGES) {
        let [place @ .., how, with] = change else {
            continue;
        };
        let place = place
            .iter()
            .fold(0usize, |sum, byte| sum << 8 | usize::from(*byte));
        if let Some(at) = place.checked_rem(words)
            && let Some(byte) = bytes.get_mut(8 * at + usize::from(how % 8))
        {
            *byte ^= with;
        }
    }
    bytes
}

fn told(old: &Image, new: &Image, out: &mut Vec<u8>) {
    let options = Options::default();
    compare(old, new, &options, &mut |change| {
        diff::text(change, false, out)?;
        diff::json::change(change, out)
    })
    .expect("a vector takes all");
}
