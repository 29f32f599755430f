//! What is followed when.

use kflat_abi::program as abi;

use crate::evaluate::{evaluate, thing};
use crate::{action, good, program};

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
