//! The tables in `doc/performance.md`, each between two marks.

use std::fmt::Write;
use std::fs;

use anyhow::{Context, Result};

use super::guest::{Figures, NODES};
use super::native::Shape;
use crate::workspace;

/// Puts the figures that there are in place of the old ones.
pub(super) fn renew(shapes: Option<&[Shape]>, figures: Option<&Figures>) -> Result<()> {
    let path = workspace::root().join("doc/performance.md");
    let mut text =
        fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))?;
    if let Some(shapes) = shapes {
        text = replace(&text, "native", &native(shapes)?)?;
    }
    if let Some(figures) = figures {
        text = replace(&text, "guest", &guest(figures)?)?;
    }
    fs::write(&path, text).with_context(|| format!("can't write {}", path.display()))
}

/// `text` with `table` between the marks of that name.
fn replace(text: &str, name: &str, table: &str) -> Result<String> {
    let (begin, end) = (
        format!("<!-- begin {name} -->\n"),
        format!("<!-- end {name} -->"),
    );
    let missing = || format!("doc/performance.md has no marks for {name}");
    let (before, rest) = text.split_once(&begin).with_context(missing)?;
    let (_, after) = rest.split_once(&end).with_context(missing)?;
    Ok(format!("{before}{begin}{table}{end}{after}"))
}

fn native(shapes: &[Shape]) -> Result<String> {
    let mut table = String::from(
        "| shape | target | cold: ratio | by hand | capture | write-out | warm: ratio | by hand \
         | capture | write-out | working memory / image |\n\
         |---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for shape in shapes {
        // Of the array there is one object: its time by itself.
        let (per, unit) = match shape.kind() {
            "array-mib" => (1e6, "ms"),
            _ => (shape.count as f64, "ns"),
        };
        write!(table, "| {} | {} ", shape.name, shape.target)?;
        for slot in [0, 1] {
            let time = |pair: [f64; 2]| format!("{:.1} {unit}", pair[slot] / per);
            write!(
                table,
                "| {:.2} | {} | {} | {} ",
                shape.ratio[slot],
                time(shape.hand_ns),
                time(shape.capture_ns),
                time(shape.write_ns),
            )?;
        }
        writeln!(table, "| {:.2} |", shape.memory())?;
    }
    Ok(table)
}

fn guest(figures: &Figures) -> Result<String> {
    let mut table = format!(
        "| Linux {} | capture | write-out | pause of the other CPUs |\n|---|---|---|---|\n",
        figures.release
    );
    let nodes = NODES as f64;
    for (shape, what) in [
        ("chain", "chain of pointers"),
        ("list", "`struct list_head`"),
    ] {
        for (case, how) in [("apart", "apart"), ("touching", "touching")] {
            let of = |what: &str| figures.get(&format!("{shape}_{case}_{what}")) / nodes;
            let pause = match case {
                "apart" => format!("{:.0}", figures.get(&format!("{shape}_pause"))),
                _ => String::new(),
            };
            writeln!(
                table,
                "| {what}, nodes {how}, each | {:.1} | {:.1} | {pause} |",
                of("capture"),
                of("write"),
            )?;
        }
    }
    let of = |name: &str| figures.get(name);
    writeln!(
        table,
        "| one object of 8 bytes | {} | {} | {} |\n\
         | zeroing 128 MiB, for comparison | {} | | |",
        of("smallest_capture"),
        of("smallest_write"),
        of("smallest_pause"),
        of("zero_pool"),
    )?;
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::replace;

    #[test]
    fn what_is_between_the_marks_is_replaced() {
        let text = "a\n<!-- begin x -->\nold\n<!-- end x -->\nb\n";
        let new = replace(text, "x", "new\n").expect("marks");
        assert_eq!(new, "a\n<!-- begin x -->\nnew\n<!-- end x -->\nb\n");
        assert!(replace(text, "y", "new\n").is_err());
    }
}
