//! What an image looks like to eyes and to other programs.
//!
//! - [`diff`]: what changed between two captures.
//! - [`graph`]: the objects and what leads from one to the other, as DOT and SVG.
//! - [`html`]: one page to explore an image with.
//! - [`json`]: a stream of JSON events.
//!
//! All are made from the same model of what each pointer leads to. As in the
//! reader, no bytes are trusted: names from images are escaped, and the work is
//! bounded by the size of the image.

#![forbid(unsafe_code)]

pub mod diff;
pub mod graph;
pub mod html;
pub mod json;
mod model;
