//! A recipe from a function's name.

mod argument;
mod embedded;
mod globals;
mod members;
mod rules;
mod system_call;
mod text;

use std::fmt::Write as _;

use kflat_btf::{Btf, NamedKind};

use crate::diagnostics::{Diagnostics, Problem, Source, Span};
use crate::parser::expression_alone;
use rules::Rules;
pub use system_call::{CallArgument, system_call};
use text::{Text, commented};

/// With a tracepoint's name behind it: the function with its arguments.
const CALLER: &str = "__traceiter_";

/// What a recipe that is made from a function's name shall follow.
#[derive(Clone, Debug)]
pub struct AutoOptions {
    /// What a call has to fit, an expression.
    pub when: Option<String>,
    /// Pointers from an argument to an object.
    pub depth: u32,
    /// Bytes of captured memory.
    pub max_bytes: u64,
    /// Objects.
    pub max_objects: u32,
    /// The arguments to capture; empty: all.
    pub arguments: Vec<String>,
    /// Globals to capture, each with its type (`foo_list`, `struct foo`); without
    /// one if the kernel's types or kflat know it (`init_task`).
    pub globals: Vec<(String, Option<String>)>,
    /// What arguments or members point to, where that is not their type (`data`,
    /// `struct foo`), or what that is a member of (`work`, `struct job.work`).
    pub types: Vec<(String, String)>,
    /// What the system call takes that the function carries out.
    pub system_call: Vec<CallArgument>,
    /// Pointers to follow also where they are not by themselves: an argument and
    /// members, `file.f_inode.i_sb`.
    pub follow: Vec<String>,
    /// Pointers not to follow, likewise, or types no pointer is followed to
    /// (`struct net`).
    pub skip: Vec<String>,
}

impl Default for AutoOptions {
    fn default() -> Self {
        Self {
            when: None,
            depth: 4,
            max_bytes: 1 << 20,
            max_objects: 2000,
            arguments: Vec::new(),
            globals: Vec::new(),
            types: Vec::new(),
            system_call: Vec::new(),
            follow: Vec::new(),
            skip: Vec::new(),
        }
    }
}

/// Why no recipe can be written.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// BTF knows no such function.
    #[error(
        "the arguments of `{function}` are not known: the kernel's BTF has no such function{near}"
    )]
    NoFunction {
        /// Its name.
        function: String,
        /// Similar names, in words.
        near: String,
    },
    /// A name that the language can't say.
    #[error("a recipe can't name `{function}`: names are of letters, digits, `_` and `.`")]
    NoName {
        /// The function, escaped.
        function: String,
    },
    /// The kernel's types contradict themselves.
    #[error("the kernel's types are such that no recipe can be written: {why}")]
    OddTypes {
        /// What is wrong.
        why: String,
    },
    /// None of its arguments can be followed.
    #[error(
        "no argument of `{declaration}` leads to a known type; write a recipe with \
         `arg N: as struct NAME` or `current`"
    )]
    NoPointers {
        /// The function.
        declaration: String,
    },
    /// An argument that it does not have.
    #[error("there is no argument `{name}`: it is {declaration}{near}")]
    NoArgument {
        /// The argument.
        name: String,
        /// The function.
        declaration: String,
        /// Similar names, in words.
        near: String,
    },
    /// A condition that is no expression.
    #[error(transparent)]
    NoCondition(#[from] Diagnostics),
    /// A global whose type nothing tells.
    #[error("the type of the global `{symbol}` is not known: say it, `{symbol}=struct NAME`{near}")]
    NoGlobal {
        /// The global.
        symbol: String,
        /// Similar names, in words.
        near: String,
    },
    /// A path that leads nowhere.
    #[error("`{path}` can't be found: {why}")]
    NoPath {
        /// The path.
        path: String,
        /// Where it ends.
        why: String,
    },
}

/// A recipe for a function (`function`, `module:function`, either with
/// `+offset`) as an automatic capture without options uses it.
///
/// # Errors
/// If the function is unknown or takes no pointers.
pub fn generate(target: &str, btf: &Btf) -> Result<String, GenerateError> {
    generate_with(target, btf, &AutoOptions::default())
}

