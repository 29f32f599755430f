//! Fills views: what is done with each member.

mod member;
mod tail;

use kflat_abi::program::{
    self as abi, Action, Extra, NONE, OPERAND_CONSTANT, OPERAND_MEMBER, Operand,
};
use kflat_btf::{Btf, Field, Kind, TypeId};

use crate::diagnostics::Span;
use crate::guard::Guarded;
use crate::names::{complete_type, is_char, is_function, pointee};
use crate::scope::{Element, Scope, Word};
use crate::syntax::MemberRule;
use crate::views::{Aim, Body, PathAction, Tail, Views, constant};

/// How deeply structures embedded in each other are looked at, how many of them
/// in one view, and how many actions a view may have: the kernel needs far less,
/// damaged BTF has no end.
const MOST_DEPTH: usize = 12;
const MOST_STEPS: usize = 1 << 11;
const MOST_ACTIONS: usize = 1 << 12;

/// A view that is being filled.
struct Filling {
    actions: Vec<PathAction>,
    /// Bytes that are spoken for.
    taken: Vec<(u64, u64)>,
    tail: Option<Tail>,
    /// Bytes of the view.
    size: u64,
    nesting: usize,
    /// Structures looked at so far.
    steps: usize,
    parameters: Vec<String>,
    environment: u32,
}

impl Filling {
    fn is_free(&self, start: u64, size: u64) -> bool {
        let end = start.saturating_add(size);
        end <= self.size && !self.taken.iter().any(|(s, e)| start < *e && *s < end)
    }

    /// Whether a count lies in the view, which damaged BTF may not heed.
    fn contains(&self, count: Operand) -> bool {
        let end = u64::from(count.value) + u64::from(count.width);
        count.kind != OPERAND_MEMBER || end <= self.size
    }

    fn take(&mut self, start: u64, size: u64) {
        self.taken.push((start, start.saturating_add(size)));
    }

    /// Where an expression of a member stands.
    fn scope(&self, place: &Place<'_>, at: u64, of: TypeId) -> Scope<'_> {
        Scope {
            element: Some(Element {
                of: place.of,
                base: place.base,
                size: self.size,
                parameters: &self.parameters,
            }),
            word: Word::Member { at, of },
            has_address: false,
            environment: self.environment,
        }
    }
}

/// Where structures embedded in each other stand.
#[derive(Clone, Copy)]
struct Place<'p> {
    of: TypeId,
    base: u64,
    prefix: &'p str,
    depth: usize,
}

impl<'a> Views<'a> {
    /// Fills a view, if it is not filled.
    pub(crate) fn fill(&mut self, index: u32, depth: usize) {
        let view = &mut self.views[index as usize];
        if std::mem::replace(&mut view.filled, true) {
            return;
        }
        let (of, body, node) = (view.of, view.body, view.node);
        let mut filling = Filling {
            actions: Vec::new(),
            taken: Vec::new(),
            tail: None,
            size: u64::from(view.size),
            nesting: 0,
            steps: 0,
            parameters: view.parameters.clone(),
            environment: view.environment,
        };
        let place = Place {
            of,
            base: 0,
            prefix: "",
            depth,
        };
        match body {
            Body::Made => {}
            Body::Members(members) => {
                let rule: Vec<&MemberRule> = members.iter().collect();
                self.members(&place, &rule, &mut filling);
            }
            Body::Way(way) => self.whole(&place, way, &mut filling),
            Body::Type | Body::Flat => {
                self.by_type(&place, &mut filling, matches!(body, Body::Flat));
            }
        }
        if let Some(link) = node {
            self.links_of_node(index, link, &mut filling);
        }
        filling.actions.sort_by_key(|found| found.action.offset);
        let tail_points = filling.tail.is_some_and(|tail| {
            self.fill(tail.target, depth + 1);
            let element = &self.views[tail.target as usize];
            filling.nesting = filling.nesting.max(element.nesting + 1);
            element.has_pointers
        });
        let view = &mut self.views[index as usize];
        view.has_pointers |= !filling.actions.is_empty() || tail_points;
        view.actions = filling.actions;
        view.nesting = filling.nesting;
        view.tail = filling.tail;
    }

