//! Values, written as they are met: an object of any size needs no memory.

use std::cell::Cell;
use std::fmt::Write as _;

use kflat_btf::{Kind, TypeId};
use kflat_image::describe::reason;
use kflat_image::typed::{Argument, Pointer, Shape, Typed, Value, View};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use super::event::hex;
use crate::model::{Model, Node};

/// How much may still be written for an event. Structures that lie in each other
/// unfold to no more than their bytes allow, unless the types are damaged.
pub(super) struct Budget {
    values: Cell<u64>,
    elements: u64,
    spent: Cell<bool>,
}

/// How deeply values may nest.
const DEEPEST: usize = 48;
/// The largest number, and with a minus the smallest, that a JSON reader keeps.
const EXACT: i128 = (1 << 53) - 1;

impl Budget {
    /// For a value of `size` bytes.
    pub(super) fn of(size: u64, elements: Option<usize>) -> Self {
        Self {
            values: Cell::new(size.saturating_mul(16).saturating_add(1 << 10)),
            elements: elements.map_or(u64::MAX, |elements| elements as u64),
            spent: Cell::new(false),
        }
    }

    pub(super) fn is_spent(&self) -> bool {
        self.spent.get()
    }

    /// Whether nothing more may be written; the rest of what is open is left out.
    fn is_exhausted(&self) -> bool {
        self.values.get() == 0
    }

    fn spend(&self) -> bool {
        match self.values.get().checked_sub(1) {
            Some(rest) => {
                self.values.set(rest);
                true
            }
            None => {
                self.spent.set(true);
                false
            }
        }
    }

    /// How many of `count` elements are written.
    fn most(&self, count: u64) -> u64 {
        if count > self.elements {
            self.spent.set(true);
        }
        count.min(self.elements)
    }
}

/// A value as JSON.
pub(super) struct Shown<'a, 'i> {
    model: &'a Model<'i>,
    typed: &'a Typed<'i>,
    value: Value,
    budget: &'a Budget,
    depth: usize,
}

impl<'a, 'i> Shown<'a, 'i> {
    pub(super) fn new(
        model: &'a Model<'i>,
        typed: &'a Typed<'i>,
        value: Value,
        budget: &'a Budget,
    ) -> Self {
        Self {
            model,
            typed,
            value,
            budget,
            depth: 0,
        }
    }

    fn inner(&self, value: Value) -> Self {
        Self {
            value,
            depth: self.depth + 1,
            ..*self
        }
    }
}

impl Serialize for Shown<'_, '_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        if !self.budget.spend() || self.depth > DEEPEST {
            self.budget.spent.set(true);
            return tagged(out, "cut", &true);
        }
        match self.typed.shape(&self.value) {
            Shape::Composite { .. } => match self.list(out)? {
                Ok(done) => Ok(done),
                Err(out) => {
                    let mut map = out.serialize_map(None)?;
                    self.members(&mut map)?;
                    map.end()
                }
            },
            Shape::Array { element, count } => self.array(element, count, out),
            Shape::Pointer(pointer) => self.pointer(&pointer, out),
            Shape::Bytes(size) => self.bytes(size, out),
            shape => scalar(&shape, out),
        }
    }
}

/// An argument in a register.
pub(super) struct ArgumentValue<'a, 'i> {
    pub(super) model: &'a Model<'i>,
    pub(super) typed: &'a Typed<'i>,
    pub(super) argument: Argument<'i>,
}

impl Serialize for ArgumentValue<'_, '_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        match self.typed.argument_shape(&self.argument) {
            Shape::Pointer(Pointer::Null) => out.serialize_unit(),
            Shape::Pointer(Pointer::Outside(address)) => {
                let mut map = out.serialize_map(None)?;
                outside(self.model, self.typed, address, &mut map)?;
                map.end()
            }
            shape => scalar(&shape, out),
        }
    }
}

