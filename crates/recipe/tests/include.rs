//! Recipes of others include what they like.

mod made;

use std::fs;

use kflat_recipe::compile;
use made::types;

fn refused(included: &str) -> String {
    let text = format!("include \"{included}\"; recipe visit {{ node; }}");
    let error = compile(&text, "recipe.kflat", &types());
    error.expect_err("not to be included").to_string()
}

#[test]
fn what_has_no_end_is_not_read() {
    let error = refused("/dev/zero");
    assert!(error.contains("not a regular file"), "{error}");
}

#[test]
fn what_makes_wait_is_not_read() {
    let directory = tempfile::tempdir().expect("a directory");
    let pipe = directory.path().join("pipe.kflat");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("mkfifo").success());
    let error = refused(&pipe.display().to_string());
    assert!(error.contains("not a regular file"), "{error}");
}

#[test]
fn what_is_far_too_long_is_not_read() {
    let directory = tempfile::tempdir().expect("a directory");
    let long = directory.path().join("long.kflat");
    fs::write(&long, " ".repeat(2 << 20)).expect("room");
    let error = refused(&long.display().to_string());
    assert!(error.contains("longer than 1 MiB"), "{error}");
}
