//! Views of types in the making: which words of a type are followed, and where
//! to.

use std::collections::HashMap;

use kflat_abi::program::{self as abi, Action, NONE, OPERAND_CONSTANT, OPERAND_MEMBER, Operand};
use kflat_btf::{Btf, Kind, NamedKind, TypeId};

use crate::diagnostics::Problem;
use crate::follow::Scope;
use crate::names::{find_field, find_type, is_char, pointee};
use crate::syntax::{How, MemberRule, Rule};

/// What views are told apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    /// A type without typedefs and qualifiers.
    Type(TypeId),
    /// Bytes of no type.
    Bytes,
    /// A head of a list: element, link, limit.
    Head(u32, u32, u32),
}

/// A view of a type.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) name: String,
    pub(crate) of: TypeId,
    pub(crate) size: u32,
    pub(crate) align: u32,
    pub(crate) actions: Vec<PathAction>,
    /// Whether the engine may change its words.
    pub(crate) has_pointers: bool,
    filled: bool,
    /// How deeply embedded arrays nest in it.
    nesting: usize,
}

/// An action and the path of its member.
#[derive(Clone, Debug)]
pub(crate) struct PathAction {
    pub(crate) path: String,
    pub(crate) action: Action,
}

/// Actions of a view that is being filled.
struct Filling {
    actions: Vec<PathAction>,
    /// Bytes that are spoken for.
    taken: Vec<(u64, u64)>,
    /// Bytes of the view.
    size: u64,
    nesting: usize,
    /// Structures looked at so far.
    steps: usize,
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
}

/// Where structures embedded in each other stand.
struct Place<'p> {
    of: TypeId,
    base: u64,
    prefix: &'p str,
    depth: usize,
}

/// How deeply structures embedded in each other are looked at, how many of them
/// in one view, and how many actions a view may have: the kernel needs far less,
/// damaged BTF has no end.
const MOST_DEPTH: usize = 12;
const MOST_STEPS: usize = 1 << 11;
const MOST_ACTIONS: usize = 1 << 12;

/// All views of a program.
pub(crate) struct Views<'a> {
    pub(crate) btf: &'a Btf,
    rules: HashMap<TypeId, &'a [MemberRule]>,
    pub(crate) views: Vec<View>,
    keys: HashMap<Key, u32>,
    pub(crate) problems: Vec<Problem>,
}

impl<'a> Views<'a> {
    pub(crate) fn new(btf: &'a Btf, rules: &'a [Rule]) -> Self {
        let mut views = Self {
            btf,
            rules: HashMap::new(),
            views: Vec::new(),
            keys: HashMap::new(),
            problems: Vec::new(),
        };
        for rule in rules {
            match find_type(btf, &rule.of) {
                Ok(id) if btf.composite(id).is_none() => {
                    let message = format!("`{}` has no members", rule.of.value);
                    let problem = Problem::new(message, rule.of.span, "no structure or union");
                    views.problems.push(problem);
                }
                Ok(id) => {
                    if views.rules.insert(id, &rule.members).is_some() {
                        let message = format!("`{}` has two rules", rule.of.value);
                        let problem = Problem::new(message, rule.of.span, "the second one")
                            .help("put the members into one rule");
                        views.problems.push(problem);
                    }
                }
                Err(_) if rule.optional => {}
                Err(problem) => views.problems.push(problem),
            }
        }
        views
    }

    /// The types that have rules.
    pub(crate) fn ruled(&self) -> Vec<TypeId> {
        let mut ids: Vec<TypeId> = self.rules.keys().copied().collect();
        ids.sort();
        ids
    }

    /// Fills views until there is none left: filling one may ask for others.
    pub(crate) fn complete(&mut self) {
        let mut next = 0;
        while next < self.views.len() {
            self.fill(next as u32, 0);
            next += 1;
        }
    }

