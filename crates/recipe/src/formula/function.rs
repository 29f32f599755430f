//! The probed function's arguments.

use kflat_abi::program::MAX_ARGUMENTS;
use kflat_btf::{Btf, NamedKind, Parameter, TypeId};

use crate::diagnostics::{Problem, Span};
use crate::syntax::{Recipe, Target};

/// Name, type and slot of a parameter.
type Known = (String, TypeId, Option<u32>);

/// What is known of the probed function.
#[derive(Clone, Debug, Default)]
pub(crate) struct Function {
    pub(crate) name: String,
    /// Where the recipe names it.
    pub(crate) span: Span,
    /// Names, types and slots of its parameters; `None` without BTF.
    parameters: Option<Vec<Known>>,
    pub(crate) returns: Option<TypeId>,
    pub(crate) at_return: bool,
}

impl Function {
    /// The function that a recipe is for.
    pub(crate) fn of(btf: &Btf, recipe: &Recipe) -> Self {
        let Target {
            function, module, ..
        } = &recipe.target.value;
        let is_tracepoint = module.as_deref() == Some(TRACEPOINT);
        let prototype = btf.prototype(function).filter(|_| !is_tracepoint);
        Self {
            name: function.clone(),
            span: recipe.target.span,
            parameters: match is_tracepoint {
                true => parameters_of_tracepoint(btf, function),
                false => parameters(btf, function),
            },
            returns: prototype.map(|(returns, _)| returns),
            at_return: recipe.at_return,
        }
    }

    /// The function of a target as a program has it.
    pub(crate) fn named(btf: &Btf, target: &str) -> Self {
        let (module, name) = match target.split_once(':') {
            Some((module, name)) => (module, name),
            None => ("", target),
        };
        let name = name.split('+').next().unwrap_or(name);
        Self {
            name: name.to_owned(),
            parameters: match module {
                TRACEPOINT => parameters_of_tracepoint(btf, name),
                _ => parameters(btf, name),
            },
            ..Self::default()
        }
    }

    /// Where the argument `name` is passed, if it is known.
    pub(crate) fn slot(&self, name: &str) -> Option<u32> {
        let mut known = self.parameters.iter().flatten();
        known
            .find(|(found, ..)| !name.is_empty() && found == name)?
            .2
    }

    pub(crate) fn has_argument(&self, name: &str) -> bool {
        let known = self.parameters.as_deref().unwrap_or_default();
        known.iter().any(|(found, ..)| found == name)
    }

    /// Slot and type of the argument `name`.
    pub(crate) fn argument(
        &self,
        btf: &Btf,
        name: &str,
        span: Span,
    ) -> Result<(u32, TypeId), Problem> {
        let function = &self.name;
        let Some(parameters) = &self.parameters else {
            let functions = btf.named(NamedKind::Function).map(|(_, name)| name);
            let message = format!("the arguments of `{function}` are not known");
            let label = "no such function in the kernel's BTF";
            return Err(Problem::new(message, self.span, label)
                .help(
                    "arguments of a function without BTF go by position and type: \
                     `arg 0 as NAME: as struct NAME`; a module's function is named \
                     `module:function`",
                )
                .nearest(function, functions));
        };
        let names = || parameters.iter().map(|(name, ..)| name.as_str());
        let Some((_, of, slot)) = parameters.iter().find(|(found, ..)| found == name) else {
            let declaration = btf.function_declaration(function).unwrap_or_default();
            let message = format!("`{function}` has no argument `{name}`");
            return Err(Problem::new(message, span, "no such argument")
                .help(format!("it is {declaration}"))
                .nearest(name, names()));
        };
        match slot {
            Some(slot) => Ok((*slot, *of)),
            None => Err(Problem::new(
                format!("`{name}` is passed in a way that kflat does not know"),
                span,
                "behind a structure on the stack",
            )),
        }
    }

    /// Slot of the argument at `position`, and its type if that is known.
    pub(crate) fn position(
        &self,
        btf: &Btf,
        position: u64,
        span: Span,
    ) -> Result<(u32, Option<TypeId>), Problem> {
        let at = usize::try_from(position).unwrap_or(usize::MAX);
        let found = match &self.parameters {
            None if at < MAX_ARGUMENTS => return Ok((at as u32, None)),
            None => None,
            Some(parameters) => parameters.get(at),
        };
        if let Some((_, of, Some(slot))) = found {
            return Ok((*slot, Some(*of)));
        }
        let function = &self.name;
        let help = match btf.function_declaration(function) {
            Some(declaration) => format!("positions begin with 0: {declaration}"),
            None => format!("positions are 0 to {}", MAX_ARGUMENTS - 1),
        };
        let message = format!("`{function}` has no such argument");
        Err(Problem::new(message, span, "no such argument").help(help))
    }

    /// The name of the argument at `position`, if it has one.
    pub(crate) fn name_at(&self, position: u64) -> Option<&str> {
        let at = usize::try_from(position).ok()?;
        let (name, ..) = self.parameters.as_ref()?.get(at)?;
        (!name.is_empty()).then_some(name)
    }
}

/// Stands where a module would.
pub(crate) const TRACEPOINT: &str = "tracepoint";

fn parameters(btf: &Btf, function: &str) -> Option<Vec<Known>> {
    let (_, parameters) = btf.prototype(function)?;
    known(btf, parameters)
}

/// Those of the function that calls what is registered there, but for the first,
/// which is the caller's own. Tracepoints have it since 5.10.
fn parameters_of_tracepoint(btf: &Btf, name: &str) -> Option<Vec<Known>> {
    let (_, parameters) = btf.prototype(&format!("__traceiter_{name}"))?;
    known(btf, parameters.get(1..)?)
}

fn known(btf: &Btf, parameters: &[Parameter]) -> Option<Vec<Known>> {
    let slots = btf.argument_words(parameters).into_iter();
    let slots = slots.map(|slot| slot.filter(|slot| (*slot as usize) < MAX_ARGUMENTS));
    let known = parameters.iter().zip(slots);
    Some(
        known
            .map(|(one, slot)| (btf.parameter_name(one).to_owned(), one.of, slot))
            .collect(),
    )
}
