//! The language beyond plain rules: expressions, conditions, views, containers.

mod made;

use kflat_abi::program::code::{self, Instruction};
use kflat_abi::program::{self as abi, Action, Program};
use kflat_recipe::{Compiled, compile, compile_all};
use made::rich;
use proptest::prelude::*;

fn good(text: &str) -> Compiled {
    let compiled = compile(text, "test", &rich()).unwrap_or_else(|error| panic!("{error}"));
    let verified = kflat_engine::verify(&compiled.program);
    assert!(verified.is_ok(), "{text}: {:?}", verified.err());
    compiled
}

fn program(compiled: &Compiled) -> Program<'_> {
    Program::find(&compiled.program).expect("a program")
}

/// The action of `path` in the first view of `struct thing`.
fn action(compiled: &Compiled, path: &str) -> Action {
    let program = program(compiled);
    let views = (0..program.counts().0).filter_map(|index| program.type_at(index));
    for view in views.filter(|view| program.string_at(view.name) == Some("struct thing")) {
        for index in view.first_action..view.first_action + view.action_count {
            let action = program.action_at(index).expect("an action");
            if program.string_at(action.path) == Some(path) {
                return action;
            }
        }
    }
    panic!("no action for {path}");
}

/// What an expression of a program leaves: members from `element`, arguments from
/// `arguments`, memory as the byte of its address.
fn evaluate(program: &Program<'_>, first: u32, element: &[u8], arguments: &[u64]) -> u64 {
    let number = |bytes: &[u8], signed: bool| {
        let mut wide = [0; 8];
        wide[..bytes.len()].copy_from_slice(bytes);
        extend(u64::from_le_bytes(wide), bytes.len() as u32 * 8, signed)
    };
    let mut stack: Vec<u64> = Vec::new();
    let mut at = first;
    loop {
        let Instruction {
            op,
            width,
            signed,
            value,
            ..
        } = program.instruction_at(at).expect("an instruction");
        at += 1;
        let signed = signed != 0;
        let wide = usize::from(width);
        match op {
            code::END => return stack.pop().expect("a value"),
            code::CONSTANT => stack.push(value.into()),
            code::MEMBER => {
                let from = value as usize;
                stack.push(number(&element[from..from + wide], signed));
            }
            code::ARGUMENT => stack.push(arguments[value as usize]),
            code::ELEMENT => stack.push(0x1000),
            code::SKIP => at += value,
            code::VALUE => stack.push(arguments[0]),
            _ => {
                let b = stack.pop().expect("a value");
                match op {
                    code::HIGH => stack.push(b | u64::from(value) << 32),
                    code::READ => stack.push(number(&vec![b as u8; wide], signed)),
                    code::BITS => stack.push(extend(b >> value, width.into(), signed)),
                    code::IS_ZERO => stack.push(u64::from(b == 0)),
                    code::NOT => stack.push(!b),
                    code::SWAP_BYTES => stack.push(b.swap_bytes()),
                    code::SKIP_IF_ZERO => at += if b == 0 { value } else { 0 },
                    _ => {
                        let a = stack.pop().expect("a value");
                        stack.push(match op {
                            code::ADD => a.wrapping_add(b),
                            code::SUBTRACT => a.wrapping_sub(b),
                            code::MULTIPLY => a.wrapping_mul(b),
                            code::DIVIDE => a / b,
                            code::REMAINDER => a % b,
                            code::AND => a & b,
                            code::OR => a | b,
                            code::XOR => a ^ b,
                            code::SHIFT_LEFT => a << b,
                            code::SHIFT_RIGHT => a >> b,
                            code::SHIFT_SIGNED => ((a as i64) >> b) as u64,
                            code::EQUAL => u64::from(a == b),
                            code::LESS => u64::from(a < b),
                            code::LESS_OR_EQUAL => u64::from(a <= b),
                            code::LESS_SIGNED => u64::from((a as i64) < b as i64),
                            code::LESS_OR_EQUAL_SIGNED => u64::from(a as i64 <= b as i64),
                            other => panic!("instruction {other}"),
                        });
                    }
                }
            }
        }
    }
}

