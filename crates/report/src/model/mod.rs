//! Objects, where their pointers lead, and what to call them.

mod links;
mod place;
mod text;
mod title;

use std::collections::HashMap;

use kflat_btf::TypeId;
use kflat_image::Image;
use kflat_image::abi::extension::{Diagnostic, NO_OBJECT};
use kflat_image::describe::reason;
use kflat_image::typed::{Aim, Pointer, Typed, Value};

pub(crate) use links::Links;
pub(crate) use place::Places;
pub(crate) use text::{cut, shown};
pub(crate) use title::Titles;

/// An object of an image. In an image without types each fragment is one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    /// Its first byte.
    pub(crate) offset: u64,
    /// The byte behind it.
    pub(crate) end: u64,
    /// Its type, an index into [`Model::kinds`].
    pub(crate) kind: u32,
    /// How many elements.
    pub(crate) count: u32,
    /// What led to it: an object and the program's action, or a root.
    pub(crate) parent: Option<u32>,
    pub(crate) via: u32,
}

/// A type that objects have.
#[derive(Clone, Debug)]
pub(crate) struct ObjectKind {
    /// As C writes it, fit for people.
    pub(crate) name: String,
    /// In the BTF.
    pub(crate) of: TypeId,
    /// Bytes of an element.
    pub(crate) size: u64,
    /// Its rank by the number of objects; equal for kinds of one name.
    pub(crate) rank: u32,
}

/// A root, and the object that it leads to.
#[derive(Clone, Debug)]
pub(crate) struct RootNode {
    /// Its name, or `roots[3]`.
    pub(crate) name: String,
    /// The type that it leads to.
    pub(crate) to: Option<TypeId>,
    /// Where it leads.
    pub(crate) target: Option<u64>,
    /// The object there.
    pub(crate) object: Option<u32>,
    /// Why there is none.
    pub(crate) reason: Option<&'static str>,
}

/// An image seen as objects.
pub(crate) struct Model<'i> {
    pub(crate) image: &'i Image,
    pub(crate) typed: Option<Typed<'i>>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) kinds: Vec<ObjectKind>,
    /// The object of an offset and kind, the largest of several.
    found: HashMap<(u64, u32), u32>,
}

impl<'i> Model<'i> {
    pub(crate) fn of(image: &'i Image) -> Self {
        let typed = Typed::new(image);
        let (nodes, kinds) = match &typed {
            Some(typed) => objects(typed),
            None => fragments(image),
        };
        let kinds = ranked(kinds, &nodes);
        let mut found: HashMap<(u64, u32), u32> = HashMap::new();
        for (index, node) in (0..).zip(&nodes) {
            let best = found.entry((node.offset, node.kind)).or_insert(index);
            if nodes[*best as usize].count < node.count {
                *best = index;
            }
        }
        Self {
            image,
            typed,
            nodes,
            kinds,
            found,
        }
    }

    /// The object that a pointer leads to.
    pub(crate) fn object_of(&self, pointer: &Pointer<'_>) -> Option<u32> {
        match pointer {
            Pointer::Inside { aim: Some(aim), .. } => self.object_of_aim(aim),
            Pointer::Inside { target, aim: None } => self.object_around(*target),
            _ => None,
        }
    }

    fn object_of_aim(&self, aim: &Aim) -> Option<u32> {
        let Some(view) = aim.value.view else {
            return self.object_around(aim.value.offset);
        };
        self.found.get(&(aim.value.offset, view.index)).copied()
    }

    /// The object that an element of a list is, or is in.
    pub(crate) fn object_of_value(&self, value: &Value) -> Option<u32> {
        let view = value.view?;
        let found = self.found.get(&(value.offset, view.index)).copied();
        found.or_else(|| self.object_around(value.offset))
    }

    /// An object that the byte at `offset` is in.
    pub(crate) fn object_around(&self, offset: u64) -> Option<u32> {
        match &self.typed {
            Some(typed) => typed.object_at(offset),
            None => u32::try_from(self.image.fragment(offset)?.0).ok(),
        }
    }

    pub(crate) fn node(&self, index: u32) -> Option<&Node> {
        self.nodes.get(index as usize)
    }

    /// The kind of an object.
    pub(crate) fn kind_of(&self, index: u32) -> Option<&ObjectKind> {
        self.kinds.get(self.node(index)?.kind as usize)
    }

    /// What leads from where to where.
    pub(crate) fn links(&self) -> Links {
        Links::of(self)
    }

    /// What each object is called, in its own bytes: a file's name, a task's
    /// command.
    pub(crate) fn titles(&self) -> Titles<'_, 'i> {
        Titles::of(self)
    }

