//! Views of types in the making: which words of a type are followed, and where
//! to.

mod create;

pub(crate) use create::Aim;

use std::collections::{HashMap, HashSet};

use kflat_abi::program::{self as abi, Action, Extra, Operand};
use kflat_btf::{Btf, Kind, TypeId};

use crate::diagnostics::{Problem, Span};
use crate::formula::Function;
use crate::names::find_type;
use crate::pool::Pool;
use crate::syntax::{Container, File, MemberRule, Treatment, ViewRule};

/// What views are told apart by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    /// A type without typedefs and qualifiers.
    Type(TypeId),
    /// The same, without its rule.
    Flat(TypeId),
    /// Bytes of no type.
    Bytes,
    /// By a rule in place, or in the same way as others of an array.
    InPlace(Span, TypeId, u32),
    /// By a rule with a name, in an environment.
    Named(u32, String),
    /// A head: container, element, link, limit, type.
    Head(Container, u32, u64, u32, TypeId),
    /// An element that is a node of a tree, its link.
    Node(u32, u64),
}

/// By what a view is filled.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Body<'a> {
    /// By the rule of its type.
    Type,
    /// By no rule.
    Flat,
    Members(&'a [MemberRule]),
    /// As a whole.
    Way(&'a Treatment),
    /// It is complete.
    Made,
}

/// A view of a type.
#[derive(Clone, Debug)]
pub(crate) struct View<'a> {
    pub(crate) name: String,
    pub(crate) of: TypeId,
    pub(crate) size: u32,
    pub(crate) align: u32,
    pub(crate) actions: Vec<PathAction>,
    /// Whether the engine may change its words.
    pub(crate) has_pointers: bool,
    /// Names of the values that are handed down.
    pub(crate) parameters: Vec<String>,
    pub(crate) tail: Option<Tail>,
    pub(crate) body: Body<'a>,
    /// Its link, if it is a node of a tree.
    pub(crate) node: Option<u64>,
    pub(crate) environment: u32,
    pub(crate) filled: bool,
    /// How deeply embedded arrays nest in it.
    pub(crate) nesting: usize,
}

/// A flexible array.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tail {
    pub(crate) target: u32,
    pub(crate) offset: u32,
    pub(crate) count: Operand,
}

/// An action, the path of its member, and what it needs beside.
#[derive(Clone, Debug)]
pub(crate) struct PathAction {
    pub(crate) path: String,
    pub(crate) action: Action,
    pub(crate) extra: Extra,
    pub(crate) cases: Vec<Case>,
    pub(crate) span: Span,
}

/// A case of a choice.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// `None`: any number.
    pub(crate) value: Option<u64>,
    /// Which of the choice's actions; `None`: nothing is done.
    pub(crate) action: Option<Box<PathAction>>,
}

impl PathAction {
    pub(crate) fn new(path: String, action: Action, span: Span) -> Self {
        Self {
            path,
            action,
            extra: Extra::BARE,
            cases: Vec::new(),
            span,
        }
    }
}

/// A view that a name stands for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Binding<'a> {
    Rule(&'a ViewRule),
    View(u32),
}

/// All views of a program.
pub(crate) struct Views<'a> {
    pub(crate) btf: &'a Btf,
    pub(crate) function: Function,
    rules: HashMap<TypeId, Vec<&'a MemberRule>>,
    /// In which texts a type has rules.
    ruled_in: HashMap<TypeId, Vec<usize>>,
    /// Types that are not crossed, and the text that says so.
    hubs: HashMap<TypeId, usize>,
    /// Types that no pointer is followed to.
    skipped: HashSet<TypeId>,
    /// What names of views stand for: 0 for recipes, others for containers.
    pub(crate) environments: Vec<HashMap<String, Binding<'a>>>,
    /// How containers are walked.
    pub(crate) containers: &'a File,
    pub(crate) views: Vec<View<'a>>,
    keys: HashMap<Key, u32>,
    pub(crate) pool: Pool,
    /// Types that expressions speak of.
    pub(crate) spoken_of: Vec<TypeId>,
    enumerators: Option<HashMap<&'a str, u64>>,
    pointers: HashMap<TypeId, Option<TypeId>>,
    pub(crate) problems: Vec<Problem>,
    /// A root is looked at, which may be a hub.
    pub(crate) at_root: bool,
}

