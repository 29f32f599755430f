//! Somebody looks at images: what changed between two, one page for a browser.

use std::fs;
use std::io::Write;

use anyhow::{Result, ensure};

use crate::Story;
use crate::kflat::{Folder, kflat};

pub(crate) const STORIES: &[Story] = &[
    ("what_changed_between_two_captures", what_changed),
    ("a_page_for_a_browser", page),
];

/// Captures what `head` reads of a file.
fn capture(image: &str, file: &str) -> Result<()> {
    let recipe = "recipes/vfs_read.kflat";
    let command = ["capture", recipe, "-o", image, "--", "head", "-n1", file];
    kflat(&command)?.succeeds()?;
    Ok(())
}

fn what_changed() -> Result<()> {
    let folder = Folder::new("what_changed")?;
    let file = folder.write("read", "one\n")?;
    let (old, new) = (folder.file("old.img"), folder.file("new.img"));
    capture(&old, &file)?;
    fs::File::options()
        .append(true)
        .open(&file)?
        .write_all(b"and another\n")?;
    capture(&new, &file)?;

    let same = kflat(&["diff", &old, &old])?.succeeds()?;
    ensure!(same.stdout.is_empty(), "{}", same.stdout);
    let differs = kflat(&["diff", &old, &new])?.ends_with(1)?;
    differs.says(&["struct inode", "i_size: 4 → 16", "the same"])?;
    // Only that of one type.
    let inode = kflat(&["diff", "--type", "struct inode", &old, &new])?.ends_with(1)?;
    ensure!(!inode.stdout.contains("struct file "), "{}", inode.stdout);
    let events = kflat(&["diff", "--json", &old, &new])?.ends_with(1)?;
    events.says(&[r#""path":"i_size""#, r#""old":"4""#, r#""new":"16""#])?;
    kflat(&["diff", "--type", "struct inod", &old, &new])?.fails(2, &["neither image"])?;
    kflat(&["diff", &old, &folder.file("none")])?.fails(2, &["can't read"])?;
    Ok(())
}

fn page() -> Result<()> {
    let folder = Folder::new("a_page")?;
    let (image, page) = (folder.file("file.img"), folder.file("file.html"));
    capture(&image, "/etc/hostname")?;
    kflat(&["report", &image, "-o", &page])?
        .succeeds()?
        .says(&["file.html", "for any browser"])?;
    let text = fs::read_to_string(&page)?;
    ensure!(text.starts_with("<!doctype html>") && text.trim_end().ends_with("</html>"));
    let addresses = text.matches("http:").count() + text.matches("https:").count();
    ensure!(
        addresses == 1,
        "{addresses}: one is the name of SVG's namespace"
    );
    Ok(())
}
