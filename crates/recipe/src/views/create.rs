//! The views that are asked for.

use std::collections::HashMap;

use kflat_abi::program::{self as abi, Action, MAX_PARAMETERS};
use kflat_btf::{Kind, NamedKind, TypeId};

use super::{Binding, Body, Key, PathAction, View, Views};
use crate::diagnostics::{Problem, Span};
use crate::names::find_type;
use crate::syntax::{BaseName, Spanned, Treatment, TypeName};

impl<'a> Views<'a> {
    /// The view of a type by its rule; `None` if values of it have no size.
    pub(crate) fn view(&mut self, id: TypeId) -> Option<u32> {
        let id = self.btf.resolve(id);
        self.keyed(Key::Type(id), id, Body::Type, 0)
    }

    /// The view of a type without its rule.
    pub(crate) fn flat(&mut self, id: TypeId) -> Option<u32> {
        let id = self.btf.resolve(id);
        self.keyed(Key::Flat(id), id, Body::Flat, 0)
    }

    /// The view of that key, made if it is not there.
    pub(crate) fn keyed(
        &mut self,
        key: Key,
        id: TypeId,
        body: Body<'a>,
        environment: u32,
    ) -> Option<u32> {
        if let Some(view) = self.keys.get(&key) {
            return Some(*view);
        }
        let size = self.btf.size(id).filter(|size| *size > 0)?;
        let size = u32::try_from(size).ok().filter(|s| *s <= i32::MAX as u32)?;
        let view = View {
            name: self.btf.type_name(id),
            of: id,
            size,
            // C's sizes are multiples of the alignment.
            align: 1 << size.trailing_zeros().min(3),
            body,
            environment,
            ..blank()
        };
        Some(self.add(key, view))
    }

    /// Where a pointer to `id` leads: by a rule in place, by the type's rule, or to
    /// a hub.
    pub(crate) fn target(
        &mut self,
        id: TypeId,
        treatment: &'a Treatment,
        environment: u32,
    ) -> Option<u32> {
        let id = self.btf.resolve(id);
        let Some(inline) = &treatment.inline else {
            return match self.is_hub(id) {
                true => self.flat(id),
                false => self.view(id),
            };
        };
        if self.btf.composite(id).is_none() {
            let message = format!("`{}` has no members", self.btf.type_name(id));
            self.problem(Problem::new(
                message,
                inline.span,
                "a rule for what is no structure",
            ));
            return None;
        }
        let key = Key::InPlace(inline.span, id, environment);
        let view = self.keyed(key, id, Body::Members(&inline.members), environment)?;
        let names = treatment.with.iter().map(|(name, _)| name.value.clone());
        self.views[view as usize].parameters = names.take(MAX_PARAMETERS).collect();
        Some(view)
    }

    /// The elements of an array, each followed in the same way.
    pub(crate) fn each(&mut self, id: TypeId, way: &'a Treatment, environment: u32) -> Option<u32> {
        let id = self.btf.resolve(id);
        let key = Key::InPlace(way.span, id, environment);
        self.keyed(key, id, Body::Way(way), environment)
    }

    /// What `as TYPE` leads to: a view of that name, or a type. `None` with a
    /// problem noted.
    pub(crate) fn asked(
        &mut self,
        name: &Spanned<TypeName>,
        treatment: &'a Treatment,
        environment: u32,
    ) -> Option<u32> {
        if let (BaseName::Plain(word), 0) = (&name.value.base, name.value.pointers)
            && let Some(binding) = self.environments[environment as usize].get(word).copied()
        {
            return self.bound(word, binding, name.span, environment);
        }
        let id = self.asked_type(name)?;
        if id == TypeId::VOID {
            return Some(self.bytes());
        }
        let before = self.problems.len();
        let view = self.target(id, treatment, environment);
        if view.is_none() && self.problems.len() == before {
            let message = format!("values of `{}` have no size", name.value);
            self.problem(Problem::new(message, name.span, "can't be captured"));
        }
        view
    }

    /// The type of that name, its `*`s included.
    pub(crate) fn asked_type(&mut self, name: &Spanned<TypeName>) -> Option<TypeId> {
        let mut found = find_type(self.btf, &name.value, name.span);
        if let (Err(problem), BaseName::Plain(word)) = (&found, &name.value.base) {
            let views = self.environments[0].keys().map(String::as_str);
            found = Err(problem.clone().nearest(word, views));
        }
        let id = self.noted(found)?;
        let pointer = self.pointer_type(id, name.value.pointers);
        if pointer.is_none() {
            let message = format!("this kernel has no type `{}`", name.value);
            self.problem(
                Problem::new(message, name.span, "unknown type")
                    .help("an array of pointers is `array COUNT of as TYPE`"),
            );
        }
        pointer
    }

    /// The view of that name in an environment.
    pub(crate) fn named_view(&mut self, name: &str, span: Span, environment: u32) -> Option<u32> {
        let binding = self.environments[environment as usize].get(name).copied()?;
        self.bound(name, binding, span, environment)
    }