impl<'a> Views<'a> {
    /// `files` are the recipe and what it includes: what comes first goes before.
    pub(crate) fn new(
        btf: &'a Btf,
        function: Function,
        files: &'a [File],
        containers: &'a File,
    ) -> Self {
        let mut views = Self {
            btf,
            function,
            rules: HashMap::new(),
            ruled_in: HashMap::new(),
            hubs: HashMap::new(),
            skipped: HashSet::new(),
            environments: vec![HashMap::new()],
            containers,
            views: Vec::new(),
            keys: HashMap::new(),
            pool: Pool::default(),
            spoken_of: Vec::new(),
            enumerators: None,
            pointers: HashMap::new(),
            problems: Vec::new(),
            at_root: false,
        };
        for file in files {
            views.learn(file);
        }
        views
    }

    /// Takes up the rules, views and hubs of a text.
    fn learn(&mut self, file: &'a File) {
        let mut here = HashSet::new();
        for rule in &file.rules {
            let span = rule.of.span;
            match find_type(self.btf, &rule.of.value, span) {
                Ok(id) if self.btf.composite(id).is_none() || rule.of.value.pointers > 0 => {
                    let message = format!("`{}` has no members", rule.of.value);
                    self.problem(Problem::new(message, span, "no structure or union"));
                }
                Ok(id) => {
                    if !here.insert(id) {
                        let message = format!("`{}` has two rules", rule.of.value);
                        self.problem(
                            Problem::new(message, span, "the second one")
                                .help("put the members into one rule"),
                        );
                    }
                    self.rules.entry(id).or_default().extend(&rule.members);
                    self.ruled_in.entry(id).or_default().push(span.source);
                }
                Err(_) if rule.optional => {}
                Err(problem) => self.problem(problem),
            }
        }
        let mut names = HashSet::new();
        for view in &file.views {
            let name = &view.name.value;
            if !names.insert(name) {
                let message = format!("two views are called `{name}`");
                self.problem(Problem::new(message, view.name.span, "the second one"));
            }
            if view.parameters.len() > abi::MAX_PARAMETERS {
                let message = format!("a view takes at most {} values", abi::MAX_PARAMETERS);
                self.problem(Problem::new(message, view.name.span, "takes more"));
            }
            let known = self.environments[0].entry(name.clone());
            known.or_insert(Binding::Rule(view));
        }
        for hub in &file.hubs {
            match find_type(self.btf, &hub.of.value, hub.of.span) {
                Ok(id) if hub.skipped => {
                    self.skipped.insert(id);
                }
                Ok(id) => {
                    self.hubs.entry(id).or_insert(hub.of.span.source);
                }
                Err(_) if hub.optional => {}
                Err(problem) => self.problem(problem),
            }
        }
    }

    pub(crate) fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// The value, or `None` with the problem noted.
    pub(crate) fn noted<T>(&mut self, result: Result<T, Problem>) -> Option<T> {
        result.map_err(|problem| self.problems.push(problem)).ok()
    }

