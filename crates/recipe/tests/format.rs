//! Recipes in the usual form.

use kflat_recipe::fmt;

#[test]
fn indentation_spaces_and_empty_lines_become_usual() {
    let text = "// what it is\n\n\nrecipe   f {\n  file ;  // the file\n\n\n\tlimit  depth 3 ;\n}\n\n\
                struct file{f_inode ;\nswitch x {\ncase 1,2: a;\n   else: skip_me: skip;\n} }\n\
                /* as\n      it was */\nview v of void *:\n  as struct x\nif value;\n";
    let expected = "// what it is\n\nrecipe f {\n    file;  // the file\n\n    limit depth 3;\n}\n\n\
                    struct file { f_inode;\n    switch x {\n        case 1, 2: a;\n        else: skip_me: skip;\n} }\n\
                    /* as\n      it was */\nview v of void *:\n    as struct x\n    if value;\n";
    let formatted = fmt(text, "t").unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(formatted, expected);
}

#[test]
fn what_is_shipped_has_the_usual_form_and_keeps_it() {
    let recipes = concat!(env!("CARGO_MANIFEST_DIR"), "/../../recipes");
    let mut texts = 0;
    for entry in std::fs::read_dir(recipes).expect("recipes").flatten() {
        let text = std::fs::read_to_string(entry.path()).expect("a recipe");
        let name = entry.path().display().to_string();
        let formatted = fmt(&text, &name).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(formatted, text, "{name}");
        texts += 1;
    }
    assert!(texts >= 4);
}

#[test]
fn what_is_no_recipe_is_told() {
    let error = fmt("recipe f {", "t").expect_err("no end").to_string();
    assert!(error.contains("the end of the recipe"), "{error}");
}

proptest::proptest! {
    #[test]
    fn no_text_does_harm_and_twice_is_once(text in "(recipe f \\{ |file|;|\\}| |\n|//x\n|/\\*|\\*/|limit depth 3;|struct x \\{ |a: b|\"|é){0,30}") {
        if let Ok(once) = fmt(&text, "t") {
            let twice = fmt(&once, "t");
            proptest::prop_assert_eq!(twice.ok(), Some(once));
        }
    }
}
