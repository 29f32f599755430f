//! Where the nodes of a graph go: a column for each step from the start, and in
//! it an order in which few edges cross.

use super::{Graph, Node, dot};

/// A rectangle, in pixels.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// All of them, and the size of the drawing.
pub(super) struct Layout {
    pub(super) places: Vec<Place>,
    pub(super) width: f64,
    pub(super) height: f64,
}

pub(super) const LINE: f64 = 16.0;
pub(super) const PADDING: f64 = 8.0;
const MARGIN: f64 = 24.0;
/// Between columns: room for the labels of edges.
const GAP_ACROSS: f64 = 110.0;
const GAP_DOWN: f64 = 14.0;
/// Of a character of the drawing's font.
const CHARACTER: f64 = 7.3;
/// Passes over all columns.
const SWEEPS: usize = 12;

pub(super) fn layout(graph: &Graph) -> Layout {
    let mut places: Vec<Place> = graph.nodes.iter().map(size).collect();
    let deepest = graph.nodes.iter().map(|node| node.depth).max().unwrap_or(0);
    let mut columns: Vec<Vec<usize>> = vec![Vec::new(); deepest + 1];
    for (index, node) in graph.nodes.iter().enumerate() {
        columns[node.depth].push(index);
    }
    let mut x = MARGIN;
    for column in &columns {
        let mut y = MARGIN;
        for index in column {
            places[*index].x = x;
            places[*index].y = y;
            y += places[*index].height + GAP_DOWN;
        }
        let width = column.iter().map(|index| places[*index].width);
        x += width.fold(0.0, f64::max) + GAP_ACROSS;
    }
    let mut neighbours: Vec<Vec<usize>> = vec![Vec::new(); graph.nodes.len()];
    for edge in &graph.edges {
        neighbours[edge.from].push(edge.to);
        neighbours[edge.to].push(edge.from);
    }
    for sweep in 0..SWEEPS {
        let forth: Vec<usize> = (0..columns.len()).collect();
        let order = if sweep % 2 == 0 {
            forth
        } else {
            forth.into_iter().rev().collect()
        };
        for column in order {
            settle(&mut columns[column], &mut places, &neighbours);
        }
    }
    let top = places.iter().map(|place| place.y).fold(f64::MAX, f64::min);
    for place in &mut places {
        place.y += MARGIN - top;
    }
    let bottom = (places.iter()).map(|place| place.y + place.height);
    Layout {
        height: bottom.fold(0.0, f64::max) + MARGIN,
        width: x - GAP_ACROSS + MARGIN,
        places,
    }
}

fn size(node: &Node) -> Place {
    let (mut longest, mut lines) = (0, 0);
    for line in dot::lines(node) {
        longest = longest.max(line.chars().count());
        lines += 1;
    }
    Place {
        width: longest as f64 * CHARACTER + 2.0 * PADDING + 6.0,
        height: f64::from(lines) * LINE + 2.0 * PADDING,
        ..Place::default()
    }
}

/// Moves each node of a column towards its neighbours, as far as the others allow.
fn settle(column: &mut [usize], places: &mut [Place], neighbours: &[Vec<usize>]) {
    let middle = |place: &Place| place.y + place.height / 2.0;
    let mut wanted: Vec<(f64, usize)> = (column.iter())
        .map(|index| {
            let around = &neighbours[*index];
            let sum: f64 = around.iter().map(|other| middle(&places[*other])).sum();
            let at = match around.len() {
                0 => middle(&places[*index]),
                count => sum / count as f64,
            };
            (at, *index)
        })
        .collect();
    wanted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut free = f64::MIN;
    let (mut shift, mut count) = (0.0, 0.0);
    for (slot, (at, index)) in column.iter_mut().zip(&wanted) {
        *slot = *index;
        let place = &mut places[*index];
        let top = at - place.height / 2.0;
        place.y = top.max(free);
        free = place.y + place.height + GAP_DOWN;
        shift += place.y - top;
        count += 1.0;
    }
    // What was pushed down is shared between all.
    if count > 0.0 {
        for index in column.iter() {
            places[*index].y -= shift / count;
        }
    }
}
