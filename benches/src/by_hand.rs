//! What somebody would write who knows the shape, how much there is of it, and
//! that no object is reached twice: one pass, no table, no sort, no checks of
//! memory.

use crate::image::Image;
use crate::memory::{copy, text, word};
use crate::shapes::{Data, Kind, NODE, SMALL, Shape};

/// Writes an image of `data` to `area`.
pub(crate) fn capture(shape: Shape, data: &Data, area: &mut [u8]) {
    match shape.kind {
        Kind::List => list(data, area),
        Kind::Tree => tree(data, area),
        Kind::Pointers => pointers(shape.count, data, area),
        Kind::Strings => strings(shape.count, data, area),
        Kind::Array => {
            let mut image = Image::new(area, 0, 1, data.bytes);
            copy(data.root, image.memory);
            image.fragment(0, data.bytes);
        }
    }
}

fn list(data: &Data, area: &mut [u8]) {
    let mut image = Image::new(area, data.objects - 1, data.objects, data.bytes);
    let (mut node, mut at) = (data.root, 0);
    loop {
        copy(node, &mut image.memory[at..at + NODE]);
        image.fragment(at, NODE);
        node = word(node);
        if node == 0 {
            return;
        }
        image.pointer(at, at + NODE);
        at += NODE;
    }
}

/// Breadth first: a node's place is known when its parent is written, and the
/// image's own memory is the queue: it holds the addresses still to go to.
fn tree(data: &Data, area: &mut [u8]) {
    let mut image = Image::new(area, data.objects - 1, data.objects, data.bytes);
    image.memory[..8].copy_from_slice(&data.root.to_le_bytes());
    let (mut at, mut end) = (0, NODE);
    while at < end {
        let queued = image.memory[at..at + 8].try_into().expect("8 bytes");
        let node = u64::from_le_bytes(queued);
        copy(node, &mut image.memory[at..at + NODE]);
        image.fragment(at, NODE);
        for side in [0, 8] {
            let child = word(node + side as u64);
            if child != 0 {
                image.memory[end..end + 8].copy_from_slice(&child.to_le_bytes());
                image.pointer(at + side, end);
                end += NODE;
            }
        }
        at += NODE;
    }
}

fn pointers(count: usize, data: &Data, area: &mut [u8]) {
    let mut image = Image::new(area, count, count + 1, data.bytes);
    image.fragment(0, count * 8);
    let mut at = count * 8;
    for index in 0..count {
        let target = word(data.root + index as u64 * 8);
        copy(target, &mut image.memory[at..at + SMALL]);
        image.pointer(index * 8, at);
        image.fragment(at, SMALL);
        at += SMALL;
    }
}

fn strings(count: usize, data: &Data, area: &mut [u8]) {
    // Each string begins at a multiple of 8, as it did.
    let mut image = Image::new(area, count, count + 1, data.bytes + count * 8);
    image.fragment(0, count * 8);
    let mut at = count * 8;
    for index in 0..count {
        let string = text(word(data.root + index as u64 * 8));
        let size = string.len().next_multiple_of(8);
        image.memory[at + size - 8..at + size].fill(0);
        image.memory[at..at + string.len()].copy_from_slice(string);
        image.pointer(index * 8, at);
        image.fragment(at, size);
        at += size;
    }
}
