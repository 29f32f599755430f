//! Whether the loop by hand and the engine make the same image: both are opened as any
//! image is, and walked side by side.

use std::collections::BTreeMap;

use kflat_abi::image::{Fragment, Header};
use kflat_abi::record::Record;
use kflat_engine::verify;
use kflat_image::Image;

use crate::repetition::{Regions, by_engine};
use crate::shapes::{Data, Kind, Shape};
use crate::{by_hand, memory, programs};

fn images(shape: Shape) -> [Image; 2] {
    let data = Data::make(shape);
    let program = programs::of(shape);
    let program = verify(&program).expect("a program");
    let mut regions = Regions::new(shape);
    let total = by_engine(&program, &data, &mut regions)
        .expect("a capture")
        .total;
    let engine = regions
        .image(total)
        .iter()
        .flat_map(|word| word.to_le_bytes());
    let engine = engine.collect();
    let bytes = memory::bytes_of(&mut regions.by_hand);
    by_hand::capture(shape, &data, bytes);
    let size = Header::decode(bytes).expect("a header").image_size as usize;
    let hand = bytes.get(..size).expect("an image").to_vec();
    [hand, engine].map(|bytes| Image::open(bytes).expect("an image"))
}

/// How many fragments were compared.
fn compare(hand: &Image, engine: &Image) -> usize {
    let start = |image: &Image| {
        image
            .root_at(0)
            .and_then(|root| root.offset)
            .expect("a root")
    };
    let mut met = BTreeMap::new();
    let mut ahead = vec![[start(hand), start(engine)]];
    while let Some(place) = ahead.pop() {
        let [one, other] = place;
        if let Some(known) = met.insert(one, other) {
            assert_eq!(known, other, "what is shared is shared");
            continue;
        }
        let fragment = |image: &Image, offset| -> Fragment {
            let (_, fragment) = image.fragment(offset).expect("a fragment");
            assert_eq!(fragment.offset, offset, "objects touch no others");
            fragment
        };
        // The last bytes of one may be padding.
        let size = fragment(hand, one).size.min(fragment(engine, other).size);
        for at in (0..size).step_by(8) {
            let (one, other) = (one + at, other + at);
            match (hand.target(one), engine.target(other)) {
                (Some(one), Some(other)) => ahead.push([one, other]),
                (None, None) => {
                    let word = |image: &Image, at: u64| {
                        let (at, end) = (at as usize, at as usize + (size as usize).min(8));
                        image
                            .memory()
                            .get(at..end.min(image.memory().len()))
                            .map(<[u8]>::to_vec)
                    };
                    assert_eq!(word(hand, one), word(engine, other));
                }
                _ => panic!("a pointer in one image only"),
            }
        }
    }
    met.len()
}

#[test]
fn both_sides_make_the_same_image() {
    for (kind, count) in [
        (Kind::List, 1000),
        (Kind::Tree, 1000),
        (Kind::Pointers, 1000),
        (Kind::Strings, 1000),
        (Kind::Array, 1),
    ] {
        let shape = Shape { kind, count };
        let [hand, engine] = images(shape);
        assert_eq!(hand.pointers().len(), engine.pointers().len(), "{shape}");
        assert_eq!(hand.fragments().len(), engine.fragments().len(), "{shape}");
        let objects = Data::make(shape).objects;
        assert_eq!(compare(&hand, &engine), objects, "{shape}");
    }
}
