//! Shows typed values.

use std::collections::HashMap;

use kflat_abi::extension::NO_OBJECT;
use kflat_btf::TypeId;

use super::printer::{Paint, Printer, Stop, clean, number};
use super::{Options, ShowError};
use crate::describe::reason;
use crate::typed::{Aim, Argument, Pointer, Shape, Typed, Value, root_name};

/// How deeply the view may nest, structures inside each other included.
pub(super) const DEEPEST: usize = 96;

/// A place on the way from a root: paths are made of them when needed.
struct Node<'i> {
    parent: Option<u32>,
    /// Reached through a pointer.
    arrow: bool,
    name: Segment<'i>,
}

#[derive(Clone)]
pub(super) enum Segment<'i> {
    Text(String),
    Member(&'i str),
    Index(u64),
}

/// What objects are told apart by: offset, type, view, number of elements.
pub(super) type Key = (u64, TypeId, Option<u32>, u64);

/// Where a value is shown.
#[derive(Clone, Copy)]
pub(super) struct At {
    /// How it is reached.
    pub(super) node: u32,
    /// Pointers followed so far.
    pub(super) depth: usize,
    /// Braces around it.
    pub(super) nesting: usize,
}

pub(super) struct Tree<'a, 'i, 'o> {
    pub(super) typed: &'a Typed<'i>,
    pub(super) options: &'a Options,
    pub(super) printer: &'a mut Printer<'o>,
    nodes: Vec<Node<'i>>,
    /// Objects that are shown: at which node, and whether that is a pointer.
    pub(super) seen: HashMap<Key, (u32, bool)>,
}

/// Shows what `options` select.
pub(super) fn show(
    typed: &Typed<'_>,
    options: &Options,
    printer: &mut Printer<'_>,
) -> Result<Result<(), Stop>, ShowError> {
    let mut tree = Tree {
        typed,
        options,
        printer,
        nodes: Vec::new(),
        seen: HashMap::new(),
    };
    if let Some(path) = &options.path {
        if let Some(argument) = typed.arguments().iter().find(|one| one.name == path) {
            return Ok(tree.argument(argument));
        }
        let found = typed.path(path)?;
        return Ok(match found.value {
            Some(value) => tree.selected(&value, path),
            None => tree.root(found.root.index),
        });
    }
    if let Some(name) = &options.type_name {
        return tree.objects_of(name);
    }
    let roots = 0..typed.image().header().root_addr_count as usize;
    let arguments = typed.arguments();
    Ok((arguments.iter())
        .try_for_each(|argument| tree.argument(argument))
        .and_then(|()| roots.into_iter().try_for_each(|index| tree.root(index)))
        .and_then(|()| tree.kept()))
}

impl<'i> Tree<'_, 'i, '_> {
    fn root(&mut self, index: usize) -> Result<(), Stop> {
        let typed = self.typed;
        let Some(root) = typed.image().root_at(index) else {
            return Ok(());
        };
        if typed.is_idle(&root) && self.options.path.is_none() {
            return Ok(());
        }
        let (pointer, to) = typed.root(&root);
        let name = root_name(&root);
        let to = to.unwrap_or(TypeId::VOID);
        self.declare(to, &format!("*{name}"));
        let at = At {
            node: self.node(None, false, Segment::Text(name)),
            depth: 0,
            nesting: 0,
        };
        self.printer.put(Paint::Plain, " = ");
        self.pointer(&pointer, to, at)?;
        self.printer.put(Paint::Plain, ";");
        if root.offset.is_none()
            && let Some(diagnostic) = (typed.image().extension().iter())
                .flat_map(|extension| extension.diagnostics())
                .find(|diagnostic| {
                    diagnostic.object == NO_OBJECT && diagnostic.via as usize == index
                })
        {
            self.printer.note(reason(diagnostic.reason));
        }
        self.printer.end()
    }