fn extend(value: u64, bits: u32, signed: bool) -> u64 {
    let shifted = value << (64 - bits);
    match signed {
        true => ((shifted as i64) >> (64 - bits)) as u64,
        false => shifted >> (64 - bits),
    }
}

/// A `struct thing` with kind 7, small -3, wide 10, next 0x2211, low 5, high -2.
fn thing() -> Vec<u8> {
    let mut bytes = vec![0; 160];
    bytes[0] = 7;
    bytes[4..6].copy_from_slice(&(-3i16).to_le_bytes());
    bytes[8] = 10;
    bytes[16..18].copy_from_slice(&[0x11, 0x22]);
    bytes[144] = 5 | (30 << 3);
    bytes
}

#[test]
fn expressions_have_the_values_of_c() {
    // fd -1 and small 200 with rubbish above them, n 100, buf 0x30.
    let arguments = [
        0x11,
        0xdead_beef_ffff_ffff,
        0xffff_ff00_0000_00c8,
        100,
        0x30,
    ];
    let cases: &[(&str, i64)] = &[
        ("wide + 2 * 3", 16),
        ("(wide + 2) * 3", 36),
        ("wide - 3 - 2", 5),
        ("kind == FANCY", 1),
        ("kind != FANCY || wide == 10", 1),
        ("kind == BAD && wide == 10", 0),
        ("small", -3),
        ("small < 0", 1),
        ("small < wide", 0),
        ("(s64)small + 4", 1),
        ("small >> 1", -2),
        ("-small", 3),
        ("~wide & 0xff", 0xf5),
        ("wide ? small : 9", -3),
        ("!wide", 0),
        ("!!wide + 1", 2),
        ("bits.low", -3),
        ("bits.high + 1", -1),
        ("(u8)-1 + wide", 265),
        ("(u16)small", 0xfffd),
        ("arg fd", -1),
        ("arg small + 1", 201),
        ("arg n / 7 % 4", 2),
        ("arg 3 << 2 | 1", 401),
        ("sizeof(struct thing) + offsetof(struct thing, wide)", 168),
        (
            "exists(wide) + exists(nothing) * 2 + exists(struct item)",
            1,
        ),
        ("exists(nothing) ? nothing : 4", 4),
        ("next->wide", 0x1919_1919_1919_1919),
        ("next->small", 0x1515),
        ("next->bits.low", 1),
        ("next->next->kind", 0x1111_1111 & 0x2121_2121),
        ("*(u8 *)(arg buf + 4)", 0x34),
        ("&small - &wide", -4),
        ("this.wide", 10),
        ("be16(small)", 0xfdff),
        ("0xffffffffffffffff == -1", 1),
        ("1 << 63 > 0", 1),
        ("wide >= 10 && wide <= 10", 1),
        ("(wide ^ 3) * 4K", 9 * 4096),
    ];
    for (text, expected) in cases {
        let folded = ["sizeof", "exists", "0xfff", "1 <<"]
            .iter()
            .any(|s| text.starts_with(s));
        // A value keeps constants from being counted before the capture.
        let shown = match folded {
            true => format!("wide - wide + ({text})"),
            false => format!("({text}) + (wide - wide)"),
        };
        if *text == "next->next->kind" {
            continue;
        }
        let recipe = format!("recipe probe {{ thing; }} struct thing {{ next: array {shown}; }}");
        let compiled = good(&recipe);
        let count = action(&compiled, "next").count;
        assert_eq!(count.kind, abi::OPERAND_EXPRESSION, "{text}");
        let value = evaluate(&program(&compiled), count.value, &thing(), &arguments);
        assert_eq!(value as i64, *expected, "{text}");
    }
}

