//! What a recipe follows, in words.

use kflat_recipe::explain;

use crate::made::rich;

#[test]
fn a_recipe_is_explained_in_words() {
    let text = "recipe probe at return { thing; buf: user bytes n; limit depth 7; }
        struct thing { next; things: skip; table: hlist of struct thing by hash { any: whole object; }
            switch kind { case FANCY: plain; case PLAIN: fancy: as struct rb_node if wide; else: number: skip; } }";
    let shown = explain(text, "t", &rich()).unwrap_or_else(|error| panic!("{error}"));
    for line in [
        "When probe returns, this is captured:",
        "  thing  struct thing",
        "  buf    bytes, as many as the recipe counts, in memory of the process",
        "plain  one of: a string; fancy: struct rb_node, under a condition; nothing",
        "not followed, of unknown type: any",
        "not followed, a link whose head is elsewhere: node, hash",
        "not followed, the recipe says skip: things",
        "struct thing, by a rule for this way to it",
        "  any  the whole object, as bytes",
        "  depth  7",
    ] {
        assert!(shown.contains(line), "{line}\n{shown}");
    }
}

#[test]
fn what_is_not_followed_is_listed_by_the_reason() {
    let text = "recipe probe { thing; } struct thing { any: skip; }";
    let shown = explain(text, "t", &rich()).unwrap_or_else(|error| panic!("{error}"));
    for line in [
        "not followed, of unknown type: fancy\n",
        "not followed, no rule names them: next, things, plain\n",
        "not followed, the recipe says skip: any",
    ] {
        assert!(shown.contains(line), "{line}\n{shown}");
    }
    let text = "recipe probe { thing; } skip struct thing; struct thing { next; }";
    let shown = explain(text, "t", &rich()).unwrap_or_else(|error| panic!("{error}"));
    assert!(shown.contains("says skip: next"), "{shown}");
}