    /// An argument that is no root.
    fn argument(&mut self, argument: &Argument<'i>) -> Result<(), Stop> {
        self.declare(argument.of, argument.name);
        self.printer.put(Paint::Plain, " = ");
        match self.typed.argument_shape(argument) {
            Shape::Pointer(pointer) => {
                let to = self.typed.pointee(argument.of);
                self.mention(&pointer, to)?;
            }
            shape => {
                let (paint, text) = scalar(&shape);
                self.printer.put(paint, &text);
            }
        }
        self.printer.put(Paint::Plain, ";");
        self.printer.end()
    }

    /// The value that a path leads to.
    fn selected(&mut self, value: &Value, path: &str) -> Result<(), Stop> {
        let node = self.node(None, false, Segment::Text(path.to_owned()));
        self.note_shown(value, 1, node, false);
        self.declare(value.of, path);
        let at = At {
            node,
            depth: 0,
            nesting: 0,
        };
        self.assigned(value, at)
    }

    /// All objects of a type.
    fn objects_of(&mut self, name: &str) -> Result<Result<(), Stop>, ShowError> {
        let (typed, program) = (self.typed, self.typed.program());
        let wanted = name.trim();
        let (types, ..) = program.counts();
        let is_wanted: Vec<bool> = (0..types)
            .map(|index| {
                let view = program.type_at(index).unwrap_or_default();
                program.string_at(view.name) == Some(wanted)
            })
            .collect();
        let objects = typed.image().extension().map_or(&[][..], |e| e.objects());
        let mut found = (0..).zip(objects).filter(|(_, object)| {
            let index = object.type_index as usize;
            is_wanted.get(index).copied().unwrap_or(false)
        });
        let mut some = found.next();
        if some.is_none() {
            const MOST: u32 = 20;
            let mut known: Vec<&str> = (0..types)
                .filter_map(|index| program.string_at(program.type_at(index)?.name))
                .collect();
            known.sort_unstable();
            known.dedup();
            known.truncate(MOST as usize);
            return Err(ShowError::Type {
                name: name.to_owned(),
                known: clean(&known.join(", ")),
            });
        }
        let mut result = Ok(());
        while let (Some((index, object)), Ok(())) = (some, &result) {
            let place = match typed.image().address(object.offset) {
                Some(address) => format!("*({wanted} *){address:#x}"),
                None => format!("*({wanted} *)(memory + {:#x})", object.offset),
            };
            result = self.one_object(index, place);
            some = found.next();
        }
        Ok(result)
    }

    fn one_object(&mut self, index: u32, place: String) -> Result<(), Stop> {
        let Some((value, count)) = self.typed.object(index) else {
            return Ok(());
        };
        self.printer.put(Paint::Name, &clean(&place));
        let node = self.node(None, false, Segment::Text(place));
        self.note_shown(&value, count, node, false);
        let at = At {
            node,
            depth: 0,
            nesting: 0,
        };
        self.printer.put(Paint::Plain, " = ");
        if count == 1 {
            self.value(&value, at)?;
        } else {
            let aim = Aim {
                value,
                count,
                delta: 0,
                is_string: false,
                is_followed: true,
            };
            self.elements_of(&aim, at)?;
        }
        self.printer.put(Paint::Plain, ";");
        self.printer.end()
    }

    /// Puts a declaration of `name`, type and name in their colours.
    pub(super) fn declare(&mut self, of: TypeId, name: &str) {
        const MARK: &str = "\u{1}";
        let stars = name.len() - name.trim_start_matches('*').len();
        let (stars, name) = name.split_at(stars);
        let text = (self.typed.btf()).declaration(of, &format!("{stars}{MARK}"));
        let (before, after) = text.split_once(MARK).unwrap_or((&text, ""));
        self.printer.put(Paint::Type, &clean(before));
        self.printer.put(Paint::Name, &clean(name));
        self.printer.put(Paint::Type, &clean(after));
    }

