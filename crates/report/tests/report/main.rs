//! Graphs and JSON of images.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "../../../image/tests/image/kernel.rs"]
mod kernel;

mod damaged;
mod differences;
mod graphs;
mod hostile;
mod large;
mod list;
mod streams;
