//! Graphs and JSON of 10⁵ objects.

use std::time::{Duration, Instant};

use kflat_report::graph::{Options, graph, svg};
use kflat_report::json::{self, json};

use crate::list::{COUNT, image};

#[test]
fn a_hundred_thousand_objects_are_quick_and_bounded() {
    let image = image();
    let start = Instant::now();
    let graph = graph(&image, &Options::default()).unwrap();
    assert!(graph.nodes.len() < 300);
    let mut drawing = Vec::new();
    svg(&graph, &mut drawing).unwrap();
    assert!(drawing.len() < 1 << 20);
    assert!(String::from_utf8(drawing).unwrap().contains("99992 more"));

    let mut out = Vec::new();
    json(&image, &json::Options::default(), &mut out).unwrap();
    let lines = out.iter().filter(|byte| **byte == b'\n').count() as u64;
    assert_eq!(lines, COUNT + 4, "image, root, head, nodes, end");
    // A debug build on a very busy machine; what is quadratic would take hours.
    assert!(
        start.elapsed() < Duration::from_secs(120),
        "{:?}",
        start.elapsed()
    );
}
