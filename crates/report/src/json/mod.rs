//! A stream of JSON events, one a line: `doc/json.md` is its description.

mod event;
mod value;

use std::collections::HashMap;
use std::io::{self, Write};

use kflat_image::Image;
use kflat_image::typed::{Argument, Path, PathError, Typed};
use serde::Serialize;

use crate::model::{Links, Model, Node};
use event::Event;
pub(crate) use event::register_names;
use value::{Budget, Shown};

/// Version of the schema: raised when an event or a field changes its meaning.
/// New fields and events don't raise it.
pub const SCHEMA: u32 = 1;

/// What to write.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where to begin, as in `file->f_path.dentry`; the whole image without it.
    pub path: Option<String>,
    /// How many pointers to follow from there, or from the roots; all objects
    /// without it, and 4 from a path.
    pub depth: Option<usize>,
    /// How many elements of an array or list; all without it.
    pub elements: Option<usize>,
}

/// Why the stream ended early.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// The path leads nowhere.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A path was asked for, but there are no types.
    #[error(
        "the image has no types, which a path needs: it was not saved by `kflat capture` or \
         `kflat save`"
    )]
    NoTypes,
    /// The output can't be written.
    #[error("can't write the events")]
    Write(#[from] io::Error),
}

/// Writes the events of an image. What goes wrong is an `error` event too.
///
/// # Errors
/// If the path leads nowhere, or `out` fails.
pub fn json(image: &Image, options: &Options, out: &mut dyn Write) -> Result<(), JsonError> {
    let model = Model::of(image);
    let mut stream = Stream {
        out,
        model: &model,
        options,
        objects: 0,
        cut: false,
    };
    match stream.image() {
        Err(JsonError::Write(error)) => Err(error.into()),
        Err(error) => {
            self::error(&error.to_string(), stream.out)?;
            Err(error)
        }
        Ok(()) => Ok(()),
    }
}

/// Writes an `error` event: for what goes wrong before there is an image.
///
/// # Errors
/// Only those of `out`.
pub fn error(message: &str, out: &mut dyn Write) -> io::Result<()> {
    line(&Event::Error { message }, out)
}

fn line(event: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, event)?;
    out.write_all(b"\n")
}

struct Stream<'a, 'i, 'o> {
    out: &'o mut dyn Write,
    model: &'a Model<'i>,
    options: &'a Options,
    objects: u64,
    cut: bool,
}

/// Pointers that are followed from a path.
const DEPTH: usize = 4;

impl Stream<'_, '_, '_> {
    fn image(&mut self) -> Result<(), JsonError> {
        let model = self.model;
        let arguments = (model.typed.as_ref()).map_or_else(Vec::new, Typed::arguments);
        let path = self.options.path.as_deref();
        let asked = arguments.iter().find(|one| Some(one.name) == path);
        let start = match (path.filter(|_| asked.is_none()), &model.typed) {
            (None, _) => None,
            (Some(_), None) => return Err(JsonError::NoTypes),
            (Some(path), Some(typed)) => Some((path, typed, typed.path(path)?)),
        };
        line(&Event::image(model), self.out)?;
        for warning in model.image.warnings() {
            line(&Event::Warning { message: warning }, self.out)?;
        }
        if let Some(typed) = &model.typed {
            let told = |one: &&Argument<'_>| path.is_none() || Some(one.name) == path;
            for argument in arguments.iter().filter(told) {
                line(&Event::argument(model, typed, *argument), self.out)?;
            }
        }
        let links = model.links();
        let roots = model.roots();
        let chosen: Vec<u32> = match start {
            Some((path, typed, found)) => {
                let (first, from) = self.value(path, typed, &found)?;
                self.reachable(&links, first, from)
            }
            None if asked.is_some() => Vec::new(),
            None => {
                for (index, root) in roots.iter().enumerate() {
                    line(&Event::root(model, index, root), self.out)?;
                }
                match self.options.depth {
                    None => (0..).take(model.nodes.len()).collect(),
                    Some(0) => Vec::new(),
                    Some(_) => {
                        let first = roots.iter().filter_map(|root| root.object).collect();
                        self.reachable(&links, first, 1)
                    }
                }
            }
        };
        for index in chosen {
            self.object(index, &roots)?;
        }
        if self.options.path.is_none() {
            for diagnostic in model.diagnostics() {
                let place = (self.model.node(diagnostic.object))
                    .map(|_| model.path(diagnostic.object, &roots));
                line(&Event::diagnostic(model, diagnostic, place), self.out)?;
            }
        }
        let (objects, cut) = (self.objects, self.cut);
        Ok(line(&Event::End { objects, cut }, self.out)?)
    }

    /// The value that a path leads to; the objects that it leads to, and how many
    /// pointers away they are.
    fn value(
        &mut self,
        path: &str,
        typed: &Typed<'_>,
        found: &Path<'_>,
    ) -> Result<(Vec<u32>, usize), JsonError> {
        let Some(value) = found.value else {
            let (pointer, _) = typed.root(&found.root);
            return Ok((self.model.object_of(&pointer).into_iter().collect(), 0));
        };
        let size = typed.btf().size(value.of).unwrap_or(0);
        let budget = Budget::of(size, self.options.elements);
        let shown = Shown::new(self.model, typed, value, &budget);
        line(
            &Event::value(self.model, typed, path, &value, &shown),
            self.out,
        )?;
        self.cut |= budget.is_spent();
        let place = Node {
            offset: value.offset,
            end: value.offset.saturating_add(size).min(value.end),
            kind: 0,
            count: 1,
            parent: None,
            via: 0,
        };
        let links = self.model.links();
        Ok((targets(&links, &place), 1))
    }

    fn object(&mut self, index: u32, roots: &[crate::model::RootNode]) -> io::Result<()> {
        let Some(node) = self.model.node(index) else {
            return Ok(());
        };
        let budget = Budget::of(node.end.saturating_sub(node.offset), self.options.elements);
        let path = self.model.path(index, roots);
        line(
            &Event::object(self.model, index, node, &path, &budget),
            self.out,
        )?;
        self.objects += 1;
        self.cut |= budget.is_spent();
        Ok(())
    }

    /// What is no more than the wanted number of pointers away, nearest first;
    /// `first` is `from` pointers away.
    fn reachable(&self, links: &Links, first: Vec<u32>, from: usize) -> Vec<u32> {
        let depth = self.options.depth.unwrap_or(DEPTH);
        let mut found: HashMap<u32, ()> = HashMap::new();
        let mut order = Vec::new();
        let mut next = if from <= depth { first } else { Vec::new() };
        for step in from..=depth {
            let mut after = Vec::new();
            for index in next {
                if found.insert(index, ()).is_some() {
                    continue;
                }
                order.push(index);
                if let Some(node) = self.model.node(index).filter(|_| step < depth) {
                    after.extend(targets(links, node));
                }
            }
            if after.is_empty() {
                break;
            }
            next = after;
        }
        order
    }
}

/// The objects that pointers and lists in `node` lead to.
fn targets(links: &Links, node: &Node) -> Vec<u32> {
    let pointers = (links.inside(node).iter())
        .filter(|link| !link.is_chain)
        .filter_map(|link| link.object);
    let elements = (links.lists_in(node).iter())
        .flat_map(|list| &list.elements)
        .filter_map(|(_, object)| *object);
    pointers.chain(elements).collect()
}
