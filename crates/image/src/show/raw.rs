//! Shows an image without types: words.

use std::collections::HashMap;

use super::Options;
use super::printer::{Paint, Printer, Stop, clean, is_text, quoted};
use crate::image::Image;
use crate::sections::word;
use crate::typed::root_name;

struct Raw<'a, 'o, 'p> {
    image: &'a Image,
    options: &'a Options,
    printer: &'a mut Printer<'o>,
    /// What was shown, and where.
    seen: &'p mut HashMap<u64, String>,
}

/// How deeply the view may nest.
const DEEPEST: usize = 64;

pub(super) fn show(
    image: &Image,
    options: &Options,
    printer: &mut Printer<'_>,
) -> Result<(), Stop> {
    let mut seen = HashMap::new();
    for root in image.roots() {
        let name = clean(&root_name(&root));
        printer.put(Paint::Name, &name);
        printer.put(Paint::Plain, " = ");
        match root.offset {
            None => printer.put(Paint::Plain, "NULL"),
            Some(offset) => {
                let mut raw = Raw {
                    image,
                    options,
                    printer,
                    seen: &mut seen,
                };
                raw.object(offset, root.size, &name, 0)?;
            }
        }
        printer.put(Paint::Plain, ";");
        printer.end()?;
    }
    Ok(())
}

impl Raw<'_, '_, '_> {
    /// What a pointer leads to: `size` bytes, or as far as the fragment goes.
    fn object(&mut self, offset: u64, size: u64, path: &str, depth: usize) -> Result<(), Stop> {
        self.printer.put(Paint::Arrow, "→ ");
        if self.options.addresses
            && let Some(address) = self.image.address(offset)
        {
            self.printer.put(Paint::Number, &format!("{address:#x} "));
        }
        if let Some(path) = self.seen.get(&offset) {
            self.printer.put(Paint::Arrow, &format!("see {path}"));
            return Ok(());
        }
        let rest = match self.image.fragment(offset) {
            Some((_, fragment)) => fragment.offset + fragment.size - offset,
            None => 0,
        };
        let length = if size == 0 { rest } else { size.min(rest) };
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let bytes = (self.image.memory().get(start..))
            .and_then(|tail| tail.get(..usize::try_from(length).ok()?))
            .unwrap_or(&[]);
        if let Some(end) = bytes.iter().position(|byte| *byte == 0)
            && let Some(text) = bytes.get(..end)
            && end > 1
            && is_text(text)
        {
            let text = quoted(text, self.options.characters);
            self.printer.put(Paint::Text, &text);
            return Ok(());
        }
        if depth > self.options.depth.min(DEEPEST) {
            self.printer
                .put(Paint::Plain, &format!("{{…}} /* {length} bytes */"));
            return Ok(());
        }
        self.seen.insert(offset, path.to_owned());
        self.printer.open()?;
        let words = length.div_ceil(8);
        let shown = words.min((self.options.elements as u64).max(1).saturating_mul(8));
        for index in 0..shown {
            let at = offset + index * 8;
            self.word(at, (index * 8, length), path, depth)?;
        }
        if shown < words {
            self.printer.put(
                Paint::Note,
                &format!("/* {} more bytes */", length - shown * 8),
            );
            self.printer.end()?;
        }
        self.printer.close();
        Ok(())
    }

    fn word(
        &mut self,
        at: u64,
        (inside, length): (u64, u64),
        path: &str,
        depth: usize,
    ) -> Result<(), Stop> {
        self.printer.put(Paint::Name, &format!("[{inside:#x}]"));
        self.printer.put(Paint::Plain, " = ");
        if let Some(symbol) = self.image.function(at) {
            self.printer.put(Paint::Symbol, &clean(symbol));
        } else if let Some(target) = self.image.target(at) {
            let path = format!("{path}[{inside:#x}]");
            self.object(target, 0, &path, depth + 1)?;
        } else {
            let text = match word(self.image.memory(), at) {
                Some(word) if length - inside >= 8 => format!("{word:#018x}"),
                _ => {
                    let start = usize::try_from(at).unwrap_or(usize::MAX);
                    let tail = self.image.memory().get(start..).unwrap_or(&[]);
                    let tail = tail.iter().take((length - inside) as usize);
                    let bytes: Vec<String> = tail.map(|byte| format!("{byte:02x}")).collect();
                    bytes.join(" ")
                }
            };
            self.printer.put(Paint::Number, &text);
        }
        self.printer.put(Paint::Plain, ",");
        self.printer.end()
    }
}