    /// By the type's rule, or by none.
    fn by_type(&mut self, place: &Place<'_>, filling: &mut Filling, flat: bool) {
        match self.btf.kind(place.of) {
            Kind::Struct(_) | Kind::Union(_) if flat => {
                self.members(place, &[], filling);
            }
            Kind::Struct(_) | Kind::Union(_) => {
                let rule = self.rule(place.of);
                self.members(place, &rule, filling);
            }
            // Without a rule it is followed only if it is clear where to.
            Kind::Pointer(_) => {
                let to = pointee(self.btf, place.of);
                if let Some(aim) = self.natural(to) {
                    filling
                        .actions
                        .push(aim.at(0, String::new(), Span::default()));
                }
            }
            Kind::Array { .. } => {
                self.array(place.of, 0, "", true, place.depth, filling);
            }
            _ => {}
        }
    }

    /// Where a pointer leads by its type alone, if that says it.
    fn natural(&mut self, to: Option<TypeId>) -> Option<Aim> {
        let to = to?;
        if is_function(self.btf, to) {
            return Some(Aim::new(abi::OP_FUNCTION, NONE, 1));
        }
        if is_char(self.btf, to) {
            return Some(Aim::new(abi::OP_STRING, self.char(), 0));
        }
        if self.is_skipped(to) {
            return None;
        }
        let target = match self.is_hub(to) {
            true => self.flat(to)?,
            false => self.view(to)?,
        };
        Some(Aim::new(abi::OP_POINTER, target, 1))
    }

    /// The three pointers of a node; the parent's low bits are the colour.
    fn links_of_node(&mut self, index: u32, link: u64, filling: &mut Filling) {
        const COLOUR: u16 = 3;
        let Ok(shift) = i32::try_from(link) else {
            return;
        };
        let mut extra = Extra::BARE;
        if !filling.parameters.is_empty() {
            let all: Vec<_> = (0..filling.parameters.len() as u32)
                .map(|at| crate::formula::instruction(abi::code::PARAMETER, 0, false, at))
                .collect();
            extra.hand_down = self.pool.expression(&all);
        }
        for (name, at, tag_mask) in [
            ("__rb_parent_color", 0, COLOUR),
            ("rb_right", 8, 0),
            ("rb_left", 16, 0),
        ] {
            if !filling.is_free(link + at, 8) {
                continue;
            }
            filling.take(link + at, 8);
            let action = Action {
                op: abi::OP_POINTER,
                tag_mask,
                offset: (link + at) as u32,
                target: index,
                shift: -shift,
                count: constant(1),
                ..Action::BARE
            };
            filling.actions.push(PathAction {
                extra,
                ..PathAction::new(name.to_owned(), action, Span::default())
            });
        }
    }

