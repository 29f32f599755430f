//! Whether a program that was compiled for one kernel fits another.

use std::collections::HashSet;
use std::fmt;

use kflat_abi::program::{Program, ROOT_ARGUMENT};
use kflat_btf::{Btf, Composite, Kind, Member, NamedKind, TypeId, layout_hash};

use crate::formula::Function;

/// Why a program does not fit a kernel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// The bytes are no program.
    #[error("the recipe program is damaged: compile the recipe anew")]
    Damaged,
    /// The types are not those that it was compiled with.
    #[error(
        "the types that came with recipe {target} are not those that it was compiled with \
         (layout hash {expected:016x}, found {found:016x}): compile it anew"
    )]
    OtherTypes {
        /// The recipe.
        target: String,
        /// The program's hash of its types.
        expected: u64,
        /// Theirs.
        found: u64,
    },
    /// The kernel lays its types out differently.
    #[error(
        "recipe {target} was compiled for another kernel, whose layout differs (layout hash \
         {hash:016x}): {difference}; compile it for this kernel"
    )]
    OtherKernel {
        /// The recipe.
        target: String,
        /// The program's hash of its types.
        hash: u64,
        /// The first difference.
        difference: Box<Difference>,
    },
}

/// What differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// The kernel has no such type.
    Gone(String),
    /// A type has another size: then and here.
    Size(String, u64, u64),
    /// A type has lost a member.
    Member(String, String),
    /// A member is elsewhere: at which bits, then and here.
    Offset(String, String, u64, u64),
    /// A member is of another type: then and here.
    Kind(String, String, String, String),
    /// An argument of the function comes at another position: then and here, from 0.
    Argument(String, u32, u32),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = |bits: u64| match bits % 8 {
            0 => format!("byte {}", bits / 8),
            _ => format!("bit {bits}"),
        };
        match self {
            Self::Gone(name) => write!(f, "there is no `{name}` here"),
            Self::Size(name, then, here) => {
                write!(f, "`{name}` had {then} bytes, here it has {here}")
            }
            Self::Member(name, member) => write!(f, "`{name}` has no `{member}` here"),
            Self::Offset(name, member, then, here) => write!(
                f,
                "`{member}` of `{name}` was at {}, here it is at {}",
                place(*then),
                place(*here)
            ),
            Self::Kind(name, member, then, here) => {
                write!(
                    f,
                    "`{member}` of `{name}` was a `{then}`, here it is a `{here}`"
                )
            }
            Self::Argument(name, then, here) => write!(
                f,
                "the argument `{name}` was at position {then}, here it is at {here}"
            ),
        }
    }
}

/// Checks that a compiled recipe fits a kernel: that the types which came with it,
/// `types`, are laid out in `kernel` as they were where it was compiled, and that its
/// function has its arguments where they were.
///
/// # Errors
/// What differs first.
pub fn check_layout(program: &[u8], types: &[u8], kernel: &Btf) -> Result<(), LayoutError> {
    let program = Program::find(program).ok_or(LayoutError::Damaged)?;
    let target = program.target().ok_or(LayoutError::Damaged)?.to_owned();
    let expected = program.header().layout_hash;
    let found = layout_hash(types);
    if expected != found {
        return Err(LayoutError::OtherTypes {
            target,
            expected,
            found,
        });
    }
    let types = Btf::parse(types).map_err(|_| LayoutError::Damaged)?;
    let difference = (Comparison {
        then: &types,
        here: kernel,
    })
    .types()
    .or_else(|| argument(&program, &target, kernel));
    match difference {
        None => Ok(()),
        Some(difference) => Err(LayoutError::OtherKernel {
            target,
            hash: expected,
            difference: Box::new(difference),
        }),
    }
}

/// A root that has an argument's name, and another position.
fn argument(program: &Program<'_>, target: &str, kernel: &Btf) -> Option<Difference> {
    let function = Function::named(kernel, target);
    let (_, _, roots) = program.counts();
    let roots = (0..roots).filter_map(|index| program.root_at(index));
    for root in roots.filter(|root| root.source == ROOT_ARGUMENT) {
        let name = program.string_at(root.name).unwrap_or_default();
        match function.slot(name) {
            Some(slot) if slot != root.value => {
                return Some(Difference::Argument(name.to_owned(), root.value, slot));
            }
            _ => {}
        }
    }
    None
}

/// How deeply types without names may nest in types.
const MOST_NESTING: usize = 32;

struct Comparison<'c> {
    then: &'c Btf,
    here: &'c Btf,
}

