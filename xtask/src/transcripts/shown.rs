//! The lines that a page shows of an output, found in another one.

use std::fmt;
use std::ops::Range;

use super::varying::masked;

/// Stands for one line or more that are left out.
const ELISION: &str = "…";

/// A line that is shown and is not printed where it should be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Gone {
    /// Which of the shown lines; their number, if the output goes on after the last.
    pub(super) index: usize,
    shown: Option<String>,
    printed: Option<String>,
}

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.shown, &self.printed) {
            (Some(shown), Some(printed)) => {
                write!(f, "shown:\n    {shown}\nprinted:\n    {printed}")
            }
            (Some(shown), None) => write!(f, "shown, and not printed:\n    {shown}"),
            (None, Some(printed)) => write!(f, "printed, and not shown:\n    {printed}"),
            (None, None) => write!(f, "nothing is left out where `{ELISION}` is"),
        }
    }
}

/// The shown lines as they are in `output`. Those between two elisions must come one after
/// the other, what varies between runs aside; where no elision is, nothing may be left out.
pub(super) fn renewed(shown: &[&str], output: &[&str]) -> Result<Vec<String>, Gone> {
    let wanted: Vec<String> = shown.iter().map(|line| masked(line)).collect();
    let real: Vec<String> = output.iter().map(|line| masked(line)).collect();
    let runs = runs(shown);
    let mut lines = Vec::new();
    let mut from = 0;
    for (nth, run) in runs.iter().enumerate() {
        if let Some(elision) = run.start.checked_sub(1) {
            lines.extend(shown.get(elision).map(|line| (*line).to_owned()));
        }
        let places = Places {
            wanted: wanted.get(run.clone()).unwrap_or_default(),
            real: &real,
            from: if nth == 0 { 0 } else { from + 1 },
            is_first: nth == 0,
            is_last: nth + 1 == runs.len(),
        };
        let Some(place) = places.find() else {
            let (fitting, next) = places.nearest();
            let index = run.start + fitting;
            let shown = (index < run.end).then(|| shown.get(index)).flatten();
            return Err(Gone {
                index,
                shown: shown.map(|line| (*line).to_owned()),
                printed: output.get(next).map(|line| (*line).to_owned()),
            });
        };
        from = place + run.len();
        let printed = output.get(place..from).unwrap_or_default();
        lines.extend(printed.iter().map(|line| (*line).to_owned()));
    }
    Ok(lines)
}

/// Whether two texts are the same, what varies between runs aside.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    one.lines().map(masked).eq(other.lines().map(masked))
}

/// The lines between elisions, before the first and after the last; as indices.
fn runs(shown: &[&str]) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let mut start = 0;
    for (at, line) in shown.iter().enumerate() {
        if line.trim() == ELISION {
            runs.push(start..at);
            start = at + 1;
        }
    }
    runs.push(start..shown.len());
    runs
}

/// Where lines may be in an output.
struct Places<'a> {
    wanted: &'a [String],
    real: &'a [String],
    /// The first place.
    from: usize,
    /// They are the beginning.
    is_first: bool,
    /// They are the end.
    is_last: bool,
}

impl Places<'_> {
    fn all(&self) -> impl Iterator<Item = usize> {
        let last = if self.is_first { 0 } else { self.real.len() };
        self.from..=last
    }

    fn find(&self) -> Option<usize> {
        self.all().find(|&place| {
            let rest = self.real.get(place..).unwrap_or_default();
            place <= self.real.len()
                && rest.starts_with(self.wanted)
                && (!self.is_last || rest.len() == self.wanted.len())
        })
    }

    /// Where most of the first lines are: how many, and the place of the one that follows.
    fn nearest(&self) -> (usize, usize) {
        let fitting = |place: usize| {
            let rest = self.real.get(place..).unwrap_or_default();
            let pairs = rest.iter().zip(self.wanted);
            pairs.take_while(|(real, wanted)| real == wanted).count()
        };
        let mut best = (0, self.from);
        for place in self.all() {
            if fitting(place) > best.0 {
                best = (fitting(place), place + fitting(place));
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &[&str] = &["a", "b pid 7", "c", "d", "c", "e"];

    fn renews(shown: &[&str], to: &[&str]) {
        assert_eq!(renewed(shown, OUTPUT).expect("all there"), to);
    }

    fn lacks(shown: &[&str], index: usize) {
        assert_eq!(renewed(shown, OUTPUT).expect_err("not so").index, index);
    }

    #[test]
    fn shown_lines_are_found_in_order_and_renewed() {
        renews(OUTPUT, OUTPUT);
        renews(&["a", "b pid 3", "…", "e"], &["a", "b pid 7", "…", "e"]);
        renews(&["  …", "b pid 3", "c", "…"], &["  …", "b pid 7", "c", "…"]);
        renews(&["a", "…", "c", "e"], &["a", "…", "c", "e"]);
        renews(&["…"], &["…"]);
    }

    #[test]
    fn the_first_line_that_is_gone_is_told() {
        lacks(&["a", "x", "…"], 1);
        lacks(&["…", "d", "x", "…"], 2);
        // Other order, something between, the end, the beginning.
        lacks(&["…", "d", "…", "b pid 7", "…"], 3);
        lacks(&["a", "c", "…"], 1);
        lacks(&["a", "…", "d"], 3);
        lacks(&["b pid 7", "…"], 0);
        lacks(&[], 0);
        // Nothing is left out.
        lacks(&["a", "…", "b pid 7", "…"], 2);
        let all: Vec<&str> = OUTPUT.iter().copied().chain(["…"]).collect();
        lacks(&all, 7);
        lacks(&[OUTPUT, &["f"]].concat(), 6);
    }
}
