//! What a recipe would capture, as far as its types tell.

use std::collections::VecDeque;
use std::io::{self, Write};

use anyhow::{Context, Result};
use kflat_abi::program::{
    Action, Limits, NONE, OP_CHAIN, OP_CHOICE, OP_EMBED, OP_FUNCTION, OP_LIST, OP_PER_CPU,
    OP_STRING, OPERAND_CONSTANT, Program, Type,
};

use crate::recipe_source::Recipe;
use crate::size::{counted, shown};

/// A type that a pointer leads to.
#[derive(Debug, PartialEq, Eq)]
struct Reached {
    name: String,
    /// Of one object, without its flexible array.
    bytes: u64,
    /// Pointers from a root.
    depth: u32,
    /// What one pointer leads to.
    many: &'static str,
}

/// Says what would be followed, and its size.
pub(super) fn print(recipes: &[Recipe], area: u64) -> Result<()> {
    let mut out = io::stdout().lock();
    for recipe in recipes {
        let program = Program::find(&recipe.program);
        let program = program.context("the recipe program is damaged: compile the recipe anew")?;
        out.write_all(told(&recipe.target, &program, area).as_bytes())?;
    }
    Ok(())
}

fn told(target: &str, program: &Program<'_>, area: u64) -> String {
    let reached = reached(program);
    let mut text = format!("{target} would follow, by types:\n\n     bytes  depth  type\n");
    for one in &reached {
        let Reached {
            name,
            bytes,
            depth,
            many,
        } = one;
        text.push_str(&format!("{bytes:>10}  {depth:>5}  {name}{many}\n"));
    }
    let bytes = reached.iter().map(|one| one.bytes).sum();
    text.push_str(&format!(
        "\nOne of each is {}, {}. How many there are only a call tells.\n\
         It ends at {}, and what fits an area of {}.\n",
        counted(reached.len() as u64, "object"),
        shown(bytes),
        limits(&program.limits()),
        shown(area)
    ));
    text
}

fn limits(limits: &Limits) -> String {
    let mut said = Vec::new();
    if limits.objects > 0 {
        said.push(counted(limits.objects.into(), "object"));
    }
    if limits.bytes > 0 {
        said.push(shown(limits.bytes));
    }
    if limits.depth > 0 {
        said.push(format!("depth {}", limits.depth));
    }
    match said.is_empty() {
        true => "no limit of the recipe's".to_owned(),
        false => said.join(", "),
    }
}

/// Each type that is reached, by its shortest way from a root.
fn reached(program: &Program<'_>) -> Vec<Reached> {
    let (types, _, roots) = program.counts();
    let mut walk = Walk {
        program,
        found: Vec::new(),
        seen: vec![false; types as usize],
        pending: VecDeque::new(),
    };
    for root in (0..roots).filter_map(|index| program.root_at(index)) {
        if let Some(action) = program.action_at(root.action) {
            walk.follow(&action, 1);
        }
    }
    let most = match program.limits().depth {
        0 => u32::MAX,
        depth => depth,
    };
    while let Some((view, depth)) = walk.pending.pop_front() {
        if depth < most {
            walk.actions(&view, depth + 1, 0);
        }
    }
    walk.found
}

struct Walk<'p> {
    program: &'p Program<'p>,
    found: Vec<Reached>,
    seen: Vec<bool>,
    /// Types whose actions are still to be looked at, and their depth.
    pending: VecDeque<(Type, u32)>,
}

