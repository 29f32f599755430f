//! Differences as text and as JSON.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::json as object;

use super::{Change, Difference, Summary};

/// Version of the events that [`json`] writes.
const SCHEMA: u32 = 1;

const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";
const BOLD: &str = "1";
const DIM: &str = "2";

/// Writes a difference for people.
///
/// # Errors
/// Only those of `out`.
pub fn text(change: &Change, colour: bool, out: &mut dyn Write) -> io::Result<()> {
    let paint = |code: &str, text: &str| match colour {
        true => format!("\x1b[{code}m{text}\x1b[0m"),
        false => text.to_owned(),
    };
    let (sign, code) = match change.difference {
        Difference::Removed => ("-", RED),
        Difference::Added => ("+", GREEN),
        Difference::Changed => ("~", YELLOW),
        Difference::Moved | Difference::Retyped(_) => (">", YELLOW),
    };
    let title = (change.title.as_ref()).map_or(String::new(), |title| format!(" “{title}”"));
    let hex = |address: Option<u64>| address.map_or("?".to_owned(), |at| format!("{at:#x}"));
    let place = match (&change.difference, change.addresses) {
        (_, (None, None)) => String::new(),
        (Difference::Moved, (old, new)) => format!(" {} → {}", hex(old), hex(new)),
        (_, (old, new)) => format!(" {}", hex(old.or(new))),
    };
    let of = match &change.difference {
        Difference::Retyped(other) => format!("{} → {other}", change.of),
        _ => change.of.clone(),
    };
    writeln!(
        out,
        "{} {} {}{title}{}",
        paint(code, sign),
        paint(BOLD, &change.path),
        of,
        paint(DIM, &place)
    )?;
    for member in &change.members {
        let path = match member.path.as_str() {
            "" => String::new(),
            path => format!("{path}: "),
        };
        let (old, new) = (paint(RED, &member.old), paint(GREEN, &member.new));
        writeln!(out, "    {path}{old} → {new}")?;
    }
    match change.more {
        0 => Ok(()),
        more => writeln!(out, "    {}", paint(DIM, &format!("… and {more} more"))),
    }
}

impl Summary {
    /// In a line for people.
    #[must_use]
    pub fn words(&self) -> String {
        let parts = [
            (self.changed, "changed"),
            (self.moved, "replaced"),
            (self.retyped, "with another type"),
            (self.removed, "only in the first"),
            (self.added, "only in the second"),
        ];
        let told: Vec<String> = (parts.iter())
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        match told.is_empty() {
            true => format!("{} objects, all the same", self.same),
            false => format!("{}; {} the same", told.join(", "), self.same),
        }
    }
}

/// Writes events, one a line: `doc/json.md` describes them.
pub mod json {
    use super::*;

    /// The first event: which files are compared.
    ///
    /// # Errors
    /// Only those of `out`.
    pub fn begin(old: &str, new: &str, out: &mut dyn Write) -> io::Result<()> {
        line(
            &object!({"event": "diff", "schema": SCHEMA, "old": old, "new": new}),
            out,
        )
    }

    /// An event for each object that differs.
    ///
    /// # Errors
    /// Only those of `out`.
    pub fn change(change: &Change, out: &mut dyn Write) -> io::Result<()> {
        let hex = |address: Option<u64>| address.map(|at| format!("{at:#x}"));
        let (event, other) = match &change.difference {
            Difference::Removed => ("removed", None),
            Difference::Added => ("added", None),
            Difference::Changed => ("changed", None),
            Difference::Moved => ("replaced", None),
            Difference::Retyped(other) => ("retyped", Some(other)),
        };
        let members: Vec<_> = (change.members.iter())
            .map(|one| object!({"path": one.path, "old": one.old, "new": one.new}))
            .collect();
        let mut told = object!({
            "event": event,
            "type": change.of,
            "path": change.path,
            "title": change.title,
            "old": hex(change.addresses.0),
            "new": hex(change.addresses.1),
            "members": members,
            "more": change.more,
        });
        if let (Some(other), Some(told)) = (other, told.as_object_mut()) {
            told.insert("new_type".to_owned(), other.as_str().into());
        }
        line(&told, out)
    }

    /// The last event.
    ///
    /// # Errors
    /// Only those of `out`.
    pub fn end(summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
        line(
            &object!({
                "event": "end",
                "same": summary.same,
                "changed": summary.changed,
                "replaced": summary.moved,
                "retyped": summary.retyped,
                "removed": summary.removed,
                "added": summary.added,
            }),
            out,
        )
    }

    fn line(event: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer(&mut *out, event)?;
        out.write_all(b"\n")
    }
}