    /// What a rule says of a structure's members, and what is done without it.
    fn members(&mut self, place: &Place<'_>, rule: &[&'a MemberRule], filling: &mut Filling) {
        filling.steps += 1;
        if filling.steps > MOST_STEPS {
            return;
        }
        let mut own = Vec::new();
        let mut guarded: Vec<Guarded> = Vec::new();
        for member in rule {
            self.member(place, member, &mut own, &mut guarded, filling);
        }
        let settled = self.settled(guarded);
        filling.actions.extend(settled);
        if !matches!(self.btf.kind(place.of), Kind::Struct(_) | Kind::Union(_)) {
            return;
        }
        let btf = self.btf;
        let fields = btf.fields(place.of);
        let shared = overlapping(btf, &fields);
        for ((name, field), shared) in fields.into_iter().zip(shared) {
            let ruled = rule.iter().any(|member| member.path.value == name);
            let Some(offset) = field.offset().filter(|_| !shared && !ruled) else {
                continue;
            };
            if filling.actions.len() < MOST_ACTIONS && place.depth < MOST_DEPTH {
                let path = format!("{}{name}", place.prefix);
                self.unasked(field.of, place.base + offset, &path, place.depth, filling);
            }
        }
    }

    /// What is done with a member of which no rule speaks: function pointers are
    /// named, structures inside are looked at.
    fn unasked(&mut self, of: TypeId, at: u64, path: &str, depth: usize, filling: &mut Filling) {
        let of = self.btf.resolve(of);
        match self.btf.kind(of) {
            Kind::Struct(_) | Kind::Union(_) => {
                let prefix = format!("{path}.");
                let place = Place {
                    of,
                    base: at,
                    prefix: &prefix,
                    depth: depth + 1,
                };
                let rule = self.rule(of);
                self.members(&place, &rule, filling);
            }
            Kind::Array { .. } => self.array(of, at, path, false, depth, filling),
            Kind::Pointer(_) if filling.is_free(at, 8) && self.is_callback(of) => {
                let aim = Aim::new(abi::OP_FUNCTION, NONE, 1);
                filling.take(at, 8);
                let found = aim.at(at as u32, path.to_owned(), Span::default());
                filling.actions.push(found);
            }
            _ => {}
        }
    }

    /// An array that lies at `at`: its elements are looked at like single
    /// members; pointers are followed only where `asked` for.
    fn array(
        &mut self,
        of: TypeId,
        at: u64,
        path: &str,
        asked: bool,
        depth: usize,
        filling: &mut Filling,
    ) {
        let (element, total) = elements(self.btf, of);
        let followed = match self.btf.kind(element) {
            Kind::Struct(_) | Kind::Union(_) => true,
            Kind::Pointer(_) => asked || self.is_callback(element),
            _ => false,
        };
        let Some(count) = u32::try_from(total).ok().filter(|c| *c > 0 && followed) else {
            return;
        };
        if depth >= MOST_DEPTH {
            return;
        }
        let Some(target) = self.view(element) else {
            return;
        };
        let action = Action {
            op: abi::OP_EMBED,
            target,
            count: constant(count),
            ..Action::BARE
        };
        let embedded = PathAction::new(path.to_owned(), action, Span::default());
        if let Some(embedded) = self.embedded(embedded, at, depth, filling)
            && filling.is_free(
                at,
                u64::from(self.views[target as usize].size) * u64::from(count),
            )
        {
            filling.take(
                at,
                u64::from(self.views[target as usize].size) * u64::from(count),
            );
            filling.actions.push(embedded);
        }
    }

    /// An `OP_EMBED` at its place; `None` if there is nothing to do in its target.
    fn embedded(
        &mut self,
        mut embedded: PathAction,
        at: u64,
        depth: usize,
        filling: &mut Filling,
    ) -> Option<PathAction> {
        let target = embedded.action.target;
        if depth >= MOST_DEPTH {
            return None;
        }
        self.fill(target, depth + 1);
        let view = &self.views[target as usize];
        let nesting = view.nesting + 1;
        let count = match embedded.action.count.kind {
            OPERAND_CONSTANT => embedded.action.count.value,
            _ => 1,
        };
        let size = u64::from(view.size).saturating_mul(u64::from(count));
        let inside = at.checked_add(size).is_some_and(|end| end <= filling.size);
        if view.actions.is_empty() || nesting >= abi::MAX_NESTING || !inside {
            return None;
        }
        filling.nesting = filling.nesting.max(nesting);
        embedded.action.offset = u32::try_from(at).ok()?;
        Some(embedded)
    }
}

/// Elements of an array of arrays, and how many there are.
fn elements(btf: &Btf, of: TypeId) -> (TypeId, u64) {
    let (mut element, mut total) = (btf.resolve(of), 1u64);
    for _ in 0..MOST_DEPTH {
        let Kind::Array {
            element: to, count, ..
        } = btf.kind(element)
        else {
            break;
        };
        total = total.saturating_mul(u64::from(*count));
        element = complete_type(btf, *to);
    }
    (element, total)
}

/// Which fields share bytes with others: members of unions.
pub(crate) fn overlapping(btf: &Btf, fields: &[(&str, Field)]) -> Vec<bool> {
    let mut order: Vec<usize> = (0..fields.len()).collect();
    let bits = |index: usize| {
        let field = &fields[index].1;
        let size = match field.bit_size {
            0 => btf.size(field.of).unwrap_or(0).saturating_mul(8),
            bits => u64::from(bits),
        };
        (field.offset_bits, field.offset_bits.saturating_add(size))
    };
    order.sort_by_key(|index| bits(*index).0);
    let mut shared = vec![false; fields.len()];
    let mut furthest: Option<(u64, usize)> = None;
    for index in order {
        let (start, end) = bits(index);
        if let Some((_, before)) = furthest.filter(|(reach, _)| start < *reach) {
            shared[index] = true;
            shared[before] = true;
        }
        if furthest.is_none_or(|(reach, _)| end > reach) {
            furthest = Some((end, index));
        }
    }
    shared
}
