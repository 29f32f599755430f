//! A member of which a rule speaks.

use kflat_abi::program::{self as abi, OPERAND_CONSTANT};
use kflat_btf::{Kind, TypeId};

use super::{Filling, MOST_ACTIONS, MOST_DEPTH, Place, elements};
use crate::diagnostics::{Problem, Span};
use crate::guard::{Condition, Guarded};
use crate::names::{find_field, pointee};
use crate::syntax::{Count, How, MemberRule, Treatment};
use crate::views::{Aim, PathAction, Views, constant};

/// Bytes that a rule has followed before, and whether under a condition.
pub(super) struct Own {
    start: u64,
    end: u64,
    conditional: bool,
    source: usize,
}

/// A member that is looked at.
pub(super) struct Found<'p> {
    pub(super) of: TypeId,
    /// Offset in the view.
    pub(super) at: u64,
    pub(super) path: &'p str,
    pub(super) span: Span,
}

impl<'a> Views<'a> {
    /// A member of which a rule speaks; `own` are the bytes that this rule has
    /// followed before.
    pub(super) fn member(
        &mut self,
        place: &Place<'_>,
        rule: &'a MemberRule,
        own: &mut Vec<Own>,
        guarded: &mut Vec<Guarded>,
        filling: &mut Filling,
    ) {
        let name = &rule.path;
        let (of, offset) = if name.value.is_empty() {
            (place.of, Some(0))
        } else {
            match find_field(self.btf, place.of, &name.value, name.span) {
                Ok(field) => (field.of, field.offset()),
                Err(_) if rule.optional => return,
                Err(problem) => {
                    // A condition may say that there is no such member.
                    let scope = filling.scope(place, place.base, TypeId::VOID);
                    let never = self.condition(&rule.guards, &scope);
                    if !matches!(never, Some(Condition::Never)) {
                        self.problem(problem);
                    }
                    return;
                }
            }
        };
        let how = &rule.treatment.how;
        let Some(offset) = offset else {
            if !matches!(how, How::Default | How::Skip) {
                let message = format!("`{}` is a bit field", name.value);
                self.problem(Problem::new(message, name.span, "can't be followed"));
            }
            return;
        };
        let (at, of) = (place.base + offset, self.btf.resolve(of));
        let size = self.btf.size(of).unwrap_or(0);
        let scope = filling.scope(place, at, of);
        let Some(condition) = self.condition(&rule.guards, &scope) else {
            return;
        };
        let tests = match condition {
            Condition::Never => return,
            Condition::Always => None,
            Condition::When(tests) => Some(tests),
        };
        let is_number = matches!(
            self.btf.kind(of),
            Kind::Int(_) | Kind::Enum { .. } | Kind::Float(_)
        );
        if is_number && matches!(how, How::Default) {
            return;
        }
        let end = at.saturating_add(size);
        let conditional = tests.is_some();
        let source = name.span.source;
        let before = own.iter().find(|one| at < one.end && one.start < end);
        if let Some(before) = before
            && !(before.conditional && conditional && before.source == source)
        {
            // What a text says goes before what it includes.
            if before.source == source && (conditional || !matches!(how, How::Skip)) {
                let message = format!("the bytes of `{}` are followed twice", name.value);
                self.problem(
                    Problem::new(message, name.span, "another member of the rule has them").help(
                        "of a union's members name the one that is in use, or say when each is: \
                         `if CONDITION`, `switch`",
                    ),
                );
            }
            return;
        }
        own.push(Own {
            start: at,
            end,
            conditional,
            source,
        });
        let path = format!("{}{}", place.prefix, name.value);
        let Some(tests) = tests else {
            if matches!(how, How::Skip) {
                return filling.take(at, size);
            }
            if filling.actions.len() >= MOST_ACTIONS || place.depth >= MOST_DEPTH {
                return;
            }
            let found = Found {
                of,
                at,
                path: &path,
                span: name.span,
            };
            return self.put(place, &found, &rule.treatment, filling);
        };
        if filling.actions.len() >= MOST_ACTIONS || place.depth >= MOST_DEPTH {
            return;
        }
        let found = Found {
            of,
            at,
            path: &path,
            span: name.span,
        };
        let action = match how {
            How::Skip => None,
            _ => match self.one_action(place, &found, &rule.treatment, filling) {
                Some(action) => Some(action),
                None => return,
            },
        };
        // Other conditional members of this rule may share the bytes.
        let free = filling.is_free(at, size)
            || (before_is_guarded(guarded, at, end) && end <= filling.size);
        if !free {
            return;
        }
        filling.take(at, size);
        guarded.push(Guarded {
            start: at,
            end: end.max(at + 1),
            tests,
            action,
            span: name.span,
            path,
        });
    }

