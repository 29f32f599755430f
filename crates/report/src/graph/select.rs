//! Selects the part of the graph that is shown.

use std::collections::{HashMap, VecDeque};

use super::{Edge, Graph, Node, Options, Role};
use crate::model::{Links, Model, Places, Titles, cut, shown};

/// Strings of a node that are shown.
const MOST_STRINGS: usize = 4;
/// Members of one edge that are named.
const MOST_LABELS: usize = 3;

struct Selection<'m, 'i> {
    model: &'m Model<'i>,
    links: &'m Links,
    titles: Titles<'m, 'i>,
    places: Option<Places<'i>>,
    options: &'m Options,
    graph: Graph,
    /// The node of each object that is part of the graph.
    chosen: HashMap<u32, usize>,
    objects: usize,
    queue: VecDeque<(u32, usize)>,
}

/// What a member leads to.
struct Out {
    /// The member.
    label: String,
    /// The array or list that it is an element of.
    group: String,
    object: u32,
    is_string: bool,
}

pub(super) fn select(model: &Model<'_>, start: Option<u32>, options: &Options) -> Graph {
    let links = model.links();
    let mut selection = Selection {
        model,
        links: &links,
        titles: model.titles(),
        places: (model.typed.as_ref()).map(|typed| Places::new(typed.btf())),
        options,
        graph: Graph::default(),
        chosen: HashMap::new(),
        objects: 0,
        queue: VecDeque::new(),
    };
    match start {
        Some(object) => {
            selection.choose(object, 0);
        }
        None => selection.roots(),
    }
    while let Some((object, node)) = selection.queue.pop_front() {
        selection.expand(object, node);
    }
    selection.graph
}

impl Selection<'_, '_> {
    fn roots(&mut self) {
        for root in self.model.roots() {
            if self.graph.nodes.len() >= self.options.objects.max(1) {
                break;
            }
            let node = self.graph.nodes.len();
            self.graph.nodes.push(Node {
                role: Role::Root,
                name: shown(&root.name),
                title: (root.target.is_none()).then(|| root.reason.unwrap_or("NULL").to_owned()),
                address: None,
                strings: Vec::new(),
                depth: 0,
                colour: 0,
            });
            if let Some(object) = root.object
                && let Some(to) = self.choose(object, 1)
            {
                self.edge(node, to, String::new());
            }
        }
    }

    /// The node of an object; `None` if there are too many.
    fn choose(&mut self, object: u32, depth: usize) -> Option<usize> {
        if let Some(node) = self.chosen.get(&object) {
            return Some(*node);
        }
        if self.objects >= self.options.objects {
            return None;
        }
        let record = self.model.node(object)?;
        let kind = self.model.kind_of(object);
        let name = kind.map_or("bytes", |kind| &kind.name);
        let node = self.graph.nodes.len();
        self.graph.nodes.push(Node {
            role: Role::Object(object),
            name: match record.count {
                1 => name.to_owned(),
                count => format!("{name} × {count}"),
            },
            title: self.titles.get(object),
            address: self.model.image.address(record.offset),
            strings: Vec::new(),
            depth,
            colour: kind.map_or(0, |kind| kind.rank),
        });
        self.chosen.insert(object, node);
        self.objects += 1;
        self.queue.push_back((object, node));
        Some(node)
    }

    fn expand(&mut self, object: u32, node: usize) {
        let depth = self.graph.nodes[node].depth;
        let mut groups: HashMap<String, usize> = HashMap::new();
        let mut hidden = 0;
        for out in self.out(object) {
            if out.is_string {
                self.string(node, &out);
                continue;
            }
            let known = self.chosen.contains_key(&out.object);
            let seen = groups.entry(out.group).or_default();
            *seen += 1;
            let fits = known || (depth < self.options.depth && *seen <= self.options.elements);
            match fits.then(|| self.choose(out.object, depth + 1)).flatten() {
                Some(to) => self.edge(node, to, out.label),
                None => hidden += 1,
            }
        }
        if hidden > 0 {
            let more = self.graph.nodes.len();
            self.graph.nodes.push(Node {
                role: Role::More(hidden),
                name: format!("{hidden} more"),
                title: None,
                address: None,
                strings: Vec::new(),
                depth: depth + 1,
                colour: 0,
            });
            self.edge(node, more, String::new());
        }
    }

    /// What the members of an object lead to.
    fn out(&mut self, object: u32) -> Vec<Out> {
        let Some(node) = self.model.node(object) else {
            return Vec::new();
        };
        let mut out = Vec::new();
        for link in self.links.inside(node) {
            let (Some(to), false) = (link.object, link.is_chain) else {
                continue;
            };
            if link.source == Some(object) && to != object {
                let label = self.label(object, link.location);
                out.push(Out {
                    group: without_numbers(&label),
                    label,
                    object: to,
                    is_string: link.is_string,
                });
            }
        }
        for list in self.links.lists_in(node) {
            let name = self.label(object, list.head);
            let name = name.strip_suffix(".next").unwrap_or(&name);
            for (index, (_, element)) in list.elements.iter().enumerate() {
                if let Some(to) = element.filter(|to| *to != object) {
                    out.push(Out {
                        label: format!("{name}[{index}]"),
                        group: name.to_owned(),
                        object: to,
                        is_string: false,
                    });
                }
            }
        }
        out
    }

    /// The member of an object that lies at an offset.
    fn label(&mut self, object: u32, location: u64) -> String {
        let (Some(node), Some(kind)) = (self.model.node(object), self.model.kind_of(object)) else {
            return String::new();
        };
        let inside = location.saturating_sub(node.offset);
        let path = match &mut self.places {
            Some(places) => (places.at(kind.of, inside % kind.size).path).clone(),
            None => String::new(),
        };
        match (path.as_str(), node.count) {
            ("", _) => format!("+{inside:#x}"),
            (_, 1) => path,
            _ => format!("[{}].{path}", inside / kind.size),
        }
    }

    fn string(&mut self, node: usize, out: &Out) {
        let text = self.titles.get(out.object).unwrap_or_default();
        let strings = &mut self.graph.nodes[node].strings;
        if strings.len() < MOST_STRINGS {
            strings.push((out.label.clone(), cut(&text, 32)));
        }
    }

    /// Several pointers from one object to another are one edge.
    fn edge(&mut self, from: usize, to: usize, label: String) {
        let known = (self.graph.edges.iter_mut().rev())
            .take_while(|edge| edge.from == from)
            .find(|edge| edge.to == to);
        match known {
            None => self.graph.edges.push(Edge { from, to, label }),
            Some(edge) if edge.label.matches(", ").count() + 1 < MOST_LABELS => {
                edge.label = format!("{}, {label}", edge.label);
            }
            Some(edge) if !edge.label.ends_with('…') => edge.label.push_str(", …"),
            Some(_) => {}
        }
    }
}

/// `table[]` for `table[17]`.
fn without_numbers(label: &str) -> String {
    let mut inside = false;
    (label.chars())
        .filter(|character| {
            match character {
                '[' => inside = true,
                ']' => inside = false,
                _ => return !inside,
            }
            true
        })
        .collect()
}
