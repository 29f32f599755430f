//! What a capture says in the debug log.

use kflat_abi::program::Program;
use kflat_engine::{Event, Trace};

use crate::debug_log::{DebugLog, Owner};
use crate::outcome::{self, Outcome};
use crate::text::Line;

/// Writes a capture's steps to the debug log, in any context.
pub(crate) struct LogTrace<'a> {
    pub(crate) log: &'a DebugLog,
    pub(crate) owner: Owner,
    pub(crate) program: &'a Program<'a>,
    /// Where lines are put together.
    pub(crate) line: &'a mut Line,
}

impl Trace for LogTrace<'_> {
    #[inline(never)]
    fn event(&mut self, event: Event) {
        let line = &mut *self.line;
        line.clear();
        match event {
            Event::Root { index, word } => {
                let root = self.program.root_at(index);
                let name = root.and_then(|root| self.program.string_at(root.name));
                line.text("root ").decimal(u64::from(index));
                line.text(" (").text(name.unwrap_or("unnamed"));
                line.text(") = ").hex(word);
            }
            Event::Object {
                index,
                address,
                type_index,
                count,
            } => {
                let view = self.program.type_at(type_index);
                let name = view.and_then(|view| self.program.string_at(view.name));
                line.text("object ").decimal(u64::from(index));
                line.text(": ").decimal(u64::from(count));
                line.text(" x ").text(name.unwrap_or("?"));
                line.text(" at ").hex(address);
            }
            Event::Missing {
                reason,
                address,
                detail,
            } => {
                line.text("not captured: ").text(outcome::text(reason));
                line.text(" (at ").hex(address);
                line.text(", detail ").decimal(detail).text(")");
            }
            _ => return,
        }
        self.log.write(self.owner, line.end());
    }
}

/// The line about a capture's end.
pub(crate) fn summary(line: &mut Line, name: &str, outcome: &Outcome) {
    let report = &outcome.report;
    line.text(name)
        .text(": ")
        .text(outcome::text(report.reason));
    line.text("; ").decimal(report.objects).text(" objects, ");
    line.decimal(report.fragments).text(" fragments, ");
    line.decimal(report.total_size).text(" bytes written, ");
    line.decimal(report.needed_size).text(" needed, ");
    line.decimal(u64::from(report.diagnostics))
        .text(" things not captured");
}