#[test]
fn arguments_narrower_than_a_register_are_cut_where_they_count() {
    let compiled = good("recipe probe { buf: bytes small; thing: bytes fd; any?; }");
    let program = program(&compiled);
    let count = |root| {
        let root = program.root_at(root).expect("a root");
        program.action_at(root.action).expect("an action").count
    };
    let rubbish = [0, 0xffff_ffff_8000_0001, 0xabcd_ef07];
    assert_eq!(evaluate(&program, count(0).value, &[], &rubbish), 7);
    assert_eq!(
        evaluate(&program, count(1).value, &[], &rubbish) as i64,
        -0x7fff_ffff
    );
    assert_eq!(count(1).signed, 1);
}

#[test]
fn members_that_share_bytes_become_one_choice() {
    let compiled = good(
        "recipe probe { thing; }
         struct thing {
             switch kind {
                 case PLAIN, 3: plain;
                 case FANCY: fancy: as struct thing if wide;
                 else: number: skip;
             }
         }",
    );
    let choice = action(&compiled, "plain");
    assert_eq!((choice.op, choice.offset), (abi::OP_CHOICE, 152));
    let program = program(&compiled);
    let extra = program.extra_at(choice.extra).expect("an extra");
    let cases: Vec<_> = (extra.first_case..extra.first_case + extra.case_count)
        .map(|index| program.case_at(index).expect("a case"))
        .map(|case| {
            (
                case.value,
                program.action_at(case.action).map(|a| a.op),
                case.flags,
            )
        })
        .collect();
    assert_eq!(
        cases,
        [
            (0, Some(abi::OP_STRING), 0),
            (3, Some(abi::OP_STRING), 0),
            (7, Some(abi::OP_POINTER), 0),
            (0, None, abi::CASE_DEFAULT),
        ]
    );
    let selected = evaluate(&program, extra.selector, &thing(), &[]);
    assert_eq!(selected, 7);
}

#[test]
fn the_first_condition_that_holds_decides() {
    let compiled = good(
        "recipe probe { thing; }
         struct thing {
             if small > 0 { plain; } else if wide == 10 { fancy: as struct thing; }
             else { number: as struct thing; }
         }",
    );
    let choice = action(&compiled, "plain");
    let program = program(&compiled);
    let extra = program.extra_at(choice.extra).expect("an extra");
    assert_eq!(extra.case_count, 3);
    let mut bytes = thing();
    assert_eq!(evaluate(&program, extra.selector, &bytes, &[]), 2);
    bytes[8] = 9;
    assert_eq!(evaluate(&program, extra.selector, &bytes, &[]), 3);
    bytes[5] = 1;
    assert_eq!(evaluate(&program, extra.selector, &bytes, &[]), 1);
}

#[test]
fn a_switch_on_what_is_not_known_before_compares_in_turn() {
    let compiled = good(
        "recipe probe { thing; }
         struct thing {
             any: switch wide { case arg n: as struct thing; case global there: string; else: skip; }
         }",
    );
    let choice = action(&compiled, "any");
    let program = program(&compiled);
    let extra = program.extra_at(choice.extra).expect("an extra");
    assert_eq!(program.global_at(0), Some("there"));
    assert_eq!((choice.op, extra.case_count), (abi::OP_CHOICE, 3));
}

