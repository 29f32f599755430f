//! What captures cost in a kernel, in a guest that counts its instructions.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Result, bail};

use super::Case;
use crate::buildroot::BuildRoot;
use crate::vm::{self, Levels, Output, Spec, Work};
use crate::{kernels, module, process, programs, progress, workspace};

/// Nodes of the list, `KFLAT_TEST_ITEMS` of `tests/kmod`.
pub(super) const NODES: u64 = 100_000;
/// Part of what zeroing 128 MiB costs that the smallest capture may.
const SMALLEST: f64 = 0.01;

/// Instructions by what they are for, as `kflat-tests --measure` tells.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Figures {
    pub(super) release: String,
    instructions: BTreeMap<String, u64>,
}

impl Figures {
    /// Of what the guest printed.
    fn parse(release: &str, printed: &str) -> Result<Self> {
        let figures = printed.lines().filter_map(|line| {
            let (name, value) = line.strip_prefix("measure ")?.split_once(' ')?;
            Some((name.to_owned(), value.trim().parse().ok()?))
        });
        let instructions: BTreeMap<String, u64> = figures.collect();
        if instructions.is_empty() {
            bail!("the guest measured nothing; it says:\n{printed}");
        }
        Ok(Self {
            release: release.to_owned(),
            instructions,
        })
    }

    /// One of them; not a number if the guest did not tell it.
    pub(super) fn get(&self, name: &str) -> f64 {
        self.instructions
            .get(name)
            .map_or(f64::NAN, |value| *value as f64)
    }

    pub(super) fn all(&self) -> &BTreeMap<String, u64> {
        &self.instructions
    }

    /// What `other` has not, or not the same, a line each.
    fn differences(&self, other: &Self) -> Vec<String> {
        let names: BTreeSet<&String> = [self, other]
            .into_iter()
            .flat_map(|figures| figures.instructions.keys())
            .collect();
        let differing = names
            .into_iter()
            .filter(|name| self.instructions.get(*name) != other.instructions.get(*name));
        differing
            .map(|name| format!("{name}: {}, then {}", self.get(name), other.get(name)))
            .collect()
    }

    /// What has a target.
    pub(super) fn cases(&self) -> Vec<Case> {
        let zeroing = self.get("zero_pool");
        let smallest = self.get("smallest_capture") + self.get("smallest_write");
        vec![Case {
            name: "smallest-capture".to_owned(),
            count: 1,
            ratio: smallest / zeroing,
            target: SMALLEST,
        }]
    }
}

/// Measures twice in a guest with `kernel`; both must count the same.
pub(super) fn measure(kernel: &str) -> Result<Figures> {
    let root = BuildRoot::get()?;
    let kernel = kernels::select_one(&root.kernels, kernel)?;
    let modules = module::build(&root, kernel)?;
    let directory = workspace::target().join("bench");
    let programs = programs::build(&root)?;
    let spec = Spec {
        kernel: kernel.clone(),
        levels: Levels::Four,
        cpus: 1,
        memory: "1G".to_owned(),
        modules: vec![modules.kflat, modules.test],
        share: directory.join("share"),
        logs: directory.join("logs"),
        work: Work::Counted {
            program: programs.command("kflat-tests")?.to_owned(),
            arguments: vec!["--measure".into()],
        },
        limit: Duration::from_secs(15 * 60),
    };
    let first = progress::step("Counting instructions in a guest", || once(&root, &spec))?;
    let second = progress::step("Counting them again", || once(&root, &spec))?;
    let differ = first.differences(&second);
    if !differ.is_empty() {
        bail!("two runs of the guest differ:\n{}", differ.join("\n"));
    }
    Ok(first)
}

fn once(root: &BuildRoot, spec: &Spec) -> Result<Figures> {
    let mut printed = Vec::new();
    let outcome = vm::run(root, spec, &mut |_: Output, bytes: &[u8]| {
        printed.extend_from_slice(bytes);
    })?;
    let printed = String::from_utf8_lossy(&printed);
    if !outcome.is_success() {
        bail!(
            "the guest failed: {}\n{printed}\n{}",
            outcome.complaints.join("\n"),
            process::tail(&spec.logs.join("console.log"), 0)
        );
    }
    Figures::parse(&spec.kernel.release, &printed)
}

#[cfg(test)]
mod tests {
    use super::Figures;

    #[test]
    fn what_the_guest_tells_is_compared_with_zeroing_a_pool() {
        let printed = "noise\nmeasure smallest_capture 100\nmeasure smallest_write 200\n\
            measure zero_pool 100000\n";
        let figures = Figures::parse("6.12.0", printed).expect("figures");
        let lines: Vec<String> = figures.cases().iter().map(ToString::to_string).collect();
        assert_eq!(lines, ["smallest-capture 1 0.0030 0.01 ok"]);
        assert!(Figures::parse("6.12.0", "error\n").is_err());
    }

    #[test]
    fn figures_that_differ_by_one_or_are_missing_are_told() {
        let parse = |printed| Figures::parse("6.12.0", printed).expect("figures");
        let first = parse("measure a 1\nmeasure b 2\nmeasure c 3\n");
        let second = parse("measure a 1\nmeasure b 3\n");
        assert!(first.differences(&first).is_empty());
        assert_eq!(
            first.differences(&second),
            ["b: 2, then 3", "c: 3, then NaN"]
        );
    }
}