    /// A member as a whole, of the elements of an array.
    pub(super) fn whole(&mut self, place: &Place<'_>, way: &'a Treatment, filling: &mut Filling) {
        let found = Found {
            of: place.of,
            at: place.base,
            path: "",
            span: way.span,
        };
        if !matches!(way.how, How::Skip) {
            self.put(place, &found, way, filling);
        }
    }

    /// Puts what is done with a member into the view.
    fn put(
        &mut self,
        place: &Place<'_>,
        found: &Found<'_>,
        treatment: &'a Treatment,
        filling: &mut Filling,
    ) {
        let plain = treatment.inline.is_none() && treatment.with.is_empty();
        match (self.btf.kind(found.of), &treatment.how) {
            (Kind::Struct(_) | Kind::Union(_), How::Default) if plain => {
                return self.unasked(found.of, found.at, found.path, place.depth, filling);
            }
            (Kind::Array { .. }, How::Default) if plain && elements(self.btf, found.of).1 > 0 => {
                return self.array(found.of, found.at, found.path, true, place.depth, filling);
            }
            (Kind::Array { .. }, _) if elements(self.btf, found.of).1 == 0 => {
                return self.tail(place, found, treatment, filling);
            }
            _ => {}
        }
        let actions = self.actions(place, found, treatment, filling);
        for action in actions.unwrap_or_default() {
            let (at, size) = match action.action.flags & abi::ACTION_KEEP {
                0 => (u64::from(action.action.offset), self.extent(&action)),
                _ => (found.at, self.btf.size(found.of).unwrap_or(8)),
            };
            // The rule of a structure around this one goes before.
            if filling.is_free(at, size) && filling.contains(action.action.count) {
                filling.take(at, size);
                filling.actions.push(action);
            }
        }
    }

    /// Bytes that an action is about.
    fn extent(&self, found: &PathAction) -> u64 {
        match found.action.op {
            abi::OP_LIST => 16,
            abi::OP_EMBED => {
                let size = self.views[found.action.target as usize].size;
                let count = match found.action.count.kind {
                    OPERAND_CONSTANT => found.action.count.value,
                    _ => 1,
                };
                u64::from(size).saturating_mul(u64::from(count))
            }
            _ => 8,
        }
    }

    /// What is done with a member, as one action.
    fn one_action(
        &mut self,
        place: &Place<'_>,
        found: &Found<'_>,
        treatment: &'a Treatment,
        filling: &mut Filling,
    ) -> Option<PathAction> {
        if matches!(self.btf.kind(found.of), Kind::Array { .. })
            && elements(self.btf, found.of).1 == 0
        {
            self.problem(
                Problem::new(
                    "a flexible array has no condition",
                    found.span,
                    "is always there",
                )
                .help("put the condition into its count: `array CONDITION ? COUNT : 0`"),
            );
            return None;
        }
        let mut actions = self.actions(place, found, treatment, filling)?;
        match (actions.pop(), actions.is_empty()) {
            (Some(action), true) => Some(action),
            (None, _) => None,
            (Some(_), false) => {
                self.problem(Problem::new(
                    "this takes several pointers, which have no common condition",
                    treatment.span,
                    "more than one word",
                ));
                None
            }
        }
    }