#[test]
fn each_way_that_a_program_knows_has_its_words() {
    let cases: &[(&str, u8)] = &[
        (
            "next: tagged 3 decode value & ~7 as struct thing;",
            abi::OP_POINTER,
        ),
        ("next: user;", abi::OP_POINTER),
        ("next: user array until null;", 0),
        ("things: array until null;", abi::OP_POINTER),
        ("next: array until kind == BAD;", abi::OP_POINTER),
        (
            "things: array wide of as struct thing { next; };",
            abi::OP_POINTER,
        ),
        ("any: user string max 20;", abi::OP_STRING),
        ("any: keep as struct thing;", abi::OP_POINTER),
        ("any: whole object;", abi::OP_POINTER),
        ("any: rest of object as s32;", abi::OP_POINTER),
        ("any: whole object max 64;", abi::OP_POINTER),
        ("any: rest of object as s32 max 4;", abi::OP_POINTER),
        ("any: per cpu as struct thing;", abi::OP_PER_CPU),
        ("any: this cpu as struct thing array 2;", abi::OP_POINTER),
        ("any: as struct thing * array 3;", abi::OP_POINTER),
        ("any: container of struct thing by hash;", abi::OP_POINTER),
        ("next: chain of struct thing by next max 9;", abi::OP_CHAIN),
        ("any: tree of struct thing by node;", abi::OP_POINTER),
        ("any: xarray of struct thing;", abi::OP_POINTER),
        ("map: xarray of struct thing { next; };", abi::OP_EMBED),
        ("table: hlist of struct thing by hash;", abi::OP_EMBED),
        ("names: array 1;", abi::OP_EMBED),
        ("names: array small of string max 7;", abi::OP_EMBED),
        ("names: here as pair;", abi::OP_EMBED),
        (
            "next with level = 3 { next: array level; }",
            abi::OP_POINTER,
        ),
        (
            "next: as counted with level = wide, size = address;",
            abi::OP_POINTER,
        ),
        ("next if arg fd > 2;", abi::OP_POINTER),
        ("next { any: string; }", abi::OP_POINTER),
    ];
    for (member, op) in cases {
        let text = format!(
            "recipe probe at return {{ thing; returned; from thing->next as other if n; detect changes; }}
             struct thing {{ {member} }}
             view pair of char *: string max 5;
             view counted(level, size) of struct thing {{ things: array level * size; }}"
        );
        if *op == 0 {
            assert!(compile(&text, "t", &rich()).is_err(), "{member}");
            continue;
        }
        let compiled = good(&text);
        let path = member.split([':', ' ']).next().expect("a name");
        assert_eq!(action(&compiled, path).op, *op, "{member}");
    }
}

#[test]
fn a_tree_is_walked_by_its_nodes() {
    let compiled = good(
        "recipe probe { thing; } struct thing { tree: tree of struct thing by node { any: string; } }",
    );
    let program = program(&compiled);
    let root = action(&compiled, "tree");
    assert_eq!(
        (root.op, root.offset, root.shift),
        (abi::OP_POINTER, 72, -32)
    );
    let node = program.type_at(root.target).expect("a view");
    let found: Vec<_> = (node.first_action..node.first_action + node.action_count)
        .map(|index| program.action_at(index).expect("an action"))
        .map(|a| (a.offset, a.op, a.tag_mask, a.shift, a.target == root.target))
        .collect();
    assert_eq!(
        found,
        [
            (24, abi::OP_STRING, 0, 0, false),
            (32, abi::OP_POINTER, 3, -32, true),
            (40, abi::OP_POINTER, 0, -32, true),
            (48, abi::OP_POINTER, 0, -32, true),
        ]
    );
}

#[test]
fn what_tagged_pointers_lead_to_keeps_its_alignment() {
    for (mask, align) in [("0", 8), ("3", 8), ("0xff", 256), ("0x80", 256)] {
        let compiled = good(&format!(
            "recipe probe {{ thing; }} struct thing {{ any: tagged {mask} as struct rb_node; }}"
        ));
        let program = program(&compiled);
        let target = action(&compiled, "any").target;
        assert_eq!(
            program.type_at(target).map(|view| view.align),
            Some(align),
            "{mask}"
        );
    }
}

