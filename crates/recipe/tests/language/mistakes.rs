//! What is wrong is told, and told in time.

use kflat_recipe::compile;

use crate::made::rich;

#[test]
fn mistakes_in_expressions_and_ways_are_told() {
    let cases = [
        ("next: array wid;", "no member `wid`", "near: `wide`"),
        ("next: array fd;", "no member `fd`", "`arg fd`"),
        ("next: array wide +;", "expected a number", "expected"),
        (
            "next: array next;",
            "a pointer, no number",
            "can't be a count",
        ),
        (
            "next: array wide->x;",
            "what this points to",
            "(struct NAME *)",
        ),
        ("next: array next.wide;", "no structure", "->wide"),
        ("next if this;", "is no number", "&NAME"),
        (
            "next: array returned;",
            "nothing has been returned",
            "at return",
        ),
        ("next: array 1 / 0;", "division by zero", "no value"),
        ("next: array until null;", "is never NULL", "until MEMBER"),
        (
            "names: array until null;",
            "is not searched for",
            "leave the count out",
        ),
        ("next with a = 1;", "no value `a`", "view NAME"),
        (
            "next: as counted;",
            "the value `level` is missing",
            "with level",
        ),
        (
            "next: as countd with level = 1;",
            "no type `countd`",
            "near: `counted`",
        ),
        (
            "tree: tree of struct thing by hash;",
            "no link of a tree",
            "`struct thing` has: node",
        ),
        (
            "map: hlist of struct thing by hash;",
            "no head of this kind",
            "hlist_head",
        ),
        (
            "map: maple of struct thing;",
            "no head of this kind",
            "maple_tree",
        ),
        (
            "hash: here as struct thing;",
            "does not fill",
            "another size",
        ),
        (
            "any: user xarray of struct thing; next: user chain of struct thing by next;",
            "`user` does not go",
            "string",
        ),
        ("plain; fancy: string;", "followed twice", "switch"),
        (
            "any: switch wide { case 1: string }",
            "expected `;`",
            "expected",
        ),
        (
            "any: switch wide { else: string; case 1: skip; }",
            "`else` is the last",
            "}",
        ),
        ("next: array foo(3);", "no function `foo`", "object_start"),
        ("data;", "no size of its own", "rest of object"),
        ("any: tagged 0x1000 as struct thing;", "too large", "4095"),
        ("next: array value.x;", "no structure", "->x"),
        (
            "wide: address as struct thing;",
            "followed as `address`",
            "ways to follow",
        ),
        ("next: array address;", "no address yet", "with"),
    ];
    for (member, message, help) in cases {
        let text = format!(
            "recipe probe {{ thing; }} struct thing {{ {member} }} view counted(level) of struct thing {{ next; }}"
        );
        let Err(error) = compile(&text, "mistake.kflat", &rich()) else {
            panic!("{member} should not compile");
        };
        let shown = error.to_string();
        let flat: String = shown.replace(['│', '\n'], " ");
        let flat = flat.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            flat.contains(message) && flat.contains(help),
            "{member}: {shown}"
        );
    }
    for (recipe, message) in [
        (
            "recipe probe { thing; returned; }",
            "nothing has been returned",
        ),
        ("recipe probe { from wide; }", "no argument `wide`"),
    ] {
        let error = compile(recipe, "t", &rich())
            .expect_err("wrong")
            .to_string();
        assert!(error.contains(message), "{recipe}: {error}");
    }
}

#[test]
fn deep_and_long_texts_are_refused_in_time() {
    let wrap =
        |inner: &str| format!("recipe probe {{ thing; }} struct thing {{ next: array {inner}; }}");
    for text in [
        wrap(&"(".repeat(100_000)),
        wrap(&"-".repeat(100_000)),
        wrap(&vec!["wide"; 100_000].join(" + ")),
        wrap(&format!("wide{}", "->next".repeat(100_000))),
        wrap(&"array 2 of ".repeat(100_000)),
        format!(
            "recipe probe {{ thing; }} struct thing {{ {}",
            "next { ".repeat(100_000)
        ),
        format!(
            "recipe probe {{ thing; }} struct thing {{ {}",
            "if wide { ".repeat(100_000)
        ),
        wrap(&vec!["next->wide"; 20].join(" + ")),
    ] {
        assert!(compile(&text, "t", &rich()).is_err());
    }
}
