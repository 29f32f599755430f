//! A recipe and a kernel's types to a program.

use kflat_abi::program as abi;
use kflat_btf::{Btf, NamedKind, Subset, TypeId, layout_hash};

use crate::diagnostics::{Diagnostics, Problem, Source};
use crate::encode::{Parts, encode};
use crate::formula::{Function, TRACEPOINT};
use crate::include::{self, CONTAINERS, Text};
use crate::scope::Scope;
use crate::syntax::{Expression, Recipe, Target};
use crate::views::Views;

/// A recipe, ready to be loaded.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The recipe's name: `function`, `module:function`, or either with
    /// `+decimal_offset`.
    pub target: String,
    /// The program ([`kflat_abi::program`]).
    pub program: Vec<u8>,
    /// BTF of the types that the program speaks of, by its own numbers.
    pub types: Vec<u8>,
    /// The recipe's text.
    pub source: String,
}

/// Compiles the recipe in `text` for a kernel with the types `btf`; `name` is
/// what messages call the text, and includes are looked for beside it. For a
/// function of a module `btf` must have the module's types too
/// ([`kflat_btf::kernel::with_module`]).
///
/// # Errors
/// All that is wrong with the recipe, each at its place; also if there are
/// several recipes in the text.
pub fn compile(text: &str, name: &str, btf: &Btf) -> Result<Compiled, Diagnostics> {
    let parsed = include::parse_all(text, name)?;
    if let Some(second) = parsed.files[0].recipes.get(1) {
        let span = second.target.span;
        let problem = Problem::new("there are several recipes here", span, "the second one")
            .help("one is expected: put the others into files of their own");
        return Err(Diagnostics::new(parsed.sources, vec![problem]));
    }
    let mut all = compile_parsed(&parsed, text, btf)?;
    all.pop().ok_or_else(|| no_recipe(parsed.sources))
}

/// Compiles all recipes in `text`, as [`compile`] does one.
///
/// # Errors
/// All that is wrong with the recipes, each at its place.
pub fn compile_all(text: &str, name: &str, btf: &Btf) -> Result<Vec<Compiled>, Diagnostics> {
    let parsed = include::parse_all(text, name)?;
    let all = compile_parsed(&parsed, text, btf)?;
    match all.is_empty() {
        true => Err(no_recipe(parsed.sources)),
        false => Ok(all),
    }
}

/// What the recipes in `text` follow, what they do not, and why: in words and as
/// a table for each type.
///
/// # Errors
/// All that is wrong with the recipes, each at its place.
pub fn explain(text: &str, name: &str, btf: &Btf) -> Result<String, Diagnostics> {
    let parsed = include::parse_all(text, name)?;
    let all = compile_parsed(&parsed, text, btf)?;
    if all.is_empty() {
        return Err(no_recipe(parsed.sources));
    }
    let containers = containers(&parsed)?;
    let mut out = String::new();
    for recipe in &parsed.files[0].recipes {
        let function = Function::of(btf, recipe);
        let mut views = Views::new(btf, function, &parsed.files, &containers);
        let target = written(&recipe.target.value);
        let roots = views.roots(recipe, &target);
        views.complete();
        let event = crate::explain::event(&target, recipe, &parsed.sources);
        crate::explain::recipe(&mut out, &event, recipe, &roots, &views);
    }
    Ok(out)
}

/// Checks rules that belong to no recipe, as a text to be included has them.
///
/// # Errors
/// All that is wrong with them, each at its place.
pub fn check_rules(text: &str, name: &str, btf: &Btf) -> Result<(), Diagnostics> {
    let parsed = include::parse_all(text, name)?;
    match unused_problems(&parsed, Function::default(), btf)? {
        problems if problems.is_empty() => Ok(()),
        problems => Err(Diagnostics::new(parsed.sources, sorted(problems))),
    }
}

/// What is wrong with a text that includes the knowledge base and nothing else.
pub(crate) fn problems(text: &str, btf: &Btf) -> Vec<Problem> {
    let parsed = match include::parse_with_knowledge(text) {
        Ok(parsed) => parsed,
        Err(problem) => return vec![problem],
    };
    match compile_parsed(&parsed, text, btf) {
        Ok(_) => Vec::new(),
        Err(diagnostics) => diagnostics.problems().to_vec(),
    }
}

/// The module whose function a recipe is for, so that its types can be loaded
/// before it is compiled.
///
/// # Errors
/// If the text is no recipe.
pub fn module_of(text: &str, name: &str) -> Result<Option<String>, Diagnostics> {
    let parsed = include::parse_all(text, name)?;
    let recipes = parsed.files.into_iter().flat_map(|file| file.recipes);
    let found = (recipes.map(|recipe| recipe.target.value.module))
        // Which are the kernel's own.
        .map(|module| module.filter(|module| module != TRACEPOINT))
        .next();
    found.ok_or_else(|| no_recipe(parsed.sources))
}

fn no_recipe(sources: Vec<Source>) -> Diagnostics {
    let span = crate::diagnostics::Span::default();
    let problem = Problem::new(
        "expected `recipe`: there are only rules here",
        span,
        "no recipe",
    )
    .help("expected `recipe FUNCTION { ARGUMENT; }`");
    Diagnostics::new(sources, vec![problem])
}