/// A recipe for a function: its arguments, and what they lead to by type and by
/// what is known of the kernel ([`crate::KNOWLEDGE`]).
///
/// # Errors
/// If the function is unknown, takes no pointers, or does not have what the
/// options name.
pub fn generate_with(
    target: &str,
    btf: &Btf,
    options: &AutoOptions,
) -> Result<String, GenerateError> {
    let function = target.rsplit(':').next().unwrap_or(target);
    let function = function.split('+').next().unwrap_or(function);
    let symbol = match target.strip_prefix("tracepoint:") {
        // What calls those who are registered there.
        Some(name) => format!("{CALLER}{name}"),
        None => function.to_owned(),
    };
    let Some((_, parameters)) = btf.prototype(&symbol) else {
        let names = btf.named(NamedKind::Function).map(|(_, name)| name);
        let names = names.filter_map(|name| match symbol == function {
            true => Some(name),
            false => name.strip_prefix(CALLER),
        });
        return Err(GenerateError::NoFunction {
            function: function.to_owned(),
            near: near(function, names),
        });
    };
    let declaration = commented(&btf.function_declaration(&symbol).unwrap_or_default());
    if !target
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "_.:+".contains(c))
    {
        return Err(GenerateError::NoName {
            function: commented(function),
        });
    }
    // The first is the caller's own.
    let own = usize::from(symbol != function);
    let parameters = parameters.get(own..).unwrap_or_default();
    let names = || parameters.iter().map(|one| btf.parameter_name(one));
    let named = options
        .arguments
        .iter()
        .chain(options.types.iter().map(|(name, _)| name));
    for name in named.filter(|name| !name.contains('.')) {
        if !names().any(|known| known == name) {
            return Err(GenerateError::NoArgument {
                name: name.clone(),
                declaration,
                near: near(name, names()),
            });
        }
    }
    let mut text = Text::default();
    let _ = write!(
        text,
        "// {declaration}\ninclude \"knowledge.kflat\";\n\nrecipe {target} {{\n"
    );
    let mut rules = Rules::new(btf, function);
    let mut roots = 0;
    for (position, parameter) in parameters.iter().enumerate() {
        let wanted = options.arguments.is_empty()
            || options
                .arguments
                .iter()
                .any(|name| name == btf.parameter_name(parameter));
        if wanted && position < kflat_abi::program::MAX_ARGUMENTS {
            let next = parameters.get(position + 1);
            roots += argument::roots(
                btf, position, parameter, next, options, &mut rules, &mut text,
            );
        }
    }
    for (symbol, of) in &options.globals {
        let how = globals::treatment(btf, symbol, of.as_deref())?;
        text.asked_for();
        let _ = writeln!(text, "    global {symbol}: {how};");
        rules.reach_named(of.as_deref().unwrap_or_default());
        roots += 1;
    }
    if roots == 0 {
        return Err(GenerateError::NoPointers { declaration });
    }
    if let Some(when) = &options.when {
        text.asked_for();
        let _ = writeln!(text, "    when {};", condition(when)?);
    }
    let AutoOptions {
        depth,
        max_bytes,
        max_objects,
        ..
    } = options;
    let _ = write!(
        text,
        "    limit depth {depth};\n    limit objects {max_objects};\n    limit bytes {};\n}}\n",
        size(*max_bytes)
    );
    for (path, of) in options.types.iter().filter(|(path, _)| path.contains('.')) {
        rules.path(path, &format!(": {}", treatment(of)), parameters)?;
        rules.reach_named(type_of(of));
    }
    for (paths, how) in [(&options.follow, ""), (&options.skip, ": skip")] {
        for path in paths {
            if let Some(of) = path.strip_prefix("struct ").or(path.strip_prefix("union ")) {
                rules.skip_type(path, of)?;
            } else {
                rules.path(path, how, parameters)?;
            }
        }
    }
    rules.write(*depth, &mut text);
    text.settled(btf)
}

/// A size as recipes say it: `4M`, `1000`.
fn size(bytes: u64) -> String {
    [(30, "G"), (20, "M"), (10, "K")]
        .into_iter()
        .find(|(shift, _)| bytes > 0 && bytes.trailing_zeros() >= *shift)
        .map_or(bytes.to_string(), |(shift, unit)| {
            format!("{}{unit}", bytes >> shift)
        })
}

/// An expression on one line.
fn condition(when: &str) -> Result<String, GenerateError> {
    let problem = |problem| {
        let source = Source {
            name: "--when".to_owned(),
            text: when.to_owned(),
        };
        Diagnostics::new(vec![source], vec![problem])
    };
    expression_alone(when).map_err(problem)?;
    Ok(when.split(['\n', '\r']).collect::<Vec<_>>().join(" "))
}

/// How a pointer is followed to a type, or to what has a member of that name:
/// `struct job.work`.
fn treatment(of: &str) -> String {
    match of.split_once('.') {
        Some((of, member)) => format!("container of {of} by {member}"),
        None => format!("as {of}"),
    }
}

fn type_of(of: &str) -> &str {
    of.split('.').next().unwrap_or(of)
}

/// Similar names, in words.
fn near<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> String {
    let near = Problem::new("", Span::default(), "").nearest(name, names);
    near.help.map_or(String::new(), |help| format!(" ({help})"))
}
