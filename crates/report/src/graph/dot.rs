//! Writes a graph in the language of Graphviz.

use std::io::{self, Write};

use super::{Graph, Node, Role};

/// Hues of types, in degrees; see the page's style sheet for the same.
pub(super) const HUES: [u32; 10] = [210, 25, 145, 275, 45, 330, 180, 0, 95, 240];

/// Writes `graph` as DOT.
///
/// # Errors
/// Only those of `out`.
pub fn dot(graph: &Graph, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "digraph image {{")?;
    writeln!(out, "  rankdir=LR;")?;
    writeln!(
        out,
        "  node [shape=box, style=\"rounded,filled\", fillcolor=white, fontname=\"sans-serif\", fontsize=11];"
    )?;
    writeln!(
        out,
        "  edge [fontname=\"sans-serif\", fontsize=9, color=\"#666666\", fontcolor=\"#444444\"];"
    )?;
    for (index, node) in graph.nodes.iter().enumerate() {
        let label = lines(node).map(|line| quoted(&line)).collect::<Vec<_>>();
        let look = match node.role {
            Role::Root => "shape=cds, fillcolor=\"#333333\", fontcolor=white".to_owned(),
            Role::More(_) => "shape=plaintext, style=\"\", fontcolor=\"#888888\"".to_owned(),
            Role::Object(_) => {
                let hue = f64::from(HUES[node.colour as usize % HUES.len()]) / 360.0;
                format!("fillcolor=\"{hue:.3} 0.12 0.99\", color=\"{hue:.3} 0.6 0.7\"")
            }
        };
        writeln!(out, "  n{index} [label=\"{}\", {look}];", label.join("\\n"))?;
    }
    for edge in &graph.edges {
        let (from, to, label) = (edge.from, edge.to, quoted(&edge.label));
        writeln!(out, "  n{from} -> n{to} [label=\"{label}\"];")?;
    }
    writeln!(out, "}}")
}

/// What is written in a node, a line each.
pub(super) fn lines(node: &Node) -> impl Iterator<Item = String> {
    let strings = (node.strings.iter()).map(|(member, text)| format!("{member} = \"{text}\""));
    let title = match (node.role, &node.title) {
        // A string that is shown with its member needs no title.
        (Role::Object(_), Some(title)) if !node.strings.iter().any(|(_, text)| text == title) => {
            Some(format!("“{title}”"))
        }
        (Role::Root, Some(why)) => Some(why.clone()),
        _ => None,
    };
    std::iter::once(node.name.clone())
        .chain(title)
        .chain(strings)
        .chain(node.address.map(|address| format!("{address:#x}")))
}

/// Text between the quotation marks of a DOT string.
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}
