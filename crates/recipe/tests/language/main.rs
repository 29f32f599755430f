//! The language beyond plain rules: expressions, conditions, views, containers.

mod conditions;
mod evaluate;
mod explanations;
mod expressions;
mod includes;
#[path = "../made/mod.rs"]
mod made;
mod mistakes;
mod properties;
mod ways;

use kflat_abi::program::{Action, Program};
use kflat_recipe::{Compiled, compile};
use made::rich;

pub(crate) fn good(text: &str) -> Compiled {
    let compiled = compile(text, "test", &rich()).unwrap_or_else(|error| panic!("{error}"));
    let verified = kflat_engine::verify(&compiled.program);
    assert!(verified.is_ok(), "{text}: {:?}", verified.err());
    compiled
}

pub(crate) fn program(compiled: &Compiled) -> Program<'_> {
    Program::find(&compiled.program).expect("a program")
}

/// The action of `path` in the first view of `struct thing`.
pub(crate) fn action(compiled: &Compiled, path: &str) -> Action {
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
