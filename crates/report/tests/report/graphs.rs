//! The object graph.

use kflat_report::graph::{Graph, GraphError, Options, Role, dot, graph, svg};

use crate::kernel::image;

fn written(graph: &Graph) -> (String, String) {
    let (mut text, mut drawing) = (Vec::new(), Vec::new());
    dot(graph, &mut text).unwrap();
    svg(graph, &mut drawing).unwrap();
    (
        String::from_utf8(text).unwrap(),
        String::from_utf8(drawing).unwrap(),
    )
}

fn has_edge(graph: &Graph, from: &str, to: &str, label: &str) -> bool {
    graph.edges.iter().any(|edge| {
        let (start, end) = (&graph.nodes[edge.from], &graph.nodes[edge.to]);
        start.name == from && end.name.starts_with(to) && edge.label.contains(label)
    })
}

#[test]
fn members_lead_from_object_to_object() {
    let graph = graph(&image(), &Options::default()).unwrap();
    assert!(has_edge(&graph, "file", "struct file", ""));
    assert!(has_edge(
        &graph,
        "struct file",
        "struct mount",
        "f_path.mnt"
    ));
    assert!(has_edge(
        &graph,
        "struct file",
        "struct dentry",
        "f_path.dentry"
    ));
    assert!(has_edge(
        &graph,
        "struct task",
        "struct task",
        "children[1]"
    ));
    // The list's own links are not drawn beside it.
    assert!(
        !graph
            .edges
            .iter()
            .any(|edge| edge.label.contains("sibling"))
    );
    let dentry = (graph.nodes.iter()).find(|node| !node.strings.is_empty());
    assert!(
        dentry
            .unwrap()
            .strings
            .iter()
            .any(|(_, text)| text == "hostname"),
        "{dentry:?}"
    );
    let (text, drawing) = written(&graph);
    assert!(text.starts_with("digraph") && text.contains("f_path.dentry"));
    assert!(drawing.contains("hostname") && drawing.ends_with("</svg>\n"));
}

#[test]
fn a_path_selects_where_to_begin() {
    let options = |root: &str, depth| Options {
        root: Some(root.to_owned()),
        depth,
        ..Options::default()
    };
    let from = |root: &str, depth| graph(&image(), &options(root, depth));
    let alone = from("task.children[0]", 0).unwrap();
    let objects = (alone.nodes.iter()).filter(|node| matches!(node.role, Role::Object(_)));
    assert_eq!(objects.count(), 1);
    let dentry = from("file.f_path.dentry", 4).unwrap();
    assert!(dentry.nodes[0].name.starts_with("struct dentry"));
    assert!(!dentry.nodes.iter().any(|node| node.name == "struct task"));
    assert!(matches!(from("nothing.at", 1), Err(GraphError::Path(_))));
}

#[test]
fn what_does_not_fit_is_counted() {
    let options = Options {
        objects: 2,
        ..Options::default()
    };
    let graph = graph(&image(), &options).unwrap();
    let hidden = graph.nodes.iter().map(|node| match node.role {
        Role::More(count) => count,
        _ => 0,
    });
    assert!(hidden.sum::<u64>() > 0);
    let objects = (graph.nodes.iter()).filter(|node| matches!(node.role, Role::Object(_)));
    assert_eq!(objects.count(), 2);
}

#[test]
fn names_are_escaped() {
    let mut graph = graph(&image(), &Options::default()).unwrap();
    graph.nodes[0].name = "</text><script>\"\\".to_owned();
    graph.edges[0].label = "a\"b<c".to_owned();
    let (text, drawing) = written(&graph);
    assert!(text.contains(r#"</text><script>\"\\"#) && text.contains(r#"a\"b<c"#));
    assert!(!drawing.contains("<script>") && drawing.contains("&lt;script&gt;"));
    assert!(drawing.contains("a&quot;b&lt;c"));
}