fn compile_parsed(parsed: &Text, text: &str, btf: &Btf) -> Result<Vec<Compiled>, Diagnostics> {
    let containers = containers(parsed)?;
    let (mut compiled, mut problems) = (Vec::new(), Vec::new());
    for recipe in &parsed.files[0].recipes {
        let function = Function::of(btf, recipe);
        let mut views = Views::new(btf, function.clone(), &parsed.files, &containers);
        let made = one(&mut views, recipe, text);
        problems.append(&mut views.problems);
        problems.extend(unused_problems(parsed, function, btf)?);
        compiled.push(made);
    }
    problems.retain(|problem| Some(problem.span.source) != parsed.knowledge);
    match problems.is_empty() {
        true => Ok(compiled),
        false => Err(Diagnostics::new(parsed.sources.clone(), sorted(problems))),
    }
}

fn sorted(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.sort_by_key(|problem| (problem.span.source, problem.span.start));
    let mut kept: Vec<Problem> = Vec::new();
    for problem in problems {
        if !kept.contains(&problem) {
            kept.push(problem);
        }
    }
    kept
}

/// The descriptions of containers.
fn containers(parsed: &Text) -> Result<crate::syntax::File, Diagnostics> {
    include::containers().map_err(|problem| {
        let mut sources = parsed.sources.clone();
        let problem = Problem {
            span: crate::diagnostics::Span {
                source: sources.len(),
                ..problem.span
            },
            ..problem
        };
        sources.push(Source {
            name: "containers.kflat".to_owned(),
            text: CONTAINERS.to_owned(),
        });
        Diagnostics::new(sources, vec![problem])
    })
}

/// Rules that no root leads to are checked, but not part of a program.
fn unused_problems(
    parsed: &Text,
    function: Function,
    btf: &Btf,
) -> Result<Vec<Problem>, Diagnostics> {
    let containers = containers(parsed)?;
    let mut unused = Views::new(btf, function, &parsed.files, &containers);
    for id in unused.ruled(parsed.knowledge) {
        unused.view(id);
    }
    for view in unused.named() {
        if Some(view.name.span.source) == parsed.knowledge {
            continue;
        }
        if !view.optional || crate::names::find_type(btf, &view.of.value, view.of.span).is_ok() {
            unused.named_view(&view.name.value, view.name.span, 0);
        }
    }
    unused.complete();
    Ok(unused.problems)
}

/// One recipe; the problems are in `views`.
fn one<'a>(views: &mut Views<'a>, recipe: &'a Recipe, text: &str) -> Compiled {
    let target = written(&recipe.target.value);
    let roots = views.roots(recipe, &target);
    let when = recipe.when.as_ref().and_then(|when| condition(views, when));
    views.complete();
    let types: Vec<TypeId> = views.views.iter().map(|view| view.of).collect();
    let mut beside = views.spoken_of.clone();
    beside.retain(|id| views.btf.composite(*id).is_some());
    // The function tells what its arguments are that are no pointers.
    beside.extend(views.btf.find(NamedKind::Function, &views.function.name));
    // The program's own keep their numbers.
    let all = [&types[..], &beside].concat();
    let mut subset = Subset::of(views.btf, &all);
    let ids: Vec<u32> = types.iter().map(|id| subset.number(*id)).collect();
    let types = subset.finish();
    let mut flags = 0;
    for (asked, flag) in [
        (recipe.at_return, abi::PROGRAM_AT_RETURN),
        (recipe.detect_changes, abi::PROGRAM_DETECT_CHANGES),
    ] {
        flags |= if asked { flag } else { 0 };
    }
    let program = encode(&Parts {
        target: &target,
        layout_hash: layout_hash(&types),
        views: &views.views,
        ids: &ids,
        roots: &roots,
        pool: &views.pool,
        limits: recipe.limits,
        flags,
        when,
        nth: recipe.nth.as_ref().map_or(0, |nth| nth.value),
        slabs: match views.pool.asks_the_allocator() {
            true => crate::slabs::layout(views.btf).unwrap_or_default(),
            false => abi::Slabs::default(),
        },
    });
    Compiled {
        target,
        program,
        types,
        source: text.to_owned(),
    }
}

/// What a call has to fit, as the number of its expression; `None`: every call
/// does, or a problem has been noted.
fn condition(views: &mut Views<'_>, when: &Expression) -> Option<u32> {
    let formula = views.formula(when, &Scope::RECIPE);
    let formula = views.noted(formula)?;
    match formula.constant {
        None => Some(views.pool.expression(&formula.code)),
        Some(0) => {
            views.problem(
                Problem::new("no call fits this", when.span, "never true").help(
                    "a condition speaks of the call: the function's arguments, `returned`, \
                     `current` and what they point to",
                ),
            );
            None
        }
        Some(_) => None,
    }
}

/// A target as the kernel module reads it.
fn written(target: &Target) -> String {
    let module = (target.module.as_ref()).map_or(String::new(), |module| format!("{module}:"));
    match target.offset {
        0 => format!("{module}{}", target.function),
        offset => format!("{module}{}+{offset}", target.function),
    }
}