    /// The rule of a type.
    pub(crate) fn rule(&self, of: TypeId) -> Vec<&'a MemberRule> {
        self.rules.get(&of).cloned().unwrap_or_default()
    }

    /// The types that have rules in other texts than `except`.
    pub(crate) fn ruled(&self, except: Option<usize>) -> Vec<TypeId> {
        let mut ids: Vec<TypeId> = (self.ruled_in.iter())
            .filter(|(_, by)| by.iter().any(|source| Some(*source) != except))
            .map(|(id, _)| *id)
            .collect();
        ids.sort();
        ids
    }

    /// Names of the views of a recipe.
    pub(crate) fn named(&self) -> Vec<&'a ViewRule> {
        let mut views: Vec<&ViewRule> = (self.environments[0].values())
            .filter_map(|binding| match binding {
                Binding::Rule(view) => Some(*view),
                Binding::View(_) => None,
            })
            .collect();
        views.sort_by_key(|view| (view.name.span.source, view.name.span.start));
        views
    }

    /// Whether pointers end at the type: a text calls it a hub, and no other text
    /// has a rule for it.
    pub(crate) fn is_hub(&self, id: TypeId) -> bool {
        let Some(source) = self.hubs.get(&id) else {
            return false;
        };
        let ruled = self.ruled_in.get(&id).map_or(&[][..], Vec::as_slice);
        !self.at_root && ruled.iter().all(|by| by == source)
    }

    /// Whether pointers to the type are not followed.
    pub(crate) fn is_skipped(&self, id: TypeId) -> bool {
        !self.at_root && self.skipped.contains(&id)
    }

    /// Fills views until there is none left: filling one may ask for others.
    pub(crate) fn complete(&mut self) {
        let mut next = 0;
        while next < self.views.len() {
            self.fill(next as u32, 0);
            next += 1;
        }
        self.check_tails();
    }

    /// Objects with a flexible array come one by one.
    fn check_tails(&mut self) {
        let mut found = Vec::new();
        for view in &self.views {
            let nested = view
                .tail
                .and_then(|tail| self.views.get(tail.target as usize));
            if nested.is_some_and(|element| element.tail.is_some()) {
                found.push(Span::default());
            }
            let single = view.actions.iter();
            let cased = single.clone().flat_map(|action| &action.cases);
            let cased = cased.filter_map(|case| case.action.as_deref());
            for PathAction { action, span, .. } in single.chain(cased) {
                let has_tail = |index| {
                    let view = self.views.get(index as usize);
                    view.is_some_and(|view: &View<'_>| view.tail.is_some())
                };
                let one = action.count == constant(1);
                let alone = matches!(action.op, abi::OP_POINTER) && one;
                let listed = matches!(action.op, abi::OP_LIST..=abi::OP_CHAIN);
                if has_tail(action.target) && !alone && !listed {
                    found.push(*span);
                }
            }
        }
        for span in found {
            self.problem(
                Problem::new(
                    "objects with a flexible array have no common size",
                    span,
                    "several of them, or one inside of another",
                )
                .help("leave the flexible array out here: a view of its own, `as VIEW`"),
            );
        }
    }

    /// The values of all `enum`s by name.
    pub(crate) fn enumerators(&mut self) -> &HashMap<&'a str, u64> {
        let btf = self.btf;
        self.enumerators.get_or_insert_with(|| {
            let mut all = HashMap::new();
            for id in 0..btf.count() {
                if let Kind::Enum { values, .. } = btf.kind(TypeId(id)) {
                    for value in values {
                        all.entry(btf.enumerator_name(value))
                            .or_insert(value.value as u64);
                    }
                }
            }
            all
        })
    }

    /// The type of pointers to a type, with so many `*`, if BTF has it.
    pub(crate) fn pointer_type(&mut self, id: TypeId, levels: u8) -> Option<TypeId> {
        let mut id = id;
        for _ in 0..levels {
            let known = self.pointers.get(&id).copied();
            id = match known {
                Some(found) => found?,
                None => {
                    let btf = self.btf;
                    let found = (0..btf.count()).map(TypeId).find(|at| match btf.kind(*at) {
                        Kind::Pointer(to) => crate::names::complete_type(btf, *to) == id,
                        _ => false,
                    });
                    self.pointers.insert(id, found);
                    found?
                }
            };
        }
        Some(id)
    }
}

/// A number that is known now.
pub(crate) fn constant(value: u32) -> Operand {
    Operand {
        kind: abi::OPERAND_CONSTANT,
        value,
        ..Operand::default()
    }
}
