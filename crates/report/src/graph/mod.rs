//! The objects of an image, and what leads from one to the other.
//!
//! [`graph()`] selects a part of it that can be looked at; [`dot`] and [`svg`] write
//! it.

mod dot;
mod layout;
mod select;
mod svg;

use kflat_image::Image;
use kflat_image::typed::{PathError, Shape, Typed};

use crate::model::Model;

pub use dot::dot;
pub use svg::svg;

/// Which part of the graph.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to begin, as in `file->f_path.dentry`; all roots without it.
    pub root: Option<String>,
    /// How many pointers to follow from there.
    pub depth: usize,
    /// The most objects.
    pub objects: usize,
    /// The most objects that one array or list of pointers leads to.
    pub elements: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            root: None,
            depth: 4,
            objects: 200,
            elements: 8,
        }
    }
}

/// Why there is no graph.
#[derive(Debug, thiserror::Error)]
pub enum GraphError {
    /// The path leads nowhere.
    #[error(transparent)]
    Path(#[from] PathError),
    /// It leads to something that is no captured object.
    #[error("{path} leads to no captured object")]
    NoObject {
        /// The path.
        path: String,
    },
    /// A path was given, but there are no types.
    #[error(
        "the image has no types, which a path needs: it was not saved by `kflat capture` or \
         `kflat save`"
    )]
    NoTypes,
}

/// A part of the graph.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// What it is made of.
    pub nodes: Vec<Node>,
    /// What leads from where to where.
    pub edges: Vec<Edge>,
}

/// What a node stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A root of the image.
    Root,
    /// The object of that index.
    Object(u32),
    /// So many objects that are not part of this graph.
    More(u64),
}

/// A node.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it stands for.
    pub role: Role,
    /// A root's name, or an object's type.
    pub name: String,
    /// What the object is called in its own bytes.
    pub title: Option<String>,
    /// Where in the kernel it was.
    pub address: Option<u64>,
    /// Strings that it leads to: member and text.
    pub strings: Vec<(String, String)>,
    /// Steps from where the graph begins.
    pub depth: usize,
    /// The same for all objects of a type.
    pub colour: u32,
}

/// An edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// Index of the node that it begins at.
    pub from: usize,
    /// Index of the node that it leads to.
    pub to: usize,
    /// The members that lead there.
    pub label: String,
}

/// The part of an image's graph that `options` select: breadth first from the
/// roots, so that what is left out is what is farthest.
///
/// # Errors
/// If the path leads nowhere.
pub fn graph(image: &Image, options: &Options) -> Result<Graph, GraphError> {
    let model = Model::of(image);
    let start = match &options.root {
        None => None,
        Some(path) => Some(object_at(&model, path)?),
    };
    Ok(select::select(&model, start, options))
}

/// The object that a path leads to or into.
fn object_at(model: &Model<'_>, path: &str) -> Result<u32, GraphError> {
    let typed: &Typed<'_> = model.typed.as_ref().ok_or(GraphError::NoTypes)?;
    let found = typed.path(path)?;
    let object = match found.value {
        None => model.object_of(&typed.root(&found.root).0),
        Some(value) => match typed.shape(&value) {
            Shape::Pointer(pointer) => model.object_of(&pointer),
            _ => (model.object_of_value(&value)).or_else(|| model.object_around(value.offset)),
        },
    };
    object.ok_or_else(|| GraphError::NoObject {
        path: path.to_owned(),
    })
}
