//! Graphs, JSON and pages.

use kflat_image::Image;
use kflat_report::graph::{self, dot, svg};
use kflat_report::html::html;
use kflat_report::json::{self, json};

use crate::checksums::mended;
use crate::show::PATHS;

/// Draws an image and streams it.
///
/// # Panics
/// If the output is longer than its limits allow.
pub fn report(data: &[u8]) {
    let Ok(image) = Image::open(mended(data)) else {
        return;
    };
    let mut out = Vec::new();
    if let Ok(graph) = graph::graph(&image, &graph::Options::default()) {
        dot(&graph, &mut out).expect("a vector takes all");
        svg(&graph, &mut out).expect("a vector takes all");
    }
    let _ = json(&image, &json::Options::default(), &mut out);
    let _ = html(&image, "any.img", &mut out);
    for path in PATHS {
        let options = json::Options {
            path: Some(path.to_owned()),
            ..json::Options::default()
        };
        let _ = json(&image, &options, &mut out);
    }
    assert!(out.len() < 64 << 20, "{} bytes", out.len());
}