/// A value that has no parts.
fn scalar<S: Serializer>(shape: &Shape<'_>, out: S) -> Result<S::Ok, S::Error> {
    match shape {
        Shape::Number { value, .. } => number(*value, out),
        Shape::Bool(value) => out.serialize_bool(*value),
        Shape::Char(value) => out.serialize_u8(*value),
        Shape::Enum { value, names } => {
            let mut map = out.serialize_map(Some(2))?;
            let name = (!names.is_empty()).then(|| names.join(" | "));
            map.serialize_entry("enum", &name)?;
            map.serialize_entry("value", &Number(*value))?;
            map.end()
        }
        Shape::Float(value) if value.is_finite() => out.serialize_f64(*value),
        Shape::Float(value) => tagged(out, "float", &value.to_string()),
        _ => tagged(out, "missing", &true),
    }
}

/// An address that no pointer of the image has; what was captured of it on another
/// way.
fn outside<M: SerializeMap>(
    model: &Model<'_>,
    typed: &Typed<'_>,
    address: u64,
    map: &mut M,
) -> Result<(), M::Error> {
    map.serialize_entry("address", &hex(address))?;
    if let Some(offset) = typed.offset_of(address) {
        map.serialize_entry("offset", &offset)?;
        map.serialize_entry("object", &model.object_around(offset))?;
    }
    Ok(())
}

impl Shown<'_, '_> {
    /// Writes the members; those of unnamed structures are their holder's.
    fn members<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        for member in self.typed.members(&self.value) {
            if self.budget.is_exhausted() {
                return map.serialize_entry("cut", &true);
            }
            let inner = self.inner(member.value);
            if !member.name.is_empty() {
                map.serialize_entry(member.name, &inner)?;
            } else if member.value.bits.is_none() && inner.depth <= DEEPEST && self.budget.spend() {
                inner.members(map)?;
            }
        }
        Ok(())
    }

    /// Writes the list that the value is the head of; gives `out` back if it is
    /// none.
    fn list<S: Serializer>(&self, out: S) -> Result<Result<S::Ok, S>, S::Error> {
        let Some(mut elements) = self.typed.list(&self.value) else {
            return Ok(Err(out));
        };
        let mut objects = Vec::new();
        while let Some(element) = self.typed.next_element(&mut elements) {
            if objects.len() as u64 >= self.budget.elements || !self.budget.spend() {
                self.budget.spent.set(true);
                break;
            }
            objects.push(self.model.object_of_value(&element));
        }
        let mut map = out.serialize_map(Some(4))?;
        map.serialize_entry("list", &self.typed.btf().type_name(elements.of))?;
        map.serialize_entry("by", &self.typed.link_name(&elements))?;
        map.serialize_entry("objects", &objects)?;
        map.serialize_entry("complete", &elements.complete)?;
        map.end().map(Ok)
    }

    fn array<S: Serializer>(&self, element: TypeId, count: u64, out: S) -> Result<S::Ok, S::Error> {
        let btf = self.typed.btf();
        let size = btf.size(element).unwrap_or(1);
        if size == 1 && matches!(btf.kind(btf.resolve(element)), Kind::Int(int) if !int.bool) {
            return match self.typed.is_char(element) {
                true => self.text(count, out),
                false => self.bytes(count, out),
            };
        }
        let most = self.budget.most(count);
        let mut seq = out.serialize_seq(None)?;
        for index in 0..most {
            let Some(value) = self.typed.element(&self.value, element, index) else {
                break;
            };
            seq.serialize_element(&self.inner(value))?;
            if self.budget.is_exhausted() {
                break;
            }
        }
        seq.end()
    }

    /// Characters up to a NUL, as a string if they are text.
    fn text<S: Serializer>(&self, count: u64, out: S) -> Result<S::Ok, S::Error> {
        let Some(bytes) = self.typed.bytes(&self.value, count) else {
            return tagged(out, "missing", &true);
        };
        let end = bytes.iter().position(|byte| *byte == 0);
        match std::str::from_utf8(bytes.get(..end.unwrap_or(bytes.len())).unwrap_or(&[])) {
            Ok(text) => out.serialize_str(text),
            Err(_) => self.bytes(count, out),
        }
    }

    fn bytes<S: Serializer>(&self, count: u64, out: S) -> Result<S::Ok, S::Error> {
        match self.typed.bytes(&self.value, count) {
            Some(bytes) => tagged(out, "bytes", &digits(bytes, self.budget.most(count))),
            None => tagged(out, "missing", &true),
        }
    }

    fn pointer<S: Serializer>(&self, pointer: &Pointer<'_>, out: S) -> Result<S::Ok, S::Error> {
        match pointer {
            Pointer::Null => out.serialize_unit(),
            Pointer::Function(symbol) => tagged(out, "function", symbol),
            Pointer::Outside(address) => {
                let mut map = out.serialize_map(None)?;
                outside(self.model, self.typed, *address, &mut map)?;
                map.serialize_entry("reason", &self.typed.missing(self.value.offset).map(reason))?;
                map.end()
            }
            Pointer::Inside { target, aim } => {
                let object = self.model.object_of(pointer);
                let mut map = out.serialize_map(None)?;
                map.serialize_entry("object", &object)?;
                map.serialize_entry("offset", target)?;
                map.serialize_entry("address", &self.model.image.address(*target).map(hex))?;
                if let Some(delta) = aim.map(|aim| aim.delta).filter(|delta| *delta != 0) {
                    map.serialize_entry("delta", &delta)?;
                }
                if let Some(aim) = aim.filter(|aim| aim.is_string) {
                    let skip = u64::try_from(aim.delta).unwrap_or(0);
                    let start = Value {
                        offset: aim.value.offset.saturating_add(skip),
                        ..aim.value
                    };
                    let length = start.end.saturating_sub(start.offset);
                    map.serialize_entry(
                        "text",
                        &Text {
                            shown: self.inner(start),
                            length,
                        },
                    )?;
                }
                map.end()
            }
        }
    }
}

