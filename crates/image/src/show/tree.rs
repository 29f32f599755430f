//! Shows typed values.

use std::collections::HashMap;

use kflat_abi::extension::NO_OBJECT;
use kflat_btf::{Kind, TypeId};

use super::printer::{Paint, Printer, Stop, clean, number, quoted};
use super::{Options, ShowError};
use crate::describe::reason;
use crate::typed::{Aim, Pointer, Shape, Typed, Value, root_name};

/// How deeply the view may nest, structures inside each other included.
const DEEPEST: usize = 96;

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
    /// Objects that are shown, and where, by offset, type and view.
    seen: HashMap<(u64, TypeId, Option<u32>), u32>,
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
        let found = typed.path(path)?;
        return Ok(match found.value {
            Some(value) => tree.selected(&value, path),
            None => tree.root(found.root.index),
        });
    }
    if let Some(name) = &options.type_name {
        return tree.objects_of(name);
    }
    Ok((0..typed.image().header().root_addr_count as usize).try_for_each(|index| tree.root(index)))
}

impl<'i> Tree<'_, 'i, '_> {
    fn root(&mut self, index: usize) -> Result<(), Stop> {
        let typed = self.typed;
        let Some(root) = typed.image().root_at(index) else {
            return Ok(());
        };
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

    /// The value that a path leads to.
    fn selected(&mut self, value: &Value, path: &str) -> Result<(), Stop> {
        let node = self.node(None, false, Segment::Text(path.to_owned()));
        self.seen.insert(key(value), node);
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
        self.seen.insert(key(&value), node);
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
                let to = match self.typed.btf().kind(self.typed.btf().resolve(value.of)) {
                    Kind::Pointer(to) => *to,
                    _ => TypeId::VOID,
                };
                self.pointer(&pointer, to, at)?;
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
        if let Some(elements) = self.typed.list(value) {
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
    fn members(&mut self, value: &Value, at: At, arrow: bool) -> Result<(), Stop> {
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
                Shape::Pointer(pointer) => self.mention(&pointer)?,
                _ => self.printer.put(Paint::Plain, "…"),
            }
        }
        self.printer.put(Paint::Plain, " }");
        Ok(())
    }

    /// A pointer, and what it leads to where that is to be followed.
    pub(super) fn pointer(
        &mut self,
        pointer: &Pointer<'i>,
        to: TypeId,
        at: At,
    ) -> Result<(), Stop> {
        let Pointer::Inside { aim: Some(aim), .. } = pointer else {
            return self.mention(pointer);
        };
        if aim.is_string {
            self.arrow_address(pointer, false);
            return self.string(aim);
        }
        let btf = self.typed.btf();
        let same = btf.resolve(to) == btf.resolve(aim.value.of) && aim.delta == 0;
        if !same && !aim.is_followed {
            return self.mention(pointer);
        }
        if self.seen.contains_key(&key(&aim.value)) {
            return self.mention(pointer);
        }
        self.arrow_address(pointer, true);
        if !same {
            self.whereabouts(aim)?;
        }
        let is_object = btf.composite(aim.value.of).is_some();
        if is_object && (at.depth >= self.options.depth || at.nesting >= DEEPEST) {
            self.printer.put(Paint::Plain, "{…}");
            return Ok(());
        }
        self.seen.insert(key(&aim.value), at.node);
        let at = At {
            depth: at.depth + 1,
            ..at
        };
        if aim.count != 1 || aim.value.of == TypeId::VOID {
            self.elements_of(aim, at)
        } else if is_object
            && self.typed.list(&aim.value).is_none()
            && !self.typed.is_link(aim.value.of)
        {
            self.printer.open()?;
            self.members(&aim.value, at, true)?;
            self.printer.close();
            Ok(())
        } else {
            let inner = At {
                nesting: at.nesting + 1,
                ..at
            };
            self.value(&aim.value, inner)
        }
    }

    /// `.mnt of struct mount `, for a pointer to something other than the start
    /// of what its type says.
    fn whereabouts(&mut self, aim: &Aim) -> Result<(), Stop> {
        if aim.value.of == TypeId::VOID {
            return Ok(());
        }
        let text = match u64::try_from(aim.delta) {
            Ok(0) => String::new(),
            Ok(delta) => {
                self.spend_on_members(aim.value.of)?;
                match self.typed.member_at(aim.value.of, delta) {
                    Some(path) => format!(".{path} of "),
                    None => format!("byte {delta} of "),
                }
            }
            Err(_) => format!("{} bytes before ", aim.delta.unsigned_abs()),
        };
        self.printer.put(Paint::Arrow, &clean(&text));
        let name = self.typed.btf().type_name(aim.value.of);
        self.printer.put(Paint::Type, &clean(&name));
        self.printer.put(Paint::Plain, " ");
        Ok(())
    }

    fn spend_on_members(&mut self, of: TypeId) -> Result<(), Stop> {
        let composite = self.typed.btf().composite(of);
        (self.printer).spend(composite.map_or(0, |c| c.members.len() as u64))
    }

    /// The arrow, and with `addresses` the original address.
    fn arrow_address(&mut self, pointer: &Pointer<'_>, arrow: bool) {
        if let Pointer::Inside { target, .. } = pointer
            && self.options.addresses
            && let Some(address) = self.typed.image().address(*target)
        {
            self.printer.put(Paint::Number, &format!("{address:#x} "));
        }
        if arrow {
            self.printer.put(Paint::Arrow, "→ ");
        }
    }

    /// A pointer that is not followed: where it leads, in a few words.
    fn mention(&mut self, pointer: &Pointer<'i>) -> Result<(), Stop> {
        match pointer {
            Pointer::Null => self.printer.put(Paint::Plain, "NULL"),
            Pointer::Function("") => self.printer.put(Paint::Note, "/* no symbol */ 0"),
            Pointer::Function(symbol) => self.printer.put(Paint::Symbol, &clean(symbol)),
            Pointer::Outside(address) => {
                self.printer.put(Paint::Number, &format!("{address:#x}"));
                if let Some(path) = (self.typed.offset_of(*address))
                    .and_then(|offset| self.typed.object_at(offset).map(|index| (offset, index)))
                    .and_then(|(offset, index)| self.known(index, offset))
                {
                    self.printer.note(&format!("see {}", clean(&path)));
                }
            }
            Pointer::Inside { target, aim: None } => {
                self.arrow_address(pointer, true);
                let text = format!("memory + {target:#x}");
                self.printer.put(Paint::Arrow, &text);
            }
            Pointer::Inside { aim: Some(aim), .. } => {
                self.arrow_address(pointer, true);
                match self.seen.get(&key(&aim.value)).copied() {
                    Some(node) => {
                        let text = format!("see {}", self.inside(node, aim)?);
                        self.printer.put(Paint::Arrow, &clean(&text));
                    }
                    None => {
                        self.whereabouts(aim)?;
                        self.printer.put(Paint::Plain, "{…}");
                    }
                }
            }
        }
        Ok(())
    }

    /// Where an object is shown, if it is.
    pub(super) fn shown(&self, value: &Value) -> Option<String> {
        self.seen.get(&key(value)).map(|node| self.path(*node))
    }

    /// Notes where an object is shown.
    pub(super) fn seen_here(&mut self, value: &Value, node: u32) {
        if value.view.is_some_and(|view| view.base == value.offset) {
            self.seen.entry(key(value)).or_insert(node);
        }
    }

    /// Where the object that begins at `offset` is shown, if it is.
    fn known(&self, index: u32, offset: u64) -> Option<String> {
        let (value, _) = self.typed.object(index)?;
        let node = *self.seen.get(&key(&value))?;
        (value.offset == offset).then(|| self.path(node))
    }

    /// The path of what a pointer into the object at `node` leads to.
    fn inside(&mut self, node: u32, aim: &Aim) -> Result<String, Stop> {
        let path = self.path(node);
        let Some(delta) = u64::try_from(aim.delta).ok().filter(|delta| *delta > 0) else {
            return Ok(path);
        };
        self.spend_on_members(aim.value.of)?;
        let size = self.typed.btf().size(aim.value.of).unwrap_or(1).max(1);
        let (index, rest) = (delta / size, delta % size);
        let member = self.typed.member_at(aim.value.of, rest);
        Ok(match (index, member) {
            (0, Some(member)) => format!("{path}->{member}"),
            (index, Some(member)) => format!("{path}[{index}].{member}"),
            (index, None) if rest == 0 => format!("{path}[{index}]"),
            _ => format!("{path} + {delta:#x}"),
        })
    }

    fn string(&mut self, aim: &Aim) -> Result<(), Stop> {
        let skip = u64::try_from(aim.delta).unwrap_or(0);
        let start = Value {
            offset: aim.value.offset.saturating_add(skip),
            ..aim.value
        };
        let length = start.end.saturating_sub(start.offset);
        self.printer.spend(length / 64)?;
        let bytes = self.typed.bytes(&start, length).unwrap_or(&[]);
        let end = bytes.iter().position(|byte| *byte == 0);
        let text = quoted(
            bytes.get(..end.unwrap_or(bytes.len())).unwrap_or(bytes),
            self.options.characters,
        );
        self.printer.put(Paint::Text, &text);
        if end.is_none() {
            self.printer.note("cut off");
        }
        Ok(())
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

    /// The path of a node.
    fn path(&self, node: u32) -> String {
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
fn key(value: &Value) -> (u64, TypeId, Option<u32>) {
    (value.offset, value.of, value.view.map(|view| view.index))
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
