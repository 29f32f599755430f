//! What the fuzzers call: each target takes any bytes, and panics where the code
//! behind it does not keep what it promises. `fuzz/` hands them to libFuzzer;
//! `tests/corpus.rs` replays the corpora without it.

mod btf;
mod checksums;
mod diff;
mod engine;
mod export;
mod image;
mod load;
mod recipe;
mod records;
mod report;
mod show;

pub use btf::btf;
pub use diff::diff;
pub use engine::{FUNCTIONS, KERNEL, USER, engine};
pub use export::export;
pub use image::image;
pub use load::load;
pub use recipe::{made_up, recipe};
pub use records::records;
pub use report::report;
pub use show::show;

/// A target.
pub type Target = fn(&[u8]);

/// All targets, by the name of their corpus.
pub const TARGETS: [(&str, Target); 10] = [
    ("btf", btf),
    ("diff", diff),
    ("engine", engine),
    ("export", export),
    ("image", image),
    ("load", load),
    ("recipe", recipe),
    ("records", records),
    ("report", report),
    ("show", show),
];