impl Comparison<'_> {
    /// The first difference of the types that have names and members.
    fn types(&self) -> Option<Difference> {
        for kind in [NamedKind::Struct, NamedKind::Union] {
            let mut seen = HashSet::new();
            for (id, name) in self.then.named(kind) {
                if !name.is_empty() && seen.insert(name) && self.then.composite(id).is_some() {
                    let difference = self.named(kind, id, name);
                    if difference.is_some() {
                        return difference;
                    }
                }
            }
        }
        None
    }

    /// A kernel may have several types of a name; one like it is enough.
    fn named(&self, kind: NamedKind, then: TypeId, name: &str) -> Option<Difference> {
        let mut first = None;
        let shown = self.then.type_name(then);
        for (here, found) in self.here.named(kind) {
            if found != name || self.here.composite(here).is_none() {
                continue;
            }
            match self.composites(&shown, then, here, 0) {
                None => return None,
                difference => first = first.or(difference),
            }
        }
        Some(first.unwrap_or(Difference::Gone(shown)))
    }

    fn composites(
        &self,
        shown: &str,
        then: TypeId,
        here: TypeId,
        nesting: usize,
    ) -> Option<Difference> {
        let (a, b) = (self.then.composite(then)?, self.here.composite(here)?);
        if a.size != b.size {
            let (a, b) = (a.size.into(), b.size.into());
            // What moved first says more.
            return self
                .members(shown, then, here, nesting)
                .or_else(|| Some(Difference::Size(shown.to_owned(), a, b)));
        }
        self.members(shown, then, here, nesting)
    }

    fn members(
        &self,
        shown: &str,
        then: TypeId,
        here: TypeId,
        nesting: usize,
    ) -> Option<Difference> {
        if nesting > MOST_NESTING {
            return None;
        }
        let (a, b) = (self.then.composite(then)?, self.here.composite(here)?);
        let named = |member: &Member| !self.then.member_name(member).is_empty();
        let mut members: Vec<_> = a.members.iter().enumerate().collect();
        // What has a name says more.
        members.sort_by_key(|(_, member)| !named(member));
        for (position, member) in members {
            let name = self.then.member_name(member);
            let told = if name.is_empty() { "(unnamed)" } else { name };
            let found = match name {
                // By its place among those without a name.
                "" => unnamed(self.here, b, unnamed_before(self.then, a, position)),
                name => (b.members.iter()).find(|other| self.here.member_name(other) == name),
            };
            let Some(other) = found else {
                return Some(Difference::Member(shown.to_owned(), told.to_owned()));
            };
            if (member.offset_bits, member.bit_size) != (other.offset_bits, other.bit_size) {
                let (then, here) = (member.offset_bits.into(), other.offset_bits.into());
                return Some(Difference::Offset(
                    shown.to_owned(),
                    told.to_owned(),
                    then,
                    here,
                ));
            }
            match self.shapes(shown, member.of, other.of, nesting) {
                Shape::Same => {}
                Shape::Inside(difference) => return Some(difference),
                Shape::Other => {
                    return Some(Difference::Kind(
                        shown.to_owned(),
                        told.to_owned(),
                        self.then.type_name(member.of),
                        self.here.type_name(other.of),
                    ));
                }
            }
        }
        None
    }

    /// Whether two types take the same room and lead to the same. Those that have
    /// names and members are compared for themselves.
    fn shapes(&self, shown: &str, then: TypeId, here: TypeId, nesting: usize) -> Shape {
        let (then, here) = (self.then.resolve(then), self.here.resolve(here));
        let same = match (self.then.kind(then), self.here.kind(here)) {
            (Kind::Int(a), Kind::Int(b)) => (a.size, a.signed) == (b.size, b.signed),
            (Kind::Float(a), Kind::Float(b)) => a == b,
            (Kind::Enum { size: a, .. }, Kind::Enum { size: b, .. }) => a == b,
            (Kind::Pointer(a), Kind::Pointer(b)) => self.leads_to(*a) == other(self.here, *b),
            (
                Kind::Array {
                    element: a,
                    count: m,
                    ..
                },
                Kind::Array {
                    element: b,
                    count: n,
                    ..
                },
            ) => {
                if m == n && nesting < MOST_NESTING {
                    return self.shapes(shown, *a, *b, nesting + 1);
                }
                false
            }
            (Kind::Struct(_), Kind::Struct(_)) | (Kind::Union(_), Kind::Union(_)) => {
                let (a, b) = (self.then.name(then), self.here.name(here));
                if a.is_empty() && b.is_empty() {
                    let difference = self.composites(shown, then, here, nesting + 1);
                    return difference.map_or(Shape::Same, Shape::Inside);
                }
                a == b
            }
            (a, b) => std::mem::discriminant(a) == std::mem::discriminant(b),
        };
        if same { Shape::Same } else { Shape::Other }
    }

    fn leads_to(&self, id: TypeId) -> String {
        other(self.then, id)
    }
}

/// What two types are to each other.
enum Shape {
    Same,
    Other,
    /// The same, with members that differ.
    Inside(Difference),
}

/// What a pointer leads to, as far as a subset knows it: a structure by its name,
/// anything else by nothing.
fn other(btf: &Btf, id: TypeId) -> String {
    let id = btf.resolve(id);
    match btf.kind(id) {
        Kind::Struct(_) | Kind::Union(_) | Kind::Forward { .. } => btf.name(id).to_owned(),
        _ => String::new(),
    }
}

/// How many members in front of one have no name.
fn unnamed_before(btf: &Btf, of: &Composite, position: usize) -> usize {
    let before = of.members.iter().take(position);
    before
        .filter(|member| btf.member_name(member).is_empty())
        .count()
}

fn unnamed<'b>(btf: &Btf, of: &'b Composite, nth: usize) -> Option<&'b Member> {
    let mut all = (of.members.iter()).filter(|member| btf.member_name(member).is_empty());
    all.nth(nth)
}