    pub(crate) fn roots(&self) -> Vec<RootNode> {
        let all = self.diagnostics();
        (self.image.roots())
            .map(|root| {
                let (pointer, to) = match &self.typed {
                    Some(typed) => typed.root(&root),
                    None => {
                        let pointer = root.offset.map_or(Pointer::Null, |target| Pointer::Inside {
                            target,
                            aim: None,
                        });
                        (pointer, None)
                    }
                };
                let why = all.iter().find(|diagnostic| {
                    diagnostic.object == NO_OBJECT && diagnostic.via as usize == root.index
                });
                RootNode {
                    name: match root.name {
                        Some(name) if !name.is_empty() => name.to_owned(),
                        _ => format!("roots[{}]", root.index),
                    },
                    to,
                    target: root.offset,
                    object: self.object_of(&pointer),
                    reason: (root.offset.is_none())
                        .then_some(why)
                        .flatten()
                        .map(|diagnostic| reason(diagnostic.reason)),
                }
            })
            .collect()
    }

    pub(crate) fn diagnostics(&self) -> &'i [Diagnostic] {
        (self.image.extension()).map_or(&[], |extension| extension.diagnostics())
    }

    /// The memory, with the pointers' original values where these are known.
    pub(crate) fn original(&self) -> Vec<u8> {
        let image = self.image;
        let mut memory = image.memory().to_vec();
        for location in image.pointers() {
            let address = image.target(location).and_then(|at| image.address(at));
            let word = usize::try_from(location).unwrap_or(usize::MAX);
            let word = memory.get_mut(word..word.saturating_add(8));
            if let (Some(address), Some(word)) = (address, word) {
                word.copy_from_slice(&address.to_le_bytes());
            }
        }
        memory
    }

    /// The member that led to an object: `f_path.dentry`; empty for elements and
    /// roots.
    pub(crate) fn via(&self, node: &Node) -> &str {
        let (Some(typed), Some(_)) = (&self.typed, node.parent) else {
            return "";
        };
        let action = typed.program().action_at(node.via);
        action
            .and_then(|action| typed.program().string_at(action.path))
            .unwrap_or("")
    }

    /// How an object was reached: `file->f_path.dentry->d_parent`. Of a long path
    /// the end.
    pub(crate) fn path(&self, index: u32, roots: &[RootNode]) -> String {
        const LONGEST: usize = 24;
        let (mut steps, mut at) = (Vec::new(), Some(index));
        while let Some(node) = at.and_then(|index| self.node(index)) {
            if steps.len() == LONGEST {
                steps.push("…".to_owned());
                break;
            }
            if node.parent.is_none() {
                let root = roots.get(node.via as usize);
                steps.push(root.map_or_else(|| "?".to_owned(), |root| shown(&root.name)));
                break;
            }
            steps.push(match self.via(node) {
                "" => "[]".to_owned(),
                path => format!("->{}", shown(path)),
            });
            at = node.parent;
        }
        steps.reverse();
        steps.concat()
    }
}

fn objects(typed: &Typed<'_>) -> (Vec<Node>, Vec<ObjectKind>) {
    let program = typed.program();
    let (types, ..) = program.counts();
    let kinds = (0..types)
        .filter_map(|index| program.type_at(index))
        .map(|view| ObjectKind {
            name: match program.string_at(view.name).unwrap_or("") {
                "" | "void" => "bytes".to_owned(),
                name => shown(name),
            },
            of: TypeId(view.btf_id),
            size: u64::from(view.size).max(1),
            rank: 0,
        })
        .collect();
    let objects = (typed.image().extension()).map_or(&[][..], |extension| extension.objects());
    let nodes = (objects.iter())
        .map(|object| {
            let size = program.object_size(object.type_index, object.count);
            let parent = object.parent;
            Node {
                offset: object.offset,
                end: (object.offset).saturating_add(size),
                kind: object.type_index,
                count: object.count,
                parent: ((parent as usize) < objects.len()).then_some(parent),
                via: object.via,
            }
        })
        .collect();
    (nodes, kinds)
}

/// Gives each kind its rank.
fn ranked(mut kinds: Vec<ObjectKind>, nodes: &[Node]) -> Vec<ObjectKind> {
    let mut counts: HashMap<String, u64> = HashMap::new();
    for node in nodes {
        if let Some(kind) = kinds.get(node.kind as usize) {
            *counts.entry(kind.name.clone()).or_default() += 1;
        }
    }
    let mut order: Vec<(String, u64)> = counts.into_iter().collect();
    order.sort_by(|a, b| (b.1, &a.0).cmp(&(a.1, &b.0)));
    let ranks: HashMap<&str, u32> = (order.iter())
        .map(|(name, _)| name.as_str())
        .zip(0..)
        .collect();
    for kind in &mut kinds {
        kind.rank = ranks.get(kind.name.as_str()).copied().unwrap_or(u32::MAX);
    }
    kinds
}

fn fragments(image: &Image) -> (Vec<Node>, Vec<ObjectKind>) {
    let kinds = vec![ObjectKind {
        name: "bytes".to_owned(),
        of: TypeId::VOID,
        size: 1,
        rank: 0,
    }];
    let nodes = (image.fragments())
        .map(|fragment| Node {
            offset: fragment.offset,
            end: fragment.offset.saturating_add(fragment.size),
            kind: 0,
            count: u32::try_from(fragment.size).unwrap_or(u32::MAX),
            parent: None,
            via: u32::MAX,
        })
        .collect();
    (nodes, kinds)
}