    /// What is done with a member. `None`: nothing, or a problem that has been
    /// noted.
    fn actions(
        &mut self,
        place: &Place<'_>,
        found: &Found<'_>,
        treatment: &'a Treatment,
        filling: &mut Filling,
    ) -> Option<Vec<PathAction>> {
        let Found { of, at, path, span } = *found;
        let parameters = filling.parameters.clone();
        let mut scope = filling.scope(place, at, of);
        if let Some(element) = &mut scope.element {
            element.parameters = &parameters;
        }
        let (element, total) = elements(self.btf, of);
        let kind = self.btf.kind(of);
        // What keeps its value, and is decoded, need not be as wide as an address: the
        // engine is sent to the word that it lies in.
        let size = self.btf.size(of).unwrap_or(0);
        let is_decoded = treatment.keep && treatment.decode.is_some() && size < 8;
        let word = if is_decoded { at & !7 } else { at };
        let is_word = match kind {
            Kind::Pointer(_) => size == 8,
            Kind::Int(_) => size == 8 || is_decoded,
            _ => false,
        };
        let (target, count) = match (kind, &treatment.how) {
            (_, How::Here(name)) => {
                let target = self.asked(name, treatment, scope.environment)?;
                (target, self.fitting(target, of, treatment)?)
            }
            (Kind::Struct(_) | Kind::Union(_), How::Default) => {
                (self.target(of, treatment, scope.environment)?, constant(1))
            }
            (Kind::Struct(_) | Kind::Union(_), How::Container { .. }) => {
                let heads = self.head_actions(of, treatment, &scope)?;
                let mut all = Vec::new();
                for mut head in heads {
                    let offset = u64::from(head.action.offset).checked_add(at)?;
                    path.clone_into(&mut head.path);
                    if head.action.op == abi::OP_EMBED {
                        all.extend(self.embedded(head, offset, place.depth, filling));
                    } else {
                        head.action.offset = u32::try_from(offset).ok()?;
                        all.push(head);
                    }
                }
                return Some(all);
            }
            (Kind::Array { .. }, How::Default) => {
                let target = self.target(element, treatment, scope.environment)?;
                (target, constant(u32::try_from(total).ok()?))
            }
            (
                Kind::Array { .. },
                How::Pointer {
                    to: None,
                    count: Some(count),
                },
            ) => {
                let target = self.target(element, treatment, scope.environment);
                let target = self.with_size(target, element, span)?;
                (target, self.number(count, &scope)?)
            }
            (Kind::Array { .. }, How::Each { count, way }) => {
                let target = self.each(element, way, scope.environment);
                let target = self.with_size(target, element, span)?;
                (target, self.number(count, &scope)?)
            }
            // Each element in that way.
            (Kind::Array { .. }, _)
                if self.is_number(element) && self.btf.size(element) == Some(8)
                    || self.btf.composite(element).is_some() =>
            {
                let target = self.each(element, treatment, scope.environment);
                let target = self.with_size(target, element, span)?;
                (target, constant(u32::try_from(total).ok()?))
            }
            // A number of 8 bytes may hold an address, as `unsigned long page_link`.
            _ if is_decoded && word.saturating_add(8) > filling.size => {
                self.problem(
                    Problem::new(
                        "this is too near to the end",
                        span,
                        "less than 8 bytes from it",
                    )
                    .help("another number of the structure can stand for the address"),
                );
                return None;
            }
            _ if is_word => {
                let to = pointee(self.btf, of);
                let aim = self.aim(to, treatment, span, &scope)?;
                let word = u32::try_from(word).ok()?;
                return Some(vec![aim.at(word, path.to_owned(), treatment.span)]);
            }
            _ => {
                let declared = self.btf.declaration(of, path);
                let message = format!("`{declared}` can't be followed in this way");
                let label = "neither a pointer nor the head of a container";
                self.problem(Problem::new(message, treatment.span, label).help(
                    "what lies in a structure is captured with it; numbers and texts in it need \
                     no rule",
                ));
                return None;
            }
        };
        let mut aim = Aim::new(abi::OP_EMBED, target, 1);
        aim.action.count = count;
        self.hand_down(&mut aim, treatment, &scope)?;
        let embedded = aim.at(0, path.to_owned(), treatment.span);
        self.embedded(embedded, at, place.depth, filling)
            .map(|action| vec![action])
    }

    /// How many elements of a view lie in a member of type `of`.
    fn fitting(&mut self, target: u32, of: TypeId, treatment: &Treatment) -> Option<abi::Operand> {
        let size = u64::from(self.views[target as usize].size);
        let room = self.btf.size(of).unwrap_or(0);
        if room == 0 || !room.is_multiple_of(size) {
            let message = format!(
                "`{}` of {size} bytes does not fill {room} bytes",
                self.views[target as usize].name
            );
            self.problem(Problem::new(message, treatment.span, "another size"));
            return None;
        }
        u32::try_from(room / size).ok().map(constant)
    }

    fn with_size(&mut self, target: Option<u32>, of: TypeId, span: Span) -> Option<u32> {
        if target.is_none() {
            let message = format!("values of `{}` have no size", self.btf.type_name(of));
            self.problem(Problem::new(message, span, "can't be captured"));
        }
        target
    }

    /// A count that is a number.
    pub(super) fn number(
        &mut self,
        count: &Count,
        scope: &crate::scope::Scope<'_>,
    ) -> Option<abi::Operand> {
        if !matches!(count, Count::Number(_)) {
            self.problem(
                Problem::new(
                    "the end of an array that lies here is not searched for",
                    count.span(),
                    "expected a number",
                )
                .help("`until` goes with pointers to arrays; here every element is looked at: leave the count out"),
            );
            return None;
        }
        self.count(count, scope, None)
    }
}

/// Whether the bytes are those of members under conditions only.
fn before_is_guarded(guarded: &[Guarded], start: u64, end: u64) -> bool {
    guarded.iter().any(|one| one.start < end && start < one.end)
}