#[test]
fn a_flexible_array_is_the_tail_of_its_type() {
    for (rule, constant) in [
        ("data: bytes wide;", false),
        ("data: array 12;", true),
        ("data: rest of object;", false),
    ] {
        let compiled = good(&format!(
            "recipe probe {{ thing; }} struct thing {{ {rule} }}"
        ));
        let program = program(&compiled);
        let root = program.root_at(0).expect("a root");
        let view = program.action_at(root.action).expect("an action").target;
        let view = program.type_at(view).expect("a view");
        assert_eq!(
            (view.tail != abi::NONE, view.tail_offset),
            (true, 160),
            "{rule}"
        );
        assert_eq!(
            view.tail_count.kind == abi::OPERAND_CONSTANT,
            constant,
            "{rule}"
        );
    }
    let text = "recipe probe { thing; } struct thing { next: array 3; data: bytes wide; }";
    let error = compile(text, "t", &rich())
        .expect_err("no common size")
        .to_string();
    assert!(error.contains("flexible array"), "{error}");
}

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

fn word() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "wide",
        "small",
        "kind",
        "next",
        "any",
        "things",
        "names",
        "tree",
        "table",
        "map",
        "data",
        "plain",
        "fancy",
        "number",
        "bits.low",
        "hash",
        "node",
        ":",
        ";",
        "{",
        "}",
        "(",
        ")",
        "if",
        "else",
        "switch",
        "case",
        "as",
        "array",
        "of",
        "struct thing",
        "string",
        "bytes",
        "until",
        "null",
        "with",
        "level",
        "=",
        "+",
        "->",
        "value",
        "arg fd",
        "== \"seven\"",
        "'7'",
        "7",
        "skip",
        "user",
        "keep",
        "per cpu",
        "this cpu",
        "whole object",
        "rest of object",
        "list",
        "tree of struct thing by node",
        "xarray of struct thing",
        "hlist of struct thing by hash",
        "counted",
        "tagged 3",
        "decode value",
        "here as pair",
        "exists(wide)",
        "?",
        "&",
        "==",
        "[",
        "]",
        "index",
        "address",
        "global g",
    ])
}

fn formula() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "wide",
        "small",
        "kind",
        "bits.low",
        "next->wide",
        "7",
        "arg fd",
        "arg n",
        "value",
        "index",
        "cpu",
        "FANCY",
        "0x1234567890",
        "next->next->small",
        "this_cpu(any)",
        "object_end(next)",
        "&hash",
        "names[1]",
        "names[wide]",
        "global g",
        "in_object(8)",
        "exists(nothing)",
    ]);
    leaf.prop_map(str::to_owned)
        .prop_recursive(4, 24, 3, |inner| {
            let operator = prop::sample::select(vec![
                "+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>", "==", "!=", "<", "<=", ">",
                ">=", "&&", "||",
            ]);
            prop_oneof![
                (inner.clone(), operator, inner.clone())
                    .prop_map(|(a, o, b)| format!("({a}) {o} ({b})")),
                (inner.clone(), inner.clone(), inner.clone())
                    .prop_map(|(a, b, c)| format!("({a}) ? ({b}) : ({c})")),
                (
                    prop::sample::select(vec!["!", "~", "-", "(u8)", "(s16)", "(int)"]),
                    inner
                )
                    .prop_map(|(o, a)| format!("{o}({a})")),
            ]
        })
}

fn way() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "",
        ": string max EXPR",
        ": bytes EXPR",
        ": array EXPR",
        ": as struct thing array EXPR",
        ": skip",
        ": user",
        ": keep decode EXPR as struct thing",
        ": per cpu as struct thing",
        ": this cpu as struct thing",
        ": whole object",
        ": rest of object as struct rb_node",
        ": array EXPR of string",
        ": tree of struct thing by node",
        ": hlist of struct thing by hash",
        ": xarray of struct thing",
        ": chain of struct thing by next",
        ": as counted with level = EXPR",
        ": array until null",
        ": as struct thing array until EXPR",
        ": here as pair",
    ])
}

