//! The links in the documentation lead somewhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What is generated, or not ours.
const LEFT_OUT: &[&str] = &["target", ".git", "corpus"];

#[test]
fn links_lead_to_files_and_headings_that_exist() {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut pages = Vec::new();
    find_pages(&checkout, &mut pages);
    assert!(pages.len() > 10, "{pages:?}");
    let (mut count, mut broken) = (0, Vec::new());
    for page in &pages {
        let text = fs::read_to_string(page).expect("a page");
        for (line, target) in links(&text) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            count += 1;
            if let Err(why) = follow(page, &target) {
                broken.push(format!("{}:{line}: {target}: {why}", page.display()));
            }
        }
    }
    assert!(count > 30, "only {count} links");
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn links_and_headings_are_read_as_they_are_rendered() {
    let text = "# A `b` & c\n[x](a.md#b) ![y](c.svg)\n```\n[no](d.md)\n# no\n```\n`[no](e)`\n## Two\n## Two\n";
    let found: Vec<(usize, String)> = links(text).collect();
    let wanted = [(2, "a.md#b".to_owned()), (2, "c.svg".to_owned())];
    assert_eq!(found, wanted);
    let wanted = ["a-b--c", "two", "two-1"].map(str::to_owned);
    assert_eq!(headings(text), BTreeSet::from(wanted));
}

fn find_pages(folder: &Path, pages: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() && !LEFT_OUT.contains(&name.as_str()) {
            find_pages(&path, pages);
        } else if name.ends_with(".md") {
            pages.push(path);
        }
    }
}

/// Lines outside of code blocks, with their numbers.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut is_code = false;
    text.lines().zip(1..).filter_map(move |(line, number)| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        (!is_code && !is_fence).then_some((number, line))
    })
}

/// Targets of links and pictures, with the numbers of their lines.
fn links(text: &str) -> impl Iterator<Item = (usize, String)> {
    prose(text).flat_map(|(number, line)| {
        // Every other piece is code.
        let plain: Vec<&str> = line.split('`').step_by(2).collect();
        let plain = plain.join("");
        let targets: Vec<String> = (plain.split("](").skip(1))
            .filter_map(|rest| Some(rest.split_once(')')?.0.to_owned()))
            .collect();
        targets.into_iter().map(move |target| (number, target))
    })
}

fn follow(page: &Path, target: &str) -> Result<(), String> {
    let (file, heading) = target.split_once('#').unwrap_or((target, ""));
    let path = match file {
        "" => page.to_owned(),
        file => page.parent().unwrap_or(Path::new("")).join(file),
    };
    if !path.exists() {
        return Err("no such file".to_owned());
    }
    if heading.is_empty() {
        return Ok(());
    }
    let text = fs::read_to_string(&path).map_err(|error| error.to_string())?;
    let headings = headings(&text);
    match headings.contains(heading) {
        true => Ok(()),
        false => Err(format!("no such heading; it has {headings:?}")),
    }
}

/// The anchors that a page's headings get.
fn headings(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    for (_, line) in prose(text).filter(|(_, line)| line.starts_with('#')) {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let anchor: String = (title.chars())
            .filter(|&c| c.is_alphanumeric() || " -_".contains(c))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect();
        // Another heading of the same name is numbered.
        let mut unique = anchor.clone();
        let mut number = 0;
        while !anchors.insert(unique.clone()) {
            number += 1;
            unique = format!("{anchor}-{number}");
        }
    }
    anchors
}