    /// ` = VALUE;`, and what there is to say about it.
    fn assigned(&mut self, value: &Value, at: At) -> Result<(), Stop> {
        self.printer.put(Paint::Plain, " = ");
        self.value(value, at)?;
        self.printer.put(Paint::Plain, ";");
        let size = self.typed.btf().size(value.of).unwrap_or(1);
        let is_small = self.typed.btf().composite(value.of).is_none();
        if is_small && self.typed.changed(value.offset, size) {
            self.printer.note("changed while it was captured");
        }
        self.printer.end()
    }

    pub(super) fn value(&mut self, value: &Value, at: At) -> Result<(), Stop> {
        self.printer.spend(1)?;
        match self.typed.shape(value) {
            Shape::Composite { .. } => self.composite(value, at)?,
            Shape::Array { element, count } => self.array(value, element, count, at)?,
            Shape::Pointer(pointer) => {
                self.pointer(&pointer, self.typed.pointee(value.of), at)?;
                if let Pointer::Outside(_) = pointer
                    && let Some(code) = self.typed.missing(value.offset)
                {
                    self.printer.note(reason(code));
                }
            }
            shape => {
                let (paint, text) = scalar(&shape);
                self.printer.put(paint, &text);
            }
        }
        Ok(())
    }

    fn composite(&mut self, value: &Value, at: At) -> Result<(), Stop> {
        if let Some(elements) = self.typed.contents(value) {
            return self.list(elements, at);
        }
        let size = self.typed.btf().size(value.of).unwrap_or(0);
        self.printer.spend(size / 64)?;
        if !self.options.zeros && self.is_zero(value, size) {
            self.printer.put(Paint::Number, "{ 0 }");
            return Ok(());
        }
        if at.nesting >= DEEPEST {
            self.printer.put(Paint::Plain, "{…}");
            return Ok(());
        }
        if self.typed.is_link(value.of) {
            return self.link(value);
        }
        self.printer.open()?;
        self.members(value, at, false)?;
        self.printer.close();
        Ok(())
    }

    /// The members; `arrow`: their holder was reached through a pointer.
    pub(super) fn members(&mut self, value: &Value, at: At, arrow: bool) -> Result<(), Stop> {
        let typed = self.typed;
        for member in typed.members(value) {
            let inner = At {
                nesting: at.nesting + 1,
                ..at
            };
            if member.name.is_empty() {
                self.unnamed(&member.value, inner, arrow)?;
                continue;
            }
            self.declare(member.value.of, member.name);
            if let Some(bits) = member.value.bits {
                let width = format!(" : {}", bits.count);
                self.printer.put(Paint::Type, &width);
            }
            let node = self.node(Some(at.node), arrow, Segment::Member(member.name));
            self.assigned(&member.value, At { node, ..inner })?;
        }
        Ok(())
    }

    /// A structure or union without a name: its members are its holder's.
    fn unnamed(&mut self, value: &Value, at: At, arrow: bool) -> Result<(), Stop> {
        // Padding is a bit field without a name.
        let Shape::Composite { is_union } = self.typed.shape(value) else {
            return Ok(());
        };
        if value.bits.is_some() || at.nesting >= DEEPEST {
            return Ok(());
        }
        let keyword = if is_union { "union " } else { "struct " };
        self.printer.put(Paint::Type, keyword);
        self.printer.open()?;
        self.members(value, at, arrow)?;
        self.printer.close();
        self.printer.put(Paint::Plain, ";");
        self.printer.end()
    }

    /// A `struct list_head` that heads no list of the recipe: only where it leads.
    fn link(&mut self, value: &Value) -> Result<(), Stop> {
        let typed = self.typed;
        self.printer.put(Paint::Plain, "{");
        for (position, member) in typed.members(value).take(2).enumerate() {
            let comma = if position == 0 { " " } else { ", " };
            self.printer.put(Paint::Plain, comma);
            self.printer.put(Paint::Name, &clean(member.name));
            self.printer.put(Paint::Plain, " = ");
            match typed.shape(&member.value) {
                Shape::Pointer(pointer) => {
                    let to = typed.pointee(member.value.of);
                    self.mention(&pointer, to)?;
                }
                _ => self.printer.put(Paint::Plain, "…"),
            }
        }
        self.printer.put(Paint::Plain, " }");
        Ok(())
    }

