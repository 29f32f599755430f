//! Recipes from a function's name.

mod made;

use kflat_abi::program::Program;
use kflat_btf::{Assembler, Btf, NamedKind, TypeId};
use kflat_recipe::{AutoOptions, Compiled, GenerateError, compile, generate, generate_with};
use made::{encoded_rich, encoded_types, types};
use proptest::prelude::*;

fn compiled(text: &str, btf: &Btf) -> Compiled {
    let compiled = compile(text, "test", btf).unwrap_or_else(|error| panic!("{text}\n{error}"));
    let verified = kflat_engine::verify(&compiled.program);
    assert!(verified.is_ok(), "{text}: {:?}", verified.err());
    compiled
}

fn good(text: &str) -> Compiled {
    compiled(text, &types())
}

/// The members of a type that are followed.
fn followed(compiled: &Compiled, of: &str) -> Vec<String> {
    let program = Program::find(&compiled.program).expect("a program");
    let views = (0..program.counts().0).filter_map(|index| program.type_at(index));
    let mut views = views.filter(|view| program.string_at(view.name) == Some(of));
    let view = views.next().expect("the type");
    (view.first_action..view.first_action + view.action_count)
        .filter_map(|index| program.string_at(program.action_at(index)?.path))
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_function_s_name_is_enough() {
    let text = generate("visit", &types()).expect("a recipe");
    assert!(text.contains("// int visit("), "{text}");
    assert!(text.contains("buf: rest of object max 64K"), "{text}");
    assert!(text.contains("private: rest of object max 4K"), "{text}");
    assert!(text.contains("title as title_user: user string"), "{text}");
    assert!(
        text.contains("struct item {\n    text: string max 256;"),
        "{text}"
    );
    // Of a `struct qstr` more is known than BTF says.
    let names = followed(&good(&text), "struct node");
    assert!(names.contains(&"name.name".to_owned()), "{text}");
    let error = generate("visitt", &types())
        .expect_err("unknown")
        .to_string();
    assert!(error.contains("`visit`"), "{error}");
}

#[test]
fn options_of_automatic_captures_are_written_down() {
    let options = AutoOptions {
        when: Some("node->count > 3 &&\nlen == 'x'".to_owned()),
        depth: 5,
        max_bytes: 4096,
        max_objects: 7,
        arguments: vec!["node".to_owned(), "buf".to_owned()],
        globals: vec![("things".to_owned(), Some("struct item".to_owned()))],
        types: vec![
            ("buf".to_owned(), "struct item".to_owned()),
            ("node.private".to_owned(), "struct qstr.name".to_owned()),
        ],
        follow: vec!["node.name.name".to_owned()],
        skip: vec!["node.parent".to_owned(), "struct item".to_owned()],
        ..AutoOptions::default()
    };
    let text = generate_with("visit", &types(), &options).expect("a recipe");
    for part in [
        "buf: as struct item;",
        "global things: as struct item;",
        "limit depth 5;\n    limit objects 7;\n    limit bytes 4K;",
        "    when node->count > 3 && len == 'x';\n",
        "parent: skip;",
        "private: container of struct qstr by name;",
        "skip struct item;",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("title:"), "{text}");
    let compiled = good(&text);
    let followed = followed(&compiled, "struct node");
    assert_eq!(followed, ["name.name", "private", "call", "names"]);
    for (when, message) in [
        ("len >", "expected a number"),
        (
            "len > 3; nth 2",
            "expected the end of the expression, found `;`",
        ),
        ("len > 3 } struct", "found `}`"),
    ] {
        let options = AutoOptions {
            when: Some(when.to_owned()),
            ..AutoOptions::default()
        };
        let error = generate_with("visit", &types(), &options).expect_err("wrong");
        assert!(error.to_string().contains(message), "{error}");
    }
    for (follow, message) in [
        ("nod.parent", "no argument `nod`"),
        ("node.parnt", "near: `parent`"),
    ] {
        let options = AutoOptions {
            follow: vec![follow.to_owned()],
            ..AutoOptions::default()
        };
        let error = generate_with("visit", &types(), &options).expect_err("wrong");
        assert!(error.to_string().contains(message), "{error}");
    }
}

/// Types in which `name` is what everything is called.
fn called(name: &str) -> Vec<u8> {
    let mut a = Assembler::default();
    let int = a.int(name, 4, true);
    let char_ = a.int("char", 1, true);
    let text = a.pointer(char_);
    let number = a.pointer(int);
    let void = a.pointer(TypeId::VOID);
    let inner = a.structure(name, 16, &[(name, text, 0), ("plain", void, 8)]);
    let to_inner = a.pointer(inner);
    let outer = a.structure(
        "outer",
        40,
        &[
            (name, to_inner, 0),
            ("inner", to_inner, 8),
            ("x", void, 16),
            ("text", text, 24),
            (name, text, 32),
        ],
    );
    let to_outer = a.pointer(outer);
    a.function(
        "visit",
        int,
        &[
            (name, to_outer),
            ("other", to_inner),
            ("number", number),
            (name, text),
        ],
    );
    a.function(name, int, &[("outer", to_outer)]);
    a.finish()
}

#[test]
fn names_that_are_not_c_s_are_left_out() {
    let hostile = "x; } struct outer { x: as outer";
    for name in [
        "<core::fmt::Formatter as Debug>",
        hostile,
        "a\n}\nstruct outer { x: string; }\n//",
        "*/",
        "{closure#0}",
        "if",
        "\u{1b}[2J",
    ] {
        let btf = Btf::parse(&called(name)).expect("well-formed");
        let text = generate("visit", &btf).expect("a recipe");
        let compiled = compiled(&text, &btf);
        assert_eq!(
            followed(&compiled, "struct outer"),
            ["inner", "x", "text"],
            "{text}"
        );
        assert!(text.is_ascii(), "{text}");
        assert!(text.contains("a recipe can't name it"), "{text}");
        if !name.contains([':', '+']) && name != "if" {
            let error = generate(name, &btf).expect_err("no name of a function");
            assert!(matches!(error, GenerateError::NoName { .. }), "{error}");
        }
    }
    let names = Btf::parse(&called(hostile)).expect("well-formed");
    let text = generate("visit", &names).expect("a recipe");
    assert!(
        text.contains("    // struct x; } struct outer { x: as outer *x; }"),
        "{text}"
    );
}

#[test]
fn what_types_do_not_allow_is_left_out() {
    let mut a = Assembler::default();
    let int = a.int("int", 4, true);
    // Names that stand for something else when they are looked up.
    let word = a.int("unsigned char", 4, false);
    let word = a.pointer(word);
    let own = a.int("struct", 8, false);
    let own = a.pointer(own);
    let thing = a.structure("thing", 8, &[("own", own, 0)]);
    let thing = a.pointer(thing);
    a.function(
        "visit",
        int,
        &[("word", word), ("own", own), ("thing", thing)],
    );
    let btf = Btf::parse(&a.finish()).expect("well-formed");
    let text = generate("visit", &btf).expect("a recipe");
    assert!(
        text.contains("own as own_user: user as struct if (s64)value >= 0;: left out,"),
        "{text}"
    );
    compiled(&text, &btf);
    // What somebody asked for is not left out in silence.
    let options = AutoOptions {
        types: vec![("own".to_owned(), "struct nothing".to_owned())],
        ..AutoOptions::default()
    };
    let text = generate_with("visit", &btf, &options).expect("a recipe");
    let error = compile(&text, "t", &btf)
        .expect_err("no such type")
        .to_string();
    assert!(error.contains("no type `struct nothing`"), "{error}");
}

/// Types with unions and structures without a name.
fn with_unions() -> Btf {
    let mut a = Assembler::default();
    let int = a.int("int", 4, true);
    let long = a.int("unsigned long", 8, false);
    let one = a.structure("one", 8, &[("number", long, 0)]);
    let other = a.structure("other", 8, &[("number", long, 0)]);
    let (one, other) = (a.pointer(one), a.pointer(other));
    let const_one = a.constant(one);
    let head = a.next_id();
    let to_head = TypeId(head.0 + 1);
    a.structure(
        "callback_head",
        16,
        &[("next", to_head, 0), ("func", long, 8)],
    );
    a.pointer(head);
    let single = a.union("", 8, &[("number", long), ("single", one)]);
    let same = a.union("", 8, &[("same", one), ("again", const_one)]);
    let differ = a.union("", 8, &[("this", one), ("that", other)]);
    let freed = a.union("", 16, &[("kept", one), ("rcu", head)]);
    let inner = a.structure("", 16, &[("a", long, 0), ("deep", other, 8)]);
    let longs = a.array(long, 2);
    let nested = a.union("", 16, &[("longs", longs), ("inner", inner)]);
    let pair = a.structure("", 16, &[("first", one, 0), ("second", other, 8)]);
    let overlap = a.union("", 16, &[("pair", pair), ("thing", other)]);
    let all = a.structure(
        "all",
        96,
        &[
            ("", single, 0),
            ("", same, 8),
            ("", differ, 16),
            ("", freed, 24),
            ("nested", nested, 40),
            ("beside", pair, 56),
            ("overlap", overlap, 72),
        ],
    );
    let all = a.pointer(all);
    a.function("visit", int, &[("all", all)]);
    Btf::parse(&a.finish()).expect("well-formed")
}

#[test]
fn a_pointer_of_a_union_is_followed_if_it_can_be_no_other() {
    let btf = with_unions();
    let text = generate("visit", &btf).expect("a recipe");
    for (line, is_there) in [
        ("    single if (s64)value < 0;  // struct one *single", true),
        ("    same if (s64)value < 0;", true),
        ("    again", false),
        (
            "    // this, that: a union, which of them is in use is not known",
            true,
        ),
        ("    this", false),
        ("    that", false),
        ("    kept if (s64)value < 0;", true),
        ("    nested.inner.deep if (s64)value < 0;", true),
        ("    beside.first;", true),
        ("    beside.second;", true),
        ("    // overlap.pair.first, overlap.thing: a union", true),
        ("    overlap.pair.second;", true),
    ] {
        assert_eq!(
            text.contains(&format!("\n{line}")),
            is_there,
            "{line}: {text}"
        );
    }
    compiled(&text, &btf);
    let options = AutoOptions {
        follow: vec!["all.overlap.thing".to_owned()],
        ..AutoOptions::default()
    };
    let text = generate_with("visit", &btf, &options).expect("a recipe");
    assert!(
        text.contains("struct all {\n    overlap.thing;\n"),
        "{text}"
    );
    compiled(&text, &btf);
}

fn odd_name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z_<>:{};*/ \\n\"#.?]{0,12}",
        "\\PC{0,8}",
        prop::sample::select(vec![
            "if",
            "switch",
            "else",
            "arg",
            "current",
            "limit",
            "when",
            "nth",
            "outer",
            "list_head",
            "file",
            "inode",
            "task_struct",
            "count",
            "len",
            "as",
            "value",
            "skip",
            "// x",
            "/*",
        ])
        .prop_map(str::to_owned),
    ]
}

