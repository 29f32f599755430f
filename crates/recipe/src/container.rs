//! Heads of containers: which words of them lead to elements.

use kflat_abi::program::{self as abi, Action, NONE};
use kflat_btf::TypeId;

use crate::diagnostics::{Problem, Span};
use crate::names::find_field;
use crate::scope::Scope;
use crate::syntax::{Container, How, Spanned, Treatment, TypeName};
use crate::views::{Aim, Key, PathAction, Views, constant};

/// What a container holds, and how.
struct Contents {
    kind: Container,
    element: u32,
    link: u64,
    most: u32,
}

impl<'a> Views<'a> {
    /// The actions of a head of type `head`, offsets counted from its start.
    /// `None` where there is a problem, which has been noted then.
    pub(crate) fn head_actions(
        &mut self,
        head: TypeId,
        treatment: &'a Treatment,
        scope: &Scope<'_>,
    ) -> Option<Vec<PathAction>> {
        let contents = self.contents(treatment, scope)?;
        let mut actions = self.heads(head, &contents, treatment.span)?;
        for found in &mut actions {
            let mut aim = Aim {
                action: found.action,
                extra: found.extra,
            };
            if aim.action.op != abi::OP_EMBED {
                self.hand_down(&mut aim, treatment, scope)?;
            } else if !treatment.with.is_empty() {
                self.problem(Problem::new(
                    "nothing can be handed down through nodes",
                    treatment.span,
                    "made of nodes of its own",
                ));
                return None;
            }
            found.extra = aim.extra;
            found.action.tag_mask |= treatment.tag_mask;
        }
        Some(actions)
    }

    /// A pointer to a head, or one that is a head itself.
    pub(crate) fn container_behind(
        &mut self,
        to: Option<TypeId>,
        treatment: &'a Treatment,
        scope: &Scope<'_>,
    ) -> Option<Aim> {
        let contents = self.contents(treatment, scope)?;
        let Contents {
            kind,
            element,
            link,
            most,
        } = contents;
        let to_name = to.map_or("", |to| self.btf.name(to));
        let word = match (kind, to_name) {
            (Container::Chain, _) => Some(abi::OP_CHAIN),
            (Container::LList, "llist_head") => None,
            (Container::LList, _) => Some(abi::OP_LLIST),
            (Container::HList, "hlist_node" | "hlist_bl_node") => Some(abi::OP_HLIST),
            (Container::HListNulls, "hlist_nulls_node") => Some(abi::OP_HLIST_NULLS),
            _ => None,
        };
        if let Some(op) = word {
            let action = linked(op, 0, &contents);
            return Some(Aim {
                action,
                extra: abi::Extra::BARE,
            });
        }
        if kind == Container::Tree && to_name == "rb_node" {
            let node = self.node(element, link);
            let mut aim = Aim::new(abi::OP_POINTER, node, 1);
            aim.action.shift = -i32::try_from(link).ok()?;
            return Some(aim);
        }
        let head = match to {
            Some(to) if self.btf.composite(to).is_some() => to,
            _ => self.usual_head(kind, treatment.span)?,
        };
        let actions = self.heads(head, &contents, treatment.span)?;
        let key = Key::Head(kind, element, link, most, head);
        let view = self.head(key, head, actions)?;
        Some(Aim::new(abi::OP_POINTER, view, 1))
    }

    /// The head that a container has where the pointer does not say it.
    fn usual_head(&mut self, kind: Container, span: Span) -> Option<TypeId> {
        let name = match kind {
            Container::List => "list_head",
            Container::HList => "hlist_head",
            Container::HListNulls => "hlist_nulls_head",
            Container::LList | Container::Chain => "llist_head",
            Container::Tree => "rb_root",
            Container::XArray | Container::Radix => "xarray",
            Container::Idr => "idr",
            Container::Maple => "maple_tree",
        };
        let found = self.btf.find(kflat_btf::NamedKind::Struct, name);
        if found.is_none() {
            let message = format!("this kernel has no `struct {name}`");
            self.problem(Problem::new(message, span, "no such container"));
        }
        found
    }

    fn contents(&mut self, treatment: &'a Treatment, scope: &Scope<'_>) -> Option<Contents> {
        let How::Container { kind, of, by, max } = &treatment.how else {
            return None;
        };
        let element = self.asked(of, treatment, scope.environment)?;
        let id = self.views[element as usize].of;
        let link = match by {
            Some(by) => self.link(*kind, id, of, by)?,
            None => 0,
        };
        if kind.has_link() {
            self.views[element as usize].has_pointers = true;
        }
        Some(Contents {
            kind: *kind,
            element,
            link,
            most: max.unwrap_or(0),
        })
    }

