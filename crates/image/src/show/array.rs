//! Shows arrays, lists and trees.

use kflat_btf::{Kind, TypeId};

use super::printer::{Paint, Stop, clean, is_text, quoted};
use super::tree::{At, Segment, Tree, scalar};
use crate::typed::{Aim, Elements, Order, Value};

/// From how many equal elements on they are shown as one.
const RUN: u64 = 4;

impl Tree<'_, '_, '_> {
    /// An array of `count` elements.
    pub(super) fn array(
        &mut self,
        array: &Value,
        element: TypeId,
        count: u64,
        at: At,
    ) -> Result<(), Stop> {
        let size = self.typed.btf().size(element).unwrap_or(1);
        let Some(length) = size.checked_mul(count).filter(|_| count > 0) else {
            self.printer.put(Paint::Plain, "{ }");
            return Ok(());
        };
        self.printer.spend(length / 64)?;
        let Some(bytes) = self.typed.bytes(array, length) else {
            self.printer.put(Paint::Note, "/* not captured */");
            return Ok(());
        };
        let resolved = self.typed.btf().resolve(element);
        if size == 1
            && matches!(self.typed.btf().kind(resolved), Kind::Int(int) if !int.bool)
            && self.text(bytes, self.typed.is_char(element))
        {
            return Ok(());
        }
        if !self.options.zeros && self.is_zero(array, length) {
            self.printer.put(Paint::Number, "{ 0 }");
            return Ok(());
        }
        let nth = |tree: &Self, index| tree.typed.element(array, element, index);
        self.elements(count, element, at, &nth)
    }

    /// What a pointer to several elements leads to.
    pub(super) fn elements_of(&mut self, aim: &Aim, at: At) -> Result<(), Stop> {
        let of = aim.value.of;
        let size = self.typed.btf().size(of).unwrap_or(1);
        if of == TypeId::VOID || size == 1 {
            let length = aim.value.end.saturating_sub(aim.value.offset);
            self.printer.spend(length / 64)?;
            let bytes = self.typed.bytes(&aim.value, length).unwrap_or(&[]);
            let chars = of != TypeId::VOID && self.typed.is_char(of);
            if self.text(bytes, chars) {
                return Ok(());
            }
            let shown = bytes.iter().take(self.options.elements);
            let shown: Vec<String> = shown.map(|byte| format!("{byte:02x}")).collect();
            self.printer.put(Paint::Number, &shown.join(" "));
            if shown.len() < bytes.len() {
                (self.printer).note(&format!("{} more bytes", bytes.len() - shown.len()));
            }
            return Ok(());
        }
        let nth = |tree: &Self, index| tree.typed.nth(aim, index);
        self.elements(aim.count, of, at, &nth)
    }

    /// Shows bytes as text if they are; `chars`: of type `char`.
    fn text(&mut self, bytes: &[u8], chars: bool) -> bool {
        /// Numbers that look like shorter text than this are numbers.
        const SHORTEST: usize = 3;
        let end = bytes.iter().position(|byte| *byte == 0);
        let (text, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
        let is_text = match chars {
            true => is_text(text),
            false => text.len() >= SHORTEST && is_text(text),
        };
        if is_text {
            let quoted = quoted(text, self.options.characters);
            self.printer.put(Paint::Text, &quoted);
            if !chars && rest.iter().any(|byte| *byte != 0) {
                self.printer.note("other bytes follow");
            }
        }
        is_text
    }

    fn elements(
        &mut self,
        count: u64,
        element: TypeId,
        at: At,
        nth: &dyn Fn(&Self, u64) -> Option<Value>,
    ) -> Result<(), Stop> {
        let kind = self.typed.btf().kind(self.typed.btf().resolve(element));
        match kind {
            Kind::Struct(_) | Kind::Union(_) | Kind::Array { .. } | Kind::Pointer(_) => {
                self.rows(count, element, at, nth)
            }
            _ => self.row(count, nth),
        }
    }

    /// Small elements, in one line; of equal ones the number.
    fn row(&mut self, count: u64, nth: &dyn Fn(&Self, u64) -> Option<Value>) -> Result<(), Stop> {
        self.printer.put(Paint::Plain, "{ ");
        let text = |tree: &Self, index| {
            let value = nth(tree, index)?;
            Some(scalar(&tree.typed.shape(&value)))
        };
        let (mut index, mut shown) = (0, 0);
        while index < count && shown < self.options.elements {
            let Some((paint, found)) = text(self, index) else {
                break;
            };
            if index > 0 {
                self.printer.put(Paint::Plain, ", ");
            }
            let mut run = 1;
            while index + run < count
                && text(self, index + run).is_some_and(|(_, other)| other == found)
            {
                run += 1;
                self.printer.spend(1)?;
            }
            self.printer.put(paint, &found);
            if run >= RUN {
                self.printer
                    .put(Paint::Note, &format!(" <repeats {run} times>"));
            } else {
                run = 1;
            }
            index += run;
            shown += 1;
        }
        if index < count {
            self.printer.put(Paint::Note, ", …");
            self.printer.note(&format!("{} more", count - index));
        }
        self.printer.put(Paint::Plain, " }");
        Ok(())
    }

    /// Large elements, one a line; runs of zeros are one.
    fn rows(
        &mut self,
        count: u64,
        element: TypeId,
        at: At,
        nth: &dyn Fn(&Self, u64) -> Option<Value>,
    ) -> Result<(), Stop> {
        let size = self.typed.btf().size(element).unwrap_or(1);
        self.printer.open()?;
        let (mut index, mut shown) = (0, 0);
        while index < count && shown < self.options.elements {
            let Some(value) = nth(self, index) else {
                break;
            };
            let mut run = 0;
            while !self.options.zeros
                && index + run < count
                && nth(self, index + run).is_some_and(|value| self.is_zero(&value, size))
            {
                run += 1;
                self.printer.spend(1 + size / 64)?;
            }
            if run >= RUN {
                let range = format!("[{index} ... {}]", index + run - 1);
                self.printer.put(Paint::Name, &range);
                self.printer.put(Paint::Plain, " = ");
                self.printer.put(Paint::Number, "{ 0 },");
                self.printer.end()?;
                index += run;
            } else {
                self.element(&value, index, at)?;
                index += 1;
            }
            shown += 1;
        }
        self.more(count - index)?;
        self.printer.close();
        Ok(())
    }

    fn element(&mut self, value: &Value, index: u64, at: At) -> Result<(), Stop> {
        self.begin_element(index);
        let at = At {
            node: self.node(Some(at.node), false, Segment::Index(index)),
            nesting: at.nesting + 1,
            ..at
        };
        let is_object = value.view.is_some_and(|view| view.base == value.offset);
        match self.shown(value, 1).filter(|_| is_object) {
            Some(path) => self.see(&path),
            None => {
                if is_object {
                    self.note_shown(value, 1, at.node, false);
                }
                self.value(value, at)?;
            }
        }
        self.end_element()
    }

    /// A list or tree that the recipe captured as one.
    pub(super) fn list(&mut self, mut elements: Elements, at: At) -> Result<(), Stop> {
        let (name, link) = (
            self.typed.btf().type_name(elements.of),
            self.typed.link_name(&elements),
        );
        self.printer.put(
            Paint::Note,
            match elements.order {
                Order::List => "/* list of ",
                Order::Tree => "/* tree of ",
            },
        );
        self.printer.put(Paint::Type, &clean(&name));
        if let Some(link) = link {
            self.printer
                .put(Paint::Note, &format!(" by {}", clean(&link)));
        }
        self.printer.put(Paint::Note, " */ ");
        let is_shown = at.depth < self.options.depth;
        // Noted first: what leads from one element to another says where it is.
        let mut rows = Vec::new();
        let mut count = 0;
        while let Some(value) = self.typed.next_element(&mut elements) {
            if rows.len() < self.options.elements {
                let node = self.node(Some(at.node), false, Segment::Index(count));
                let other = self.shown(&value, 1);
                if is_shown {
                    self.note_shown(&value, 1, node, false);
                }
                rows.push((value, node, other));
            }
            count += 1;
            self.printer.spend(1)?;
        }
        if rows.is_empty() {
            self.printer.put(Paint::Plain, "{ }");
        } else {
            let more = count - rows.len() as u64;
            self.list_rows(rows, more, is_shown, at)?;
        }
        if !elements.complete {
            self.printer.note("the rest was not captured");
        }
        Ok(())
    }

    fn list_rows(
        &mut self,
        rows: Vec<(Value, u32, Option<String>)>,
        more: u64,
        is_shown: bool,
        at: At,
    ) -> Result<(), Stop> {
        self.printer.open()?;
        for (index, (value, node, other)) in (0..).zip(rows) {
            let at = At {
                node,
                depth: at.depth + 1,
                nesting: at.nesting + 1,
            };
            self.begin_element(index);
            match other {
                Some(path) => self.see(&path),
                None if is_shown => self.value(&value, at)?,
                None => self.printer.put(Paint::Plain, "{…}"),
            }
            self.end_element()?;
        }
        self.more(more)?;
        self.printer.close();
        Ok(())
    }

    fn begin_element(&mut self, index: u64) {
        self.printer.put(Paint::Name, &format!("[{index}]"));
        self.printer.put(Paint::Plain, " = ");
    }

    fn end_element(&mut self) -> Result<(), Stop> {
        self.printer.put(Paint::Plain, ",");
        self.printer.end()
    }

    fn more(&mut self, count: u64) -> Result<(), Stop> {
        if count == 0 {
            return Ok(());
        }
        let text = format!("/* {count} more */");
        self.printer.put(Paint::Note, &text);
        self.printer.end()
    }
}
