//! Counting tests: cargo's, and those that run in guests.

use std::fmt;
use std::ops::AddAssign;

/// How many tests ended how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Tally {
    /// Counts one more test.
    pub(crate) fn add(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Passed => self.passed += 1,
            Verdict::Failed => self.failed += 1,
            Verdict::Skipped => self.skipped += 1,
        }
    }

    /// Whether tests ran, and none failed.
    pub(crate) fn is_success(self) -> bool {
        self.failed == 0 && self.passed > 0
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 {
            write!(out, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}

/// How one test ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Passed,
    Failed,
    Skipped,
}

/// Reads `test NAME ... ok`, `FAILED`, `skipped` (with a reason after it).
pub(crate) fn test_line(line: &str) -> Option<(&str, Verdict)> {
    let (name, word) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
    let verdict = match word.trim_end().split([' ', ':']).next()? {
        "ok" => Verdict::Passed,
        "FAILED" => Verdict::Failed,
        "skipped" | "ignored" => Verdict::Skipped,
        _ => return None,
    };
    Some((name, verdict))
}

/// Reads `FILE.py::NAME PASSED [ 10%]`, as `pytest -v` prints it.
pub(crate) fn pytest_line(line: &str) -> Option<(&str, Verdict)> {
    let (name, rest) = line.split_once(' ')?;
    let verdict = match rest.split_whitespace().next()? {
        "PASSED" => Verdict::Passed,
        "FAILED" | "ERROR" => Verdict::Failed,
        "SKIPPED" => Verdict::Skipped,
        _ => return None,
    };
    name.contains(".py::").then_some((name, verdict))
}

/// Reads the last line of a test program: `3 passed, 1 failed`.
pub(crate) fn summary_line(line: &str) -> Option<Tally> {
    let mut tally = Tally::default();
    for (index, part) in line.split(", ").enumerate() {
        let (number, word) = part.split_once(' ')?;
        let number = number.parse().ok()?;
        match (index, word) {
            (0, "passed") => tally.passed = number,
            (1, "failed") => tally.failed = number,
            (2, "skipped") => tally.skipped = number,
            _ => return None,
        }
    }
    line.contains(", ").then_some(tally)
}

/// Adds up what `cargo test` printed: its line of totals for each program.
pub(crate) fn cargo_tests(output: &str) -> Tally {
    let mut sum = Tally::default();
    for line in output.lines() {
        let Some((_, totals)) = line
            .strip_prefix("test result: ")
            .and_then(|rest| rest.split_once(". "))
        else {
            continue;
        };
        for part in totals.split("; ") {
            let Some((number, word)) = part.trim().split_once(' ') else {
                continue;
            };
            let number = number.parse().unwrap_or(0);
            match word {
                "passed" => sum.passed += number,
                "failed" => sum.failed += number,
                "ignored" => sum.skipped += number,
                _ => {}
            }
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_pytest() {
        assert_eq!(
            pytest_line("test_a.py::test_b PASSED      [ 50%]"),
            Some(("test_a.py::test_b", Verdict::Passed))
        );
        assert_eq!(
            pytest_line("test_a.py::test_b ERROR [ 50%]"),
            Some(("test_a.py::test_b", Verdict::Failed))
        );
        assert_eq!(pytest_line("FAILED test_a.py::test_b - assert"), None);
    }

    #[test]
    fn lines_of_a_test_program() {
        assert_eq!(
            test_line("test uapi::open ... ok"),
            Some(("uapi::open", Verdict::Passed))
        );
        assert_eq!(
            test_line("test a ... FAILED: no device"),
            Some(("a", Verdict::Failed))
        );
        assert_eq!(
            test_line("test a ... skipped (no KVM)"),
            Some(("a", Verdict::Skipped))
        );
        assert_eq!(test_line("test a ... perhaps"), None);
        assert_eq!(test_line("testing"), None);
    }

    #[test]
    fn summaries() {
        let tally = summary_line("12 passed, 1 failed").unwrap();
        assert_eq!((tally.passed, tally.failed), (12, 1));
        assert_eq!(
            summary_line("1 passed, 0 failed, 2 skipped")
                .unwrap()
                .skipped,
            2
        );
        assert_eq!(summary_line("12 passed"), None);
        assert_eq!(summary_line("no passed, 1 failed"), None);
    }

    #[test]
    fn cargo_prints_one_total_for_each_program() {
        let output = "test a ... ok\n\n\
            test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
            test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s\n";
        let tally = cargo_tests(output);
        assert_eq!((tally.passed, tally.failed, tally.skipped), (4, 2, 1));
    }

    #[test]
    fn a_run_without_tests_is_no_success() {
        assert!(!Tally::default().is_success());
        let mut tally = Tally::default();
        tally.add(Verdict::Passed);
        assert!(tally.is_success());
        tally += tally;
        tally.add(Verdict::Failed);
        assert!(!tally.is_success());
        assert_eq!(tally.to_string(), "2 passed, 1 failed");
        tally.add(Verdict::Skipped);
        assert_eq!(tally.to_string(), "2 passed, 1 failed, 1 skipped");
    }
}