impl Walk<'_> {
    /// What the actions of a type lead to. Embedded types nest no deeper than the
    /// verifier lets them.
    fn actions(&mut self, view: &Type, depth: u32, nesting: usize) {
        if nesting > kflat_abi::program::MAX_NESTING {
            return;
        }
        for via in view.first_action..view.first_action.saturating_add(view.action_count) {
            if let Some(action) = self.program.action_at(via) {
                self.member(&action, depth, nesting);
            }
        }
        if let Some(tail) = self
            .program
            .type_at(view.tail)
            .filter(|_| view.tail != NONE)
        {
            self.actions(&tail, depth, nesting + 1);
        }
    }

    fn member(&mut self, action: &Action, depth: u32, nesting: usize) {
        match action.op {
            OP_FUNCTION => {}
            OP_EMBED => {
                if let Some(inner) = self.program.type_at(action.target) {
                    self.actions(&inner, depth, nesting + 1);
                }
            }
            OP_CHOICE => {
                let extra = self.program.extra_at(action.extra).unwrap_or_default();
                let cases = extra.first_case..extra.first_case.saturating_add(extra.case_count);
                for case in cases.filter_map(|index| self.program.case_at(index)) {
                    let chosen = self.program.action_at(case.action);
                    if let Some(chosen) = chosen.filter(|chosen| chosen.op != OP_CHOICE) {
                        self.member(&chosen, depth, nesting);
                    }
                }
            }
            _ => self.follow(action, depth),
        }
    }

    fn follow(&mut self, action: &Action, depth: u32) {
        let Some(view) = self.program.type_at(action.target) else {
            return;
        };
        let Some(seen) = self.seen.get_mut(action.target as usize) else {
            return;
        };
        if std::mem::replace(seen, true) {
            return;
        }
        let count = action.count;
        let (times, many) = match (action.op, count.kind) {
            (OP_STRING, _) => (1, ", a string up to its NUL"),
            (OP_LIST..=OP_CHAIN, _) => (1, ", each on a list"),
            (OP_PER_CPU, _) => (1, ", of each CPU"),
            (_, OPERAND_CONSTANT) if view.tail != NONE => (1, " and its flexible array"),
            (_, OPERAND_CONSTANT) => (u64::from(count.value), ""),
            _ => (1, ", as many as the recipe counts"),
        };
        let name = self.program.string_at(view.name).unwrap_or_default();
        self.found.push(Reached {
            name: if name == "void" { "bytes" } else { name }.to_owned(),
            bytes: u64::from(view.size) * times,
            depth,
            many,
        });
        self.pending.push_back((view, depth));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kflat_btf::{Assembler, Btf};

    #[test]
    fn types_are_told_with_their_sizes_and_the_shortest_way_to_them() {
        let mut a = Assembler::default();
        let int = a.int("int", 4, true);
        let char_ = a.int("char", 1, true);
        let text = a.pointer(char_);
        let leaf = a.structure("leaf", 16, &[("name", text, 0), ("id", int, 8)]);
        let leaf = a.pointer(leaf);
        let node = a.next_id();
        let next = kflat_btf::TypeId(node.0 + 1);
        let members = [("next", next, 0), ("leaf", leaf, 8), ("count", int, 16)];
        a.structure("node", 24, &members);
        a.pointer(node);
        a.function("visit", int, &[("node", next), ("n", int)]);
        let btf = Btf::parse(&a.finish()).unwrap();
        let of = |rules: &str| {
            let text = format!("recipe visit {{ node: array 3; limit depth 2; }} {rules}");
            let compiled = kflat_recipe::compile(&text, "t", &btf).unwrap();
            told("visit", &Program::find(&compiled.program).unwrap(), 4096)
        };
        // The circle is one type; the string is one pointer too far.
        let shown = of("struct node { next; leaf; } struct leaf { name; }");
        assert!(
            shown.contains("        72      1  struct node\n"),
            "{shown}"
        );
        assert!(
            shown.contains("        16      2  struct leaf\n"),
            "{shown}"
        );
        assert!(!shown.contains("char"), "{shown}");
        assert!(
            shown.contains("One of each is 2 objects, 88 bytes."),
            "{shown}"
        );
        assert!(
            shown.contains("It ends at depth 2, and what fits an area of 4.0 KiB."),
            "{shown}"
        );
        let counted = of("struct node { leaf: array count; }");
        assert!(
            counted.contains("struct leaf, as many as the recipe counts"),
            "{counted}"
        );
    }
}