/// A string that a pointer leads to.
struct Text<'a, 'i> {
    shown: Shown<'a, 'i>,
    length: u64,
}

impl Serialize for Text<'_, '_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        self.shown.text(self.length, out)
    }
}

/// All elements of an object, or its one.
pub(super) struct ObjectValue<'a> {
    pub(super) model: &'a Model<'a>,
    pub(super) node: &'a Node,
    pub(super) budget: &'a Budget,
}

impl Serialize for ObjectValue<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let (model, node) = (self.model, self.node);
        let kind = model.kinds.get(node.kind as usize);
        let (Some(typed), Some(kind)) = (&model.typed, kind.filter(|kind| kind.of != TypeId::VOID))
        else {
            let range = node.offset as usize..node.end as usize;
            let bytes = model.image.memory().get(range).unwrap_or(&[]);
            let most = self.budget.most(bytes.len() as u64);
            return tagged(out, "bytes", &digits(bytes, most));
        };
        let nth = |index: u64| {
            let offset = node.offset + index * kind.size;
            let value = Value {
                offset,
                of: kind.of,
                bits: None,
                view: Some(View {
                    index: node.kind,
                    base: offset,
                }),
                end: node.end,
            };
            Shown::new(model, typed, value, self.budget)
        };
        if typed.is_char(kind.of) {
            return nth(0).text(node.end - node.offset, out);
        }
        if node.count == 1 {
            return nth(0).serialize(out);
        }
        let mut seq = out.serialize_seq(None)?;
        for index in 0..self.budget.most(u64::from(node.count)) {
            seq.serialize_element(&nth(index))?;
        }
        seq.end()
    }
}

struct Number(i128);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        number(self.0, out)
    }
}

/// A number, or where a reader would round it `{"int": "18446744073709551615"}`.
fn number<S: Serializer>(value: i128, out: S) -> Result<S::Ok, S::Error> {
    match i64::try_from(value) {
        Ok(small) if value.abs() <= EXACT => out.serialize_i64(small),
        _ => tagged(out, "int", &value.to_string()),
    }
}

fn tagged<S: Serializer>(
    out: S,
    tag: &'static str,
    value: &(impl Serialize + ?Sized),
) -> Result<S::Ok, S::Error> {
    let mut map = out.serialize_map(Some(1))?;
    map.serialize_entry(tag, value)?;
    map.end()
}

/// The first `most` bytes in hexadecimal.
fn digits(bytes: &[u8], most: u64) -> String {
    let bytes = bytes
        .iter()
        .take(usize::try_from(most).unwrap_or(usize::MAX));
    let mut text = String::new();
    for byte in bytes {
        // Writing to a String can't fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