    /// Where an object is shown, if it is.
    pub(super) fn shown(&self, value: &Value, count: u64) -> Option<String> {
        let (node, _) = self.seen.get(&key(value, count))?;
        Some(self.path(*node))
    }

    /// Notes where an object is shown; `pointer`: the node is a pointer to it.
    pub(super) fn note_shown(&mut self, value: &Value, count: u64, node: u32, pointer: bool) {
        let place = self.seen.entry(key(value, count));
        place.or_insert((node, pointer));
    }

    /// Says that an object is shown elsewhere.
    pub(super) fn see(&mut self, path: &str) {
        let text = format!("→ see {}", clean(path));
        self.printer.put(Paint::Arrow, &text);
    }

    pub(super) fn is_zero(&self, value: &Value, size: u64) -> bool {
        size > 0
            && (self.typed.bytes(value, size))
                .is_some_and(|bytes| bytes.iter().all(|byte| *byte == 0))
            && !self.typed.image().has_words(value.offset, size)
    }

    pub(super) fn node(&mut self, parent: Option<u32>, arrow: bool, name: Segment<'i>) -> u32 {
        self.nodes.push(Node {
            parent,
            arrow,
            name,
        });
        self.nodes.len() as u32 - 1
    }

    /// Whether a node is on the way to another, or the same.
    pub(super) fn is_inside(&self, node: u32, outer: u32) -> bool {
        let mut next = Some(node);
        while let Some(at) = next.filter(|at| *at >= outer) {
            if at == outer {
                return true;
            }
            // Parents are noted before what is in them.
            next = self.nodes.get(at as usize).and_then(|node| node.parent);
        }
        false
    }

    /// The path of a node.
    pub(super) fn path(&self, node: u32) -> String {
        let mut way = Vec::new();
        let mut next = Some(node);
        while let Some(node) = next.and_then(|index| self.nodes.get(index as usize)) {
            way.push(node);
            next = node.parent;
        }
        let mut path = String::new();
        for node in way.into_iter().rev() {
            match &node.name {
                Segment::Text(text) => path.push_str(text),
                Segment::Index(index) => path.push_str(&format!("[{index}]")),
                Segment::Member(name) => {
                    path.push_str(if node.arrow { "->" } else { "." });
                    path.push_str(name);
                }
            }
        }
        path
    }
}

/// What tells objects apart that were shown.
pub(super) fn key(value: &Value, count: u64) -> Key {
    let view = value.view.map(|view| view.index);
    (value.offset, value.of, view, count)
}

/// Text of a value that holds no others.
pub(super) fn scalar(shape: &Shape<'_>) -> (Paint, String) {
    match shape {
        Shape::Number { value, signed, .. } => (Paint::Number, number(*value, *signed)),
        Shape::Bool(value) => (Paint::Number, value.to_string()),
        Shape::Char(value @ 0x20..=0x7e) => {
            let text = char::from(*value).escape_default();
            (Paint::Text, format!("'{text}'"))
        }
        Shape::Char(value) => (Paint::Number, value.to_string()),
        Shape::Enum { value, names } if names.is_empty() => {
            (Paint::Number, number(*value, *value < 0))
        }
        Shape::Enum { names, .. } => (Paint::Symbol, clean(&names.join(" | "))),
        Shape::Float(value) => (Paint::Number, value.to_string()),
        Shape::Missing => (Paint::Note, "/* not captured */".to_owned()),
        Shape::Bytes(size) => (Paint::Note, format!("/* {size} bytes of unknown type */")),
        Shape::Composite { .. } | Shape::Array { .. } | Shape::Pointer(_) => {
            (Paint::Plain, "{…}".to_owned())
        }
    }
}