    /// The view of a type; `None` if values of it have no size.
    pub(crate) fn view(&mut self, id: TypeId) -> Option<u32> {
        let id = self.btf.resolve(id);
        if let Some(view) = self.keys.get(&Key::Type(id)) {
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
            actions: Vec::new(),
            has_pointers: false,
            filled: false,
            nesting: 0,
        };
        Some(self.add(Key::Type(id), view))
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

    /// The view of a `struct list_head` that heads a list of `element`s.
    pub(crate) fn head(&mut self, element: u32, link: u32, most: u32) -> u32 {
        let key = Key::Head(element, link, most);
        if let Some(view) = self.keys.get(&key) {
            return *view;
        }
        let of = self.btf.find(NamedKind::Struct, "list_head");
        let of = of.filter(|id| self.btf.size(*id) == Some(16));
        let action = list_action(0, element, link, most);
        let head = PathAction {
            path: String::new(),
            action,
        };
        let view = made(
            "struct list_head",
            of.unwrap_or(TypeId::VOID),
            16,
            8,
            vec![head],
        );
        self.add(key, view)
    }

    fn add(&mut self, key: Key, view: View) -> u32 {
        let index = self.views.len() as u32;
        self.views.push(view);
        self.keys.insert(key, index);
        index
    }

    fn fill(&mut self, index: u32, depth: usize) {
        let view = &mut self.views[index as usize];
        if std::mem::replace(&mut view.filled, true) {
            return;
        }
        let of = view.of;
        let mut filling = Filling {
            actions: Vec::new(),
            taken: Vec::new(),
            size: u64::from(view.size),
            nesting: 0,
            steps: 0,
        };
        let whole = Place {
            of,
            base: 0,
            prefix: "",
            depth,
        };
        match self.btf.kind(of) {
            Kind::Struct(_) | Kind::Union(_) => self.members(&whole, &mut filling),
            // Without a rule it is followed only if it is clear where to.
            Kind::Pointer(_) => {
                let to = pointee(self.btf, of);
                if let Some(aim) = self.natural(to) {
                    filling.actions.push(aim.at(0, String::new()));
                }
            }
            Kind::Array { .. } => self.array(of, 0, "", true, depth, &mut filling),
            _ => {}
        }
        filling.actions.sort_by_key(|found| found.action.offset);
        let view = &mut self.views[index as usize];
        view.has_pointers |= !filling.actions.is_empty();
        view.actions = filling.actions;
        view.nesting = filling.nesting;
    }

    /// What the rule says of a structure's members, and what is done without it.
    fn members(&mut self, place: &Place<'_>, filling: &mut Filling) {
        filling.steps += 1;
        if filling.steps > MOST_STEPS {
            return;
        }
        let rule = self.rules.get(&place.of).copied().unwrap_or_default();
        let mut own = Vec::new();
        for member in rule {
            self.member(place, member, &mut own, filling);
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
                self.members(&place, filling);
            }
            Kind::Array { .. } => self.array(of, at, path, false, depth, filling),
            Kind::Pointer(_) if filling.is_free(at, 8) => {
                let to = pointee(self.btf, of);
                if to.is_some_and(|to| matches!(self.btf.kind(to), Kind::Prototype { .. }))
                    && let Some(aim) = self.natural(to)
                {
                    filling.take(at, 8);
                    filling.actions.push(aim.at(at as u32, path.to_owned()));
                }
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
        let (mut element, mut total) = (of, 1u64);
        for _ in 0..MOST_DEPTH {
            let Kind::Array {
                element: to, count, ..
            } = self.btf.kind(element)
            else {
                break;
            };
            total = total.saturating_mul(u64::from(*count));
            element = self.btf.resolve(*to);
        }
        let function = pointee(self.btf, element)
            .is_some_and(|to| matches!(self.btf.kind(to), Kind::Prototype { .. }));
        let followed = match self.btf.kind(element) {
            Kind::Struct(_) | Kind::Union(_) => true,
            Kind::Pointer(_) => asked || function,
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
        self.fill(target, depth + 1);
        self.embed(target, count, at, path, filling);
    }

    /// Puts `count` elements of a filled view at `at`.
    fn embed(&mut self, target: u32, count: u32, at: u64, path: &str, filling: &mut Filling) {
        let view = &self.views[target as usize];
        let size = u64::from(view.size).saturating_mul(u64::from(count));
        let nesting = view.nesting + 1;
        if view.actions.is_empty() || nesting >= abi::MAX_NESTING || !filling.is_free(at, size) {
            return;
        }
        filling.nesting = filling.nesting.max(nesting);
        filling.take(at, size);
        let action = Action {
            op: abi::OP_EMBED,
            offset: at as u32,
            target,
            count: constant(count),
            ..Action::BARE
        };
        filling.actions.push(PathAction {
            path: path.to_owned(),
            action,
        });
    }

    /// A member of which a rule speaks; `own` are the bytes that this rule has
    /// followed before.
    fn member(
        &mut self,
        place: &Place<'_>,
        rule: &MemberRule,
        own: &mut Vec<(u64, u64)>,
        filling: &mut Filling,
    ) {
        let name = &rule.path;
        let field = match find_field(self.btf, place.of, &name.value, name.span) {
            Ok(field) => field,
            Err(_) if rule.optional => return,
            Err(problem) => return self.problems.push(problem),
        };
        let how = &rule.treatment.how;
        let Some(offset) = field.offset() else {
            if !matches!(how, How::Default | How::Skip) {
                let message = format!("`{}` is a bit field", name.value);
                let problem = Problem::new(message, name.span, "can't be followed");
                self.problems.push(problem);
            }
            return;
        };
        let at = place.base + offset;
        let of = self.btf.resolve(field.of);
        let size = self.btf.size(of).unwrap_or(0);
        let path = format!("{}{}", place.prefix, name.value);
        if matches!(how, How::Skip) {
            return filling.take(at, size);
        }
        let is_number = matches!(
            self.btf.kind(of),
            Kind::Int(_) | Kind::Enum { .. } | Kind::Float(_)
        );
        if is_number && matches!(how, How::Default) {
            return;
        }
        let end = at.saturating_add(size);
        if own.iter().any(|(s, e)| at < *e && *s < end) {
            let message = format!("the bytes of `{}` are followed twice", name.value);
            let problem = Problem::new(message, name.span, "another member of the rule has them")
                .help("of a union's members name the one that is in use only");
            return self.problems.push(problem);
        }
        own.push((at, end));
        if filling.actions.len() >= MOST_ACTIONS || place.depth >= MOST_DEPTH {
            return;
        }
        match (self.btf.kind(of), how) {
            (
                Kind::Struct(_),
                How::List {
                    of: element,
                    by,
                    max,
                },
            ) if size == 16 => {
                if let Some((element, link, most)) = self.list(element, by, *max)
                    // The rule of a structure around this one goes before.
                    && filling.is_free(at, 16)
                {
                    filling.take(at, 16);
                    let action = list_action(at as u32, element, link, most);
                    filling.actions.push(PathAction { path, action });
                }
            }
            (Kind::Struct(_) | Kind::Union(_), How::Default) => {
                self.unasked(of, at, &path, place.depth, filling);
            }
            (Kind::Array { .. }, How::Default) => {
                self.array(of, at, &path, true, place.depth, filling);
            }
            // A number of 8 bytes may hold an address, as `unsigned long page_link`.
            (Kind::Pointer(_) | Kind::Int(_), _) if size == 8 => {
                let scope = Scope::Members {
                    of: place.of,
                    base: place.base,
                };
                let to = pointee(self.btf, of);
                if let Some(aim) = self.aim(to, &rule.treatment, name.span, scope)
                    && filling.is_free(at, 8)
                    && filling.contains(aim.action.count)
                {
                    filling.take(at, 8);
                    filling.actions.push(aim.at(at as u32, path));
                }
            }
            _ => {
                let declared = self.btf.declaration(field.of, &name.value);
                let message = format!("`{declared}` can't be followed in this way");
                let label = "neither a pointer nor, for `list`, a `struct list_head`";
                self.problems
                    .push(Problem::new(message, rule.treatment.span, label));
            }
        }
    }
}

/// A view that needs no filling.
fn made(name: &str, of: TypeId, size: u32, align: u32, actions: Vec<PathAction>) -> View {
    View {
        name: name.to_owned(),
        of,
        size,
        align,
        has_pointers: !actions.is_empty(),
        actions,
        filled: true,
        nesting: 0,
    }
}

fn list_action(offset: u32, element: u32, link: u32, most: u32) -> Action {
    Action {
        op: abi::OP_LIST,
        offset,
        target: element,
        count: constant(most),
        link,
        ..Action::BARE
    }
}

/// A number that is known now.
pub(crate) fn constant(value: u32) -> Operand {
    Operand {
        kind: OPERAND_CONSTANT,
        value,
        ..Operand::default()
    }
}

/// A number in a member.
pub(crate) fn member(value: u32, width: u8, signed: bool) -> Operand {
    Operand {
        kind: OPERAND_MEMBER,
        width,
        signed: u8::from(signed),
        value,
        ..Operand::default()
    }
}

/// Where a pointer leads.
pub(crate) struct Aim {
    pub(crate) action: Action,
}

impl Aim {
    pub(crate) fn new(op: u8, target: u32, count: u32) -> Self {
        let action = Action {
            op,
            target,
            count: constant(count),
            ..Action::BARE
        };
        Self { action }
    }

    fn at(mut self, offset: u32, path: String) -> PathAction {
        self.action.offset = offset;
        PathAction {
            path,
            action: self.action,
        }
    }
}

impl Views<'_> {
    /// Where a pointer leads by its type alone, if that says it.
    pub(crate) fn natural(&mut self, to: Option<TypeId>) -> Option<Aim> {
        let to = to?;
        if matches!(self.btf.kind(to), Kind::Prototype { .. }) {
            return Some(Aim::new(abi::OP_FUNCTION, NONE, 1));
        }
        if is_char(self.btf, to) {
            return Some(Aim::new(abi::OP_STRING, self.char(), 0));
        }
        let target = self.view(to)?;
        Some(Aim::new(abi::OP_POINTER, target, 1))
    }
}

/// Which fields share bytes with others: members of unions.
fn overlapping(btf: &Btf, fields: &[(&str, kflat_btf::Field)]) -> Vec<bool> {
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
