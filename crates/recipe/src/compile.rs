//! A recipe and a kernel's types to a program.

use kflat_abi::program::{self as abi, MAX_ARGUMENTS, MAX_ROOTS};
use kflat_abi::uapi::NAME_SIZE;
use kflat_btf::{Btf, NamedKind, Parameter, Subset, TypeId, layout_hash};

use crate::diagnostics::{Diagnostics, Problem};
use crate::encode::{NamedRoot, Parts, encode};
use crate::follow::Scope;
use crate::names::pointee;
use crate::parser::parse;
use crate::syntax::{How, Recipe, Root, Source, Spanned, Target};
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
/// what messages call the text. For a function of a module `btf` must have the
/// module's types too ([`kflat_btf::kernel::with_module`]).
///
/// # Errors
/// All that is wrong with the recipe, each at its place.
pub fn compile(text: &str, name: &str, btf: &Btf) -> Result<Compiled, Diagnostics> {
    let wrong = |problems| Diagnostics::new(name, text, problems);
    let recipe = parse(text).map_err(|problem| wrong(vec![problem]))?;
    let mut views = Views::new(btf, &recipe.rules);
    let roots = roots(&mut views, &recipe);
    views.complete();
    let mut problems = std::mem::take(&mut views.problems);
    // Rules that no root leads to are checked, but not part of the program.
    let mut unused = Views::new(btf, &recipe.rules);
    for id in unused.ruled() {
        unused.view(id);
    }
    unused.complete();
    for problem in unused.problems {
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }
    if !problems.is_empty() {
        problems.sort_by_key(|problem| problem.span.start);
        problems.dedup();
        return Err(wrong(problems));
    }
    let types: Vec<TypeId> = views.views.iter().map(|view| view.of).collect();
    let mut subset = Subset::of(btf, &types);
    let ids: Vec<u32> = types.iter().map(|id| subset.number(*id)).collect();
    let types = subset.finish();
    let target = written(&recipe.target.value);
    let program = encode(&Parts {
        target: &target,
        layout_hash: layout_hash(&types),
        views: &views.views,
        ids: &ids,
        roots: &roots,
        limits: recipe.limits,
    });
    Ok(Compiled {
        target,
        program,
        types,
        source: text.to_owned(),
    })
}

