//! Draws a graph.

use std::io::{self, Write};

use super::dot::{HUES, lines};
use super::layout::{LINE, PADDING, Place, layout};
use super::{Edge, Graph, Role};

const STYLE: &str = "\
svg{background:#fff;font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace}\
.o rect{fill:hsl(var(--h) 70% 97%);stroke:hsl(var(--h) 45% 55%)}\
.r rect{fill:#30343b}.r text{fill:#fff}\
text{fill:#1c1e21}.n{font-weight:600}.a{fill:#6b7280}.m text{fill:#6b7280;font-style:italic}\
path{fill:none;stroke:#9aa1ab;stroke-width:1.2}.h{fill:#9aa1ab;stroke:none}\
.l{font-size:10px;fill:#5b6370;paint-order:stroke;stroke:#fff;stroke-width:3px}\
@media(prefers-color-scheme:dark){svg{background:#16181d}\
.o rect{fill:hsl(var(--h) 25% 17%);stroke:hsl(var(--h) 40% 50%)}\
.r rect{fill:#d7dae0}.r text{fill:#16181d}text{fill:#e4e6ea}.a,.m text{fill:#949ba6}\
path{stroke:#6b7280}.h{fill:#6b7280}.l{fill:#a8afba;stroke:#16181d}}";

/// Draws `graph` as SVG.
///
/// # Errors
/// Only those of `out`.
pub fn svg(graph: &Graph, out: &mut dyn Write) -> io::Result<()> {
    let layout = layout(graph);
    let (width, height) = (layout.width.ceil(), layout.height.ceil());
    writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\"><style>{STYLE}</style>\
         <defs><marker id=\"t\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" \
         markerHeight=\"7\" orient=\"auto\"><path class=\"h\" d=\"M0 0L8 4L0 8z\"/></marker></defs>"
    )?;
    let curves: Vec<Curve> = (graph.edges.iter())
        .map(|edge| Curve::of(graph, edge, &layout.places))
        .collect();
    for curve in &curves {
        curve.draw(out)?;
    }
    for (node, place) in graph.nodes.iter().zip(&layout.places) {
        let (class, hue) = match node.role {
            Role::Root => ("r", 0),
            Role::Object(_) => ("o", HUES[node.colour as usize % HUES.len()]),
            Role::More(_) => ("m", 0),
        };
        write!(
            out,
            "<g class=\"{class}\" style=\"--h:{hue}\" transform=\"translate({:.1} {:.1})\">",
            place.x, place.y
        )?;
        if class != "m" {
            write!(
                out,
                "<rect rx=\"6\" width=\"{:.1}\" height=\"{:.1}\"/>",
                place.width, place.height
            )?;
        }
        let count = lines(node).count();
        for (index, line) in lines(node).enumerate() {
            let class = match (index, node.address) {
                (0, _) => "n",
                (last, Some(_)) if last + 1 == count => "a",
                _ => "",
            };
            write!(
                out,
                "<text class=\"{class}\" x=\"{}\" y=\"{}\">{}</text>",
                PADDING + 2.0,
                PADDING + LINE * (index as f64 + 0.75),
                escaped(&line)
            )?;
        }
        writeln!(out, "</g>")?;
    }
    for (edge, curve) in graph.edges.iter().zip(&curves) {
        if !edge.label.is_empty() {
            curve.label(&edge.label, out)?;
        }
    }
    writeln!(out, "</svg>")
}

/// The way of an edge: a cubic Bézier curve between two heights.
struct Curve {
    /// Its points, from left to right or back.
    across: [f64; 4],
    down: [f64; 2],
}

impl Curve {
    fn of(graph: &Graph, edge: &Edge, places: &[Place]) -> Self {
        let (from, to) = (&places[edge.from], &places[edge.to]);
        let (start, end) = (graph.nodes[edge.from].depth, graph.nodes[edge.to].depth);
        // To the right; back to the left; or, within a column, around on the right.
        let (x1, x2, out, into) = if end > start {
            (from.x + from.width, to.x, 1.0, -1.0)
        } else if end < start {
            (from.x, to.x + to.width, -1.0, 1.0)
        } else {
            (from.x + from.width, to.x + to.width, 1.0, 1.0)
        };
        let bend = ((x2 - x1).abs() / 2.0).clamp(30.0, 160.0);
        Self {
            across: [x1, x1 + out * bend, x2 + into * bend, x2],
            down: [from, to].map(|place| place.y + place.height / 2.0),
        }
    }

    fn draw(&self, out: &mut dyn Write) -> io::Result<()> {
        let ([x1, c1, c2, x2], [y1, y2]) = (self.across, self.down);
        writeln!(
            out,
            "<path marker-end=\"url(#t)\" d=\"M{x1:.1} {y1:.1}C{c1:.1} {y1:.1} {c2:.1} {y2:.1} {x2:.1} {y2:.1}\"/>"
        )
    }

    fn label(&self, label: &str, out: &mut dyn Write) -> io::Result<()> {
        /// Characters that fit between columns.
        const LONGEST: usize = 18;
        let count = label.chars().count();
        let short: String = if count > LONGEST {
            let tail = label.chars().skip(count - LONGEST + 1);
            std::iter::once('…').chain(tail).collect()
        } else {
            label.to_owned()
        };
        let ([x1, c1, c2, x2], [y1, y2]) = (self.across, self.down);
        writeln!(
            out,
            "<text class=\"l\" text-anchor=\"middle\" x=\"{:.1}\" y=\"{:.1}\">{}<title>{}</title></text>",
            (x1 + 3.0 * c1 + 3.0 * c2 + x2) / 8.0,
            (y1 + y2) / 2.0 - 4.0,
            escaped(&short),
            escaped(label)
        )
    }
}

/// Text between tags.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}