    fn bound(
        &mut self,
        word: &str,
        binding: Binding<'a>,
        span: Span,
        environment: u32,
    ) -> Option<u32> {
        let rule = match binding {
            Binding::View(view) => return Some(view),
            Binding::Rule(rule) => rule,
        };
        let found = find_type(self.btf, &rule.of.value, rule.of.span);
        let id = match found {
            Ok(id) => self.pointer_type(id, rule.of.value.pointers),
            Err(_) if rule.optional => {
                let message = format!("this kernel has no type `{}`", rule.of.value);
                let label = format!("the view `{word}` is of that type");
                self.problem(Problem::new(message, span, label));
                return None;
            }
            Err(problem) => {
                self.problem(problem);
                return None;
            }
        };
        let key = Key::Named(environment, word.to_owned());
        let view = id.and_then(|id| self.keyed(key, id, Body::Members(&rule.members), environment));
        let Some(view) = view else {
            let message = format!("values of `{}` have no size", rule.of.value);
            self.problem(Problem::new(message, rule.of.span, "can't be captured"));
            return None;
        };
        let names = rule.parameters.iter().map(|name| name.value.clone());
        self.views[view as usize].parameters = names.take(MAX_PARAMETERS).collect();
        Some(view)
    }

    /// The view of a byte.
    pub(crate) fn bytes(&mut self) -> u32 {
        match self.keys.get(&Key::Bytes) {
            Some(view) => *view,
            None => self.add(Key::Bytes, made("void", TypeId::VOID, 1, 1, Vec::new())),
        }
    }

    /// The view of a character.
    pub(crate) fn char(&mut self) -> u32 {
        match self.btf.find(NamedKind::Number, "char") {
            Some(id) if self.btf.size(id) == Some(1) => self.view(id),
            _ => None,
        }
        .unwrap_or_else(|| self.bytes())
    }

    /// The view of a pointer to heads of a container.
    pub(crate) fn head(&mut self, key: Key, of: TypeId, actions: Vec<PathAction>) -> Option<u32> {
        if let Some(view) = self.keys.get(&key) {
            return Some(*view);
        }
        let size = u32::try_from(self.btf.size(of)?).ok()?;
        let name = self.btf.type_name(of);
        let mut view = made(&name, of, size, 8, actions);
        // Nodes of trees: as deep as `containers.kflat` goes.
        view.nesting = 4;
        Some(self.add(key, view))
    }

    /// The view of an element as a node of a tree, linked at `link`.
    pub(crate) fn node(&mut self, element: u32, link: u64) -> u32 {
        let key = Key::Node(element, link);
        if let Some(view) = self.keys.get(&key) {
            return *view;
        }
        let base = &self.views[element as usize];
        let view = View {
            name: base.name.clone(),
            parameters: base.parameters.clone(),
            node: Some(link),
            ..View {
                of: base.of,
                size: base.size,
                align: base.align,
                body: base.body,
                environment: base.environment,
                ..blank()
            }
        };
        self.add(key, view)
    }

    /// An environment in which containers are described: `element` is what they
    /// hold.
    pub(crate) fn environment(&mut self, element: u32) -> u32 {
        let holds = |known: &HashMap<String, Binding<'_>>| matches!(known.get("element"), Some(Binding::View(view)) if *view == element);
        if let Some(known) = self.environments.iter().skip(1).position(holds) {
            return known as u32 + 1;
        }
        let views = self.containers.views.iter();
        let mut names: HashMap<String, Binding<'a>> = views
            .map(|view| (view.name.value.clone(), Binding::Rule(view)))
            .collect();
        names.insert("element".to_owned(), Binding::View(element));
        self.environments.push(names);
        self.environments.len() as u32 - 1
    }

    fn add(&mut self, key: Key, view: View<'a>) -> u32 {
        let index = self.views.len() as u32;
        self.views.push(view);
        self.keys.insert(key, index);
        index
    }
}

/// A view of nothing yet.
fn blank<'a>() -> View<'a> {
    View {
        name: String::new(),
        of: TypeId::VOID,
        size: 1,
        align: 1,
        actions: Vec::new(),
        has_pointers: false,
        parameters: Vec::new(),
        tail: None,
        body: Body::Made,
        node: None,
        environment: 0,
        filled: false,
        nesting: 0,
    }
}

/// A view that needs no filling.
fn made<'a>(name: &str, of: TypeId, size: u32, align: u32, actions: Vec<PathAction>) -> View<'a> {
    View {
        name: name.to_owned(),
        of,
        size,
        align,
        has_pointers: !actions.is_empty(),
        actions,
        filled: true,
        ..blank()
    }
}

/// Where a pointer leads.
#[derive(Clone, Debug)]
pub(crate) struct Aim {
    pub(crate) action: Action,
    pub(crate) extra: abi::Extra,
}

impl Aim {
    pub(crate) fn new(op: u8, target: u32, count: u32) -> Self {
        let action = Action {
            op,
            target,
            count: super::constant(count),
            ..Action::BARE
        };
        Self {
            action,
            extra: abi::Extra::BARE,
        }
    }

    pub(crate) fn at(mut self, offset: u32, path: String, span: Span) -> PathAction {
        self.action.offset = offset;
        PathAction {
            extra: self.extra,
            ..PathAction::new(path, self.action, span)
        }
    }
}

impl Views<'_> {
    /// Whether a pointer of this type leads to a function.
    pub(crate) fn is_callback(&self, pointer: TypeId) -> bool {
        match self.btf.kind(self.btf.resolve(pointer)) {
            Kind::Pointer(to) => crate::names::is_function(self.btf, self.btf.resolve(*to)),
            _ => false,
        }
    }
}
