//! Texts of several recipes, and of several files.

use kflat_abi::program as abi;
use kflat_recipe::{compile, compile_all};

use crate::action;
use crate::made::rich;

#[test]
fn several_recipes_are_compiled_together_and_one_alone_is_demanded_alone() {
    let text = "recipe probe { thing; } recipe drv:probe { thing; }";
    let all = compile_all(text, "t", &rich()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(all.len(), 2);
    assert_eq!(all[1].target, "drv:probe");
    let error = compile(text, "t", &rich()).expect_err("two").to_string();
    assert!(error.contains("several recipes"), "{error}");
}

#[test]
fn what_is_included_counts_behind_what_the_recipe_says() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("rules.kflat");
    std::fs::write(
        &path,
        "struct thing { next; any: string; things: array 2; } hub struct rb_node;",
    )
    .expect("written");
    let name = directory.path().join("my.kflat").display().to_string();
    let text = "include \"rules.kflat\"; recipe probe { thing; } struct thing { any: bytes 3; next: skip; }";
    let compiled = compile(text, &name, &rich()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(action(&compiled, "any").op, abi::OP_POINTER);
    assert_eq!(action(&compiled, "things").count.value, 2);
    let error = compile("include \"none.kflat\";", &name, &rich()).expect_err("missing");
    assert!(error.to_string().contains("can't read"), "{error}");
    std::fs::write(&path, "struct thing { nxt; }").expect("written");
    let error = compile(text, &name, &rich())
        .expect_err("wrong")
        .to_string();
    assert!(
        error.contains("rules.kflat") && error.contains("near: `next`"),
        "{error}"
    );
}