/// For each function, what is generated compiles.
fn all_generated_compiles(bytes: &[u8]) -> Result<(), TestCaseError> {
    let Ok(btf) = Btf::parse(bytes) else {
        return Ok(());
    };
    let functions: Vec<&str> = btf
        .named(NamedKind::Function)
        .map(|(_, name)| name)
        .collect();
    for function in functions {
        if let Ok(text) = generate(function, &btf) {
            let compiled = compile(&text, "t", &btf);
            prop_assert!(
                compiled.is_ok(),
                "{text}\n{}",
                compiled.expect_err("an error")
            );
            let program = compiled.expect("a program").program;
            prop_assert_eq!(kflat_engine::verify(&program).err(), None);
        }
    }
    Ok(())
}

proptest! {
    // The fuzzer of recipes asks the same of many more.
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_is_generated_compiles_whatever_things_are_called(name in odd_name()) {
        // BTF's names end with a NUL.
        let name: String = name.chars().filter(|c| *c != '\0').collect();
        all_generated_compiles(&called(&name))?;
    }

    #[test]
    fn what_is_generated_from_damaged_types_compiles(
        is_rich in any::<bool>(),
        changes in prop::collection::vec((24usize..4000, any::<u8>()), 1..8),
    ) {
        let mut bytes = if is_rich { encoded_rich() } else { encoded_types() };
        for (at, value) in changes {
            let at = at % bytes.len();
            bytes[at] = value;
        }
        all_generated_compiles(&bytes)?;
    }
}
