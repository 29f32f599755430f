//! Where a capture begins.

use kflat_abi::program::{self as abi, MAX_ROOTS, NONE};
use kflat_abi::uapi::NAME_SIZE;
use kflat_btf::{NamedKind, TypeId};

use crate::diagnostics::Problem;
use crate::encode::NamedRoot;
use crate::names::pointee;
use crate::scope::{Scope, Word};
use crate::syntax::{Alias, How, Recipe, Root, Source};
use crate::views::Views;

impl<'a> Views<'a> {
    /// The roots of a recipe; what is wrong with them is noted.
    pub(crate) fn roots(&mut self, recipe: &'a Recipe, target: &str) -> Vec<NamedRoot> {
        let span = recipe.target.span;
        if target.len() >= NAME_SIZE {
            let message = format!("a function's name has less than {NAME_SIZE} bytes");
            self.problem(Problem::new(message, span, "too long"));
        }
        if recipe.roots.is_empty() || recipe.roots.len() > MAX_ROOTS as usize {
            let message = format!("a recipe has 1 to {MAX_ROOTS} roots");
            let help = "name an argument of the function, `arg N`, `global SYMBOL`, `current`, \
                        `returned` or `from EXPRESSION`";
            self.problem(Problem::new(message, span, "of this recipe").help(help));
        }
        let mut roots: Vec<NamedRoot> = Vec::new();
        for root in &recipe.roots {
            let Some(found) = self.root(root) else {
                continue;
            };
            let taken = |other: &NamedRoot| other.name.is_some() && other.name == found.name;
            if let (true, Some(name)) = (roots.iter().any(taken), &found.name) {
                let message = format!("two roots are called `{name}`");
                self.problem(
                    Problem::new(message, root.span, "the second one")
                        .help("give one of them another name: `as NAME`"),
                );
            }
            roots.push(found);
        }
        roots
    }

    /// A root; `None` if it is left out, or if a problem has been noted.
    fn root(&mut self, root: &'a Root) -> Option<NamedRoot> {
        let span = root.span;
        let (mut source, mut value) = (abi::ROOT_ARGUMENT, 0);
        let mut name = None;
        let mut of: Option<TypeId> = None;
        let mut to: Option<TypeId> = None;
        match &root.source {
            Source::Current => {
                source = abi::ROOT_CURRENT;
                name = Some("current".to_owned());
                to = self.btf.find(NamedKind::Struct, "task_struct");
            }
            Source::Returned => {
                if !self.function.at_return {
                    self.problem(
                        Problem::new(
                            "nothing has been returned yet",
                            span,
                            "known at the end of the call",
                        )
                        .help("capture there: `recipe FUNCTION at return { … }`"),
                    );
                    return None;
                }
                source = abi::ROOT_RETURNED;
                name = Some("returned".to_owned());
                of = self.function.returns;
            }
            Source::Global(symbol) => {
                if matches!(root.treatment.how, How::Default) {
                    let message = format!("the type of the global `{symbol}` is not known");
                    self.problem(Problem::new(message, span, "of what type?").help(
                        "BTF has no types of globals; say it: `: as struct NAME` or \
                         `: list of struct NAME by MEMBER`",
                    ));
                    return None;
                }
                source = abi::ROOT_GLOBAL;
                let global = self.pool.global(symbol, span);
                value = self.noted(global)?;
                name = Some(symbol.clone());
            }
            Source::Computed(expression) => {
                source = abi::ROOT_EXPRESSION;
                let formula = self.formula(expression, &Scope::RECIPE);
                let formula = self.noted(formula)?;
                value = self.pool.expression(&formula.code);
                to = formula.pointee;
            }
            Source::Argument(argument) => {
                let found = self.function.argument(self.btf, argument, span);
                if found.is_err() && root.optional {
                    return None;
                }
                let (slot, declared) = self.noted(found)?;
                value = slot;
                of = Some(declared);
                name = Some(argument.clone());
            }
            Source::Position(position) => {
                let found = self.function.position(self.btf, *position, span);
                if found.is_err() && root.optional {
                    return None;
                }
                let (slot, declared) = self.noted(found)?;
                value = slot;
                of = declared;
                let own = self.function.name_at(*position);
                name = Some(own.map_or_else(|| format!("arg{position}"), str::to_owned));
            }
        }
        match &root.alias {
            Alias::Own => {}
            Alias::Named(alias) => name = Some(alias.clone()),
            Alias::Unnamed => name = None,
        }
        if matches!(root.treatment.how, How::Skip) {
            return None;
        }
        let to = to.or_else(|| of.and_then(|of| pointee(self.btf, of)));
        let scope = Scope {
            word: Word::Bare(of),
            ..Scope::RECIPE
        };
        self.at_root = true;
        let aim = self.aim(to, &root.treatment, span, &scope);
        self.at_root = false;
        let aim = aim?;
        if !matches!(
            aim.action.op,
            abi::OP_POINTER | abi::OP_STRING | abi::OP_PER_CPU
        ) {
            let problem = match aim.action.op {
                abi::OP_FUNCTION => Problem::new(
                    "this root points to a function",
                    span,
                    "there is nothing to capture",
                ),
                _ => Problem::new(
                    "a root can't be the head of a container itself",
                    root.treatment.span,
                    "the word is no pointer to an object",
                )
                .help("capture the structure that holds the head, with a rule for it"),
            };
            self.problem(problem);
            return None;
        }
        let mut action = aim.at(0, name.clone().unwrap_or_default(), span);
        if let Some(condition) = &root.condition {
            let formula = self.formula(condition, &scope);
            let formula = self.noted(formula)?;
            if formula.constant == Some(0) {
                return None;
            }
            action.extra.condition = match formula.constant {
                Some(_) => NONE,
                None => self.pool.expression(&formula.code),
            };
        }
        Some(NamedRoot {
            source,
            value,
            name,
            action,
        })
    }
}