    /// Where the link lies in an element.
    fn link(
        &mut self,
        kind: Container,
        of: TypeId,
        name: &Spanned<TypeName>,
        by: &Spanned<String>,
    ) -> Option<u64> {
        let link = self.byte_offset(of, by)?;
        let field = find_field(self.btf, of, &by.value, by.span).ok()?;
        let links: &[&str] = match kind {
            Container::List => &["list_head"],
            Container::HList => &["hlist_node", "hlist_bl_node"],
            Container::HListNulls => &["hlist_nulls_node"],
            Container::LList => &["llist_node", "callback_head"],
            Container::Tree => &["rb_node"],
            _ => &[],
        };
        let found = self.btf.name(self.btf.resolve(field.of));
        let fits = match kind {
            Container::Chain | Container::LList if self.is_pointer(field.of) => true,
            Container::Chain => false,
            _ => links.contains(&found),
        };
        let bytes = match kind {
            Container::LList | Container::Chain => 8,
            Container::Tree => 24,
            _ => 16,
        };
        let size = self.btf.size(of).unwrap_or(0);
        let inside = link.checked_add(bytes).is_some_and(|end| end <= size);
        if fits && inside && link.is_multiple_of(8) {
            return Some(link);
        }
        let declared = self.btf.declaration(field.of, &by.value);
        let (word, _) = Container::ALL.iter().find(|(_, k)| *k == kind)?;
        let label = match links.first() {
            Some(first) => format!("expected a `struct {first}`"),
            None => format!("expected a pointer to the next `{}`", name.value),
        };
        let candidates: Vec<&str> = (self.btf.fields(of).into_iter())
            .filter(|(_, field)| links.contains(&self.btf.name(self.btf.resolve(field.of))))
            .map(|(name, _)| name)
            .collect();
        let message = format!("`{declared}` is no link of a {word}");
        let mut problem = Problem::new(message, by.span, label);
        if !candidates.is_empty() {
            problem = problem.help(format!("`{}` has: {}", name.value, candidates.join(", ")));
        }
        self.problem(problem);
        None
    }

    fn is_pointer(&self, of: TypeId) -> bool {
        matches!(
            self.btf.kind(self.btf.resolve(of)),
            kflat_btf::Kind::Pointer(_)
        )
    }

    fn heads(&mut self, head: TypeId, contents: &Contents, span: Span) -> Option<Vec<PathAction>> {
        let Contents { kind, element, .. } = *contents;
        let head = self.btf.resolve(head);
        let name = self.btf.name(head);
        let one = |action| Some(vec![PathAction::new(String::new(), action, span)]);
        match (kind, name) {
            (Container::List, "list_head") => one(linked(abi::OP_LIST, 0, contents)),
            (Container::HList, "hlist_head") => one(linked(abi::OP_HLIST, 0, contents)),
            (Container::HList, "hlist_bl_head") => one(Action {
                tag_mask: 1,
                ..linked(abi::OP_HLIST, 0, contents)
            }),
            (Container::HListNulls, "hlist_nulls_head") => {
                one(linked(abi::OP_HLIST_NULLS, 0, contents))
            }
            (Container::LList, "llist_head") => one(linked(abi::OP_LLIST, 0, contents)),
            (Container::Tree, "rb_root" | "rb_root_cached") => {
                let node = self.node(element, contents.link);
                let words: &[&str] = match name {
                    "rb_root" => &["rb_node"],
                    _ => &["rb_root.rb_node", "rb_leftmost"],
                };
                let mut actions = Vec::new();
                for word in words {
                    let field = find_field(self.btf, head, word, span);
                    let field = self.noted(field)?;
                    let mut aim = Aim::new(abi::OP_POINTER, node, 1);
                    aim.action.shift = -i32::try_from(contents.link).ok()?;
                    let at = u32::try_from(field.offset()?).ok()?;
                    actions.push(aim.at(at, (*word).to_owned(), span));
                }
                Some(actions)
            }
            (Container::XArray | Container::Radix, "xarray" | "radix_tree_root") => {
                self.described("xarray", element, span)
            }
            (Container::Idr, "idr") => self.described("idr", element, span),
            (Container::Maple, "maple_tree") => self.described("maple", element, span),
            _ => {
                let wanted = match kind {
                    Container::List => "a `struct list_head`",
                    Container::HList => "a `struct hlist_head` or `hlist_bl_head`",
                    Container::HListNulls => "a `struct hlist_nulls_head`",
                    Container::LList => "a `struct llist_head`",
                    Container::Chain => "a pointer to the first element",
                    Container::Tree => "a `struct rb_root` or `rb_root_cached`",
                    Container::XArray | Container::Radix => "a `struct xarray`",
                    Container::Idr => "a `struct idr`",
                    Container::Maple => "a `struct maple_tree`",
                };
                let message = format!("`{}` is no head of this kind", self.btf.type_name(head));
                let label = format!("it has to be {wanted}, or a pointer to one");
                self.problem(Problem::new(message, span, label));
                None
            }
        }
    }

    /// A container that `containers.kflat` describes.
    fn described(&mut self, view: &str, element: u32, span: Span) -> Option<Vec<PathAction>> {
        let environment = self.environment(element);
        let before = self.problems.len();
        let target = self.named_view(view, span, environment);
        // What is wrong there is that the kernel lacks the types.
        if self.problems.len() > before {
            self.problems.truncate(before);
            let message = format!("this kernel has no such container ({view})");
            self.problem(Problem::new(message, span, "its types are missing"));
        }
        let action = Action {
            op: abi::OP_EMBED,
            target: target?,
            count: constant(1),
            ..Action::BARE
        };
        Some(vec![PathAction::new(String::new(), action, span)])
    }
}

fn linked(op: u8, offset: u32, contents: &Contents) -> Action {
    Action {
        op,
        offset,
        target: contents.element,
        count: constant(contents.most),
        link: u32::try_from(contents.link).unwrap_or(NONE),
        ..Action::BARE
    }
}