/// The module whose function a recipe is for, so that its types can be loaded
/// before it is compiled.
///
/// # Errors
/// If the text is no recipe.
pub fn module_of(text: &str, name: &str) -> Result<Option<String>, Diagnostics> {
    match parse(text) {
        Ok(recipe) => Ok(recipe.target.value.module),
        Err(problem) => Err(Diagnostics::new(name, text, vec![problem])),
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

fn roots(views: &mut Views<'_>, recipe: &Recipe) -> Vec<NamedRoot> {
    let target = &recipe.target;
    if written(&target.value).len() >= NAME_SIZE {
        let message = format!("a function's name has less than {NAME_SIZE} bytes");
        views
            .problems
            .push(Problem::new(message, target.span, "too long"));
    }
    if recipe.roots.is_empty() || recipe.roots.len() > MAX_ROOTS as usize {
        let message = format!("a recipe has 1 to {MAX_ROOTS} roots");
        let help = "name an argument of the function, `arg N`, `global SYMBOL` or `current`";
        views
            .problems
            .push(Problem::new(message, target.span, "of this recipe").help(help));
    }
    let mut roots: Vec<NamedRoot> = Vec::new();
    for root in &recipe.roots {
        let found = match found(views, root, target) {
            Ok(found) => found,
            Err(problem) => {
                views.problems.extend(problem);
                continue;
            }
        };
        if roots.iter().any(|other| other.name == found.name) {
            let message = format!("two roots are called `{}`", found.name);
            let problem = Problem::new(message, root.span, "the second one")
                .help("give one of them another name: `as NAME`");
            views.problems.push(problem);
        }
        roots.push(found);
    }
    roots
}

/// A root; without a problem if it is to be left out, or if what is wrong with
/// it has been noted.
fn found(
    views: &mut Views<'_>,
    root: &Root,
    target: &Spanned<Target>,
) -> Result<NamedRoot, Option<Problem>> {
    let btf = views.btf;
    let function = &target.value.function;
    let parameters = btf.prototype(function).map(|(_, parameters)| parameters);
    let known = parameters.unwrap_or_default();
    let mut named = NamedRoot {
        source: abi::ROOT_ARGUMENT,
        argument: 0,
        name: String::new(),
        symbol: None,
        action: abi::Action::BARE,
    };
    let to = match &root.source {
        Source::Current => {
            named.source = abi::ROOT_CURRENT;
            "current".clone_into(&mut named.name);
            btf.find(NamedKind::Struct, "task_struct")
        }
        Source::Global(symbol) => {
            if matches!(root.treatment.how, How::Default) {
                let message = format!("the type of the global `{symbol}` is not known");
                return Err(Some(
                    Problem::new(message, root.span, "of what type?").help(
                        "BTF has no types of globals; say it: `: as struct NAME` or \
                     `: list of struct NAME by MEMBER`",
                    ),
                ));
            }
            named.source = abi::ROOT_GLOBAL;
            named.name.clone_from(symbol);
            named.symbol = Some(symbol.clone());
            None
        }
        Source::Argument(_) | Source::Position(_) => {
            let position = match &root.source {
                Source::Position(position) => usize::try_from(*position).ok(),
                Source::Argument(name) => match argument(btf, target, parameters, root, name) {
                    Err(_) if root.optional => return Err(None),
                    found => Some(found.map_err(Some)?),
                },
                _ => None,
            };
            let position = position
                .filter(|at| *at < MAX_ARGUMENTS && (parameters.is_none() || *at < known.len()));
            let Some(position) = position else {
                if root.optional {
                    return Err(None);
                }
                let message = format!("`{function}` has no such argument");
                let help = match btf.function_declaration(function) {
                    Some(declaration) => format!("positions begin with 0: {declaration}"),
                    None => format!("positions are 0 to {}", MAX_ARGUMENTS - 1),
                };
                let problem = Problem::new(message, root.span, "no such argument").help(help);
                return Err(Some(problem));
            };
            named.argument = position as u32;
            let parameter = known.get(position);
            named.name = match parameter.map(|parameter| btf.parameter_name(parameter)) {
                None | Some("") => format!("arg{position}"),
                Some(name) => name.to_owned(),
            };
            parameter.and_then(|parameter| pointee(btf, parameter.of))
        }
    };
    if let Some(alias) = &root.alias {
        named.name.clone_from(alias);
    }
    if matches!(root.treatment.how, How::Skip) {
        return Err(None);
    }
    let scope = Scope::Arguments(known);
    let aim = views
        .aim(to, &root.treatment, root.span, scope)
        .ok_or(None)?;
    if !matches!(aim.action.op, abi::OP_POINTER | abi::OP_STRING) {
        let message = format!("`{}` points to a function", named.name);
        return Err(Some(Problem::new(
            message,
            root.span,
            "there is nothing to capture",
        )));
    }
    named.action = aim.action;
    Ok(named)
}

/// The position of an argument.
fn argument(
    btf: &Btf,
    target: &Spanned<Target>,
    parameters: Option<&[Parameter]>,
    root: &Root,
    name: &str,
) -> Result<usize, Problem> {
    let function = &target.value.function;
    let Some(parameters) = parameters else {
        let functions = btf.named(NamedKind::Function).map(|(_, name)| name);
        let message = format!("the arguments of `{function}` are not known");
        return Err(
            Problem::new(message, target.span, "no such function in the kernel's BTF")
                .help(
                    "arguments of a function without BTF go by position and type: \
                 `arg 0 as NAME: as struct NAME`; a module's function is named `module:function`",
                )
                .nearest(function, functions),
        );
    };
    let names = || parameters.iter().map(|p| btf.parameter_name(p));
    let declaration = btf.function_declaration(function).unwrap_or_default();
    names().position(|found| found == name).ok_or_else(|| {
        Problem::new(
            format!("`{function}` has no argument `{name}`"),
            root.span,
            "no such argument",
        )
        .help(format!("it is {declaration}"))
        .nearest(name, names())
    })
}