proptest! {
    #[test]
    fn what_compiles_passes_the_verifier(
        members in prop::collection::vec((word(), way(), formula(), any::<bool>()), 1..5),
        first in formula(),
    ) {
        let mut text = "recipe probe at return { thing; buf: bytes n; returned if fd; } struct thing { ".to_owned();
        for (at, (member, way, formula, guarded)) in members.iter().enumerate() {
            let way = way.replace("EXPR", formula);
            match (guarded, at % 2) {
                (false, _) => text += &format!("{member}{way}; "),
                (true, 0) => text += &format!("{member}{way} if {first}; "),
                (true, _) => text += &format!("switch {first} {{ case 1, {formula}: {member}{way}; else: plain; }} "),
            }
        }
        text += "} view pair of char *: string max 5;
            view counted(level) of struct thing { things: array level; }";
        if let Ok(compiled) = compile(&text, "t", &rich()) {
            let verified = kflat_engine::verify(&compiled.program);
            prop_assert!(verified.is_ok(), "{text}: {:?}", verified.err());
        }
    }

    #[test]
    fn no_words_of_the_language_do_harm(words in prop::collection::vec(word(), 0..30)) {
        let text = format!("recipe probe {{ thing; }} struct thing {{ {} }} view pair of char *: string;", words.join(" "));
        if let Ok(compiled) = compile(&text, "t", &rich()) {
            let verified = kflat_engine::verify(&compiled.program);
            prop_assert!(verified.is_ok(), "{text}: {:?}", verified.err());
        }
    }

    #[test]
    fn no_words_do_harm_as_a_condition(words in prop::collection::vec(word(), 1..8)) {
        let text = format!("recipe probe at return {{ thing; when thing->{}; }}", words.join(" "));
        if let Ok(compiled) = compile(&text, "t", &rich()) {
            let verified = kflat_engine::verify(&compiled.program);
            prop_assert!(verified.is_ok(), "{text}: {:?}", verified.err());
        }
    }

    #[test]
    fn no_damaged_types_do_harm(changes in prop::collection::vec((24usize..4000, any::<u8>()), 1..8)) {
        const TEXT: &str = "recipe probe at return { thing; buf: bytes n; returned; when thing->names[0] == \"a name\" || n > 'x'; nth 2; }
            struct thing { next if wide; any: switch kind { case FANCY: string; else: as counted with level = small; }
                tree: tree of struct thing by node; table: hlist of struct thing by hash; map: xarray of struct thing;
                names: array wide of string; things: array until null; data: bytes wide; plain if bits.low; }
            view counted(level) of struct thing { things: array level; }";
        let mut bytes = made::encoded_rich();
        for (at, value) in changes {
            let at = at % bytes.len();
            bytes[at] = value;
        }
        if let Ok(btf) = kflat_btf::Btf::parse(&bytes)
            && let Ok(compiled) = compile(TEXT, "t", &btf)
        {
            prop_assert_eq!(kflat_engine::verify(&compiled.program).err(), None);
        }
    }
}

#[test]
fn a_recipe_is_explained_in_words() {
    let text = "recipe probe at return { thing; buf: user bytes n; limit depth 7; }
        struct thing { next; table: hlist of struct thing by hash { any: whole object; }
            switch kind { case FANCY: plain; case PLAIN: fancy: as struct rb_node if wide; else: number: skip; } }";
    let shown = kflat_recipe::explain(text, "t", &rich()).unwrap_or_else(|error| panic!("{error}"));
    for line in [
        "When probe returns, this is captured:",
        "  thing  struct thing",
        "  buf    bytes, as many as the recipe counts, in memory of the process",
        "plain  one of: a string; fancy: struct rb_node, under a condition; nothing",
        "not followed, of unknown type: any",
        "not followed, a link whose head is elsewhere: node, hash",
        "not followed, no rule names them: things",
        "struct thing, by a rule for this way to it",
        "  any  the whole object, as bytes",
        "  depth  7",
    ] {
        assert!(shown.contains(line), "{line}\n{shown}");
    }
}
