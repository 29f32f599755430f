//! The rule of a type of which nothing is known but what BTF says.

use std::collections::HashSet;
use std::fmt::Write as _;

use kflat_btf::{Btf, Field, Kind, TypeId};

use super::rules::{Rules, is_byte};
use super::text::commented;
use crate::fill::overlapping;
use crate::names::is_sayable;

/// Bytes that a `void *` is followed for.
const MOST_UNTYPED: &str = "4K";

/// A pointer into the kernel's own memory, as a number.
const PLAUSIBLE: &str = " if (s64)value < 0";

/// How many structures without a name are looked into.
const DEEPEST: usize = 4;

/// Members of a type that are looked at: damaged BTF has more.
const MOST_FIELDS: usize = 1 << 11;

/// In use while an object is being freed, when the other members are not.
const OF_DYING_OBJECTS: &str = "callback_head";

/// The members of a type that lead on.
#[derive(Default)]
pub(super) struct Members {
    /// A line for each.
    pub(super) text: String,
    /// Types that they point to.
    pub(super) behind: Vec<TypeId>,
    /// Types of structures inside.
    pub(super) inside: Vec<TypeId>,
}

impl Members {
    /// `pointers`: whether pointers are followed, or texts only. Members that are
    /// `named` have lines already.
    pub(super) fn of(rules: &Rules<'_>, id: TypeId, pointers: bool, named: &HashSet<&str>) -> Self {
        let btf = rules.btf;
        let mut fields = Vec::new();
        flatten(btf, id, "", 0, DEEPEST, &mut fields);
        let fields: Vec<(&str, Field)> = (fields.iter())
            .map(|(path, field)| (path.as_str(), *field))
            .collect();
        let shared = overlapping(btf, &fields);
        let mut found = Self::default();
        for (index, (path, field)) in fields.iter().enumerate() {
            if !named.contains(path) {
                match shared.get(index) {
                    Some(true) => found.shared(rules, &fields, index, pointers),
                    _ => found.member(rules, path, field, pointers, ""),
                }
            }
        }
        found
    }

    /// A member of a union: BTF does not say which of them is in use.
    fn shared(
        &mut self,
        rules: &Rules<'_>,
        fields: &[(&str, Field)],
        index: usize,
        pointers: bool,
    ) {
        match Shared::of(rules, fields, index) {
            Shared::Followed => {
                let (path, field) = &fields[index];
                self.member(rules, path, field, pointers, PLAUSIBLE);
            }
            Shared::Unknown(paths) if pointers => {
                let paths = commented(&paths.join(", "));
                let _ = writeln!(
                    self.text,
                    "    // {paths}: a union, which of them is in use is not known"
                );
            }
            Shared::Unknown(_) | Shared::PassedOver => {}
        }
    }

    fn member(
        &mut self,
        rules: &Rules<'_>,
        path: &str,
        field: &Field,
        pointers: bool,
        condition: &str,
    ) {
        let btf = rules.btf;
        if field.offset().is_none() || btf.size(field.of).is_none() {
            return;
        }
        let declared = commented(&btf.declaration(field.of, path));
        let to = rules.followed(field.of);
        let is_untyped = rules.is_untyped(field.of);
        if !path.split('.').all(is_sayable) {
            if to.is_some() || is_untyped {
                let _ = writeln!(self.text, "    // {declared}: a recipe can't name it");
            }
            return;
        }
        let (how, condition) = match to {
            None if !is_untyped => {
                let inside = btf.resolve(field.of);
                self.inside.extend(btf.composite(inside).map(|_| inside));
                return;
            }
            None => (format!(": rest of object max {MOST_UNTYPED}"), PLAUSIBLE),
            Some(to) if is_byte(btf, to) => (": string max 256".to_owned(), condition),
            Some(_) => (String::new(), condition),
        };
        let is_text = to.is_some_and(|to| is_byte(btf, to));
        if pointers || is_text {
            let _ = writeln!(self.text, "    {path}{how}{condition};  // {declared}");
        }
        if let Some(to) = to.filter(|to| pointers && !is_text && !rules.hubs.contains(to)) {
            self.behind.push(to);
        }
    }
}

/// The members of a type; those of structures inside that have no name, and so no
/// rule of their own, with a path.
fn flatten(
    btf: &Btf,
    of: TypeId,
    prefix: &str,
    base_bits: u64,
    deepest: usize,
    into: &mut Vec<(String, Field)>,
) {
    for (name, field) in btf.fields(of) {
        if into.len() >= MOST_FIELDS {
            return;
        }
        let path = format!("{prefix}{name}");
        let offset_bits = base_bits.saturating_add(field.offset_bits);
        let inside = btf.resolve(field.of);
        if btf.composite(inside).is_some() && btf.name(inside).is_empty() && deepest > 0 {
            let prefix = format!("{path}.");
            flatten(btf, inside, &prefix, offset_bits, deepest - 1, into);
        } else {
            into.push((
                path,
                Field {
                    offset_bits,
                    ..field
                },
            ));
        }
    }
}

/// What is done with a member that shares bytes with others.
enum Shared<'p> {
    /// It is followed: there is no other pointer, or they lead to the same type.
    Followed,
    /// They lead to different types, or are no pointers alone.
    Unknown(Vec<&'p str>),
    /// Nothing: another one stands for it, or it leads nowhere.
    PassedOver,
}

impl<'p> Shared<'p> {
    fn of(rules: &Rules<'_>, fields: &[(&'p str, Field)], index: usize) -> Self {
        let btf = rules.btf;
        let aim = |field: &Field| (rules.followed(field.of), rules.is_untyped(field.of));
        let (start, end) = bits(btf, &fields[index].1);
        let rivals: Vec<usize> = (0..fields.len())
            .filter(|at| {
                let field = &fields[*at].1;
                let (s, e) = bits(btf, field);
                s < end && start < e && has_pointers(btf, field.of, DEEPEST)
            })
            .collect();
        let is_followed = |at: &usize| aim(&fields[*at].1) != (None, false);
        let Some(first) = rivals.iter().copied().find(is_followed) else {
            return Self::PassedOver;
        };
        let (at, to) = (fields[first].1.offset_bits, aim(&fields[first].1));
        let agrees = |rival: &usize| {
            let field = &fields[*rival].1;
            field.offset_bits == at && aim(field) == to
        };
        match (first == index, rivals.iter().all(agrees)) {
            (false, _) => Self::PassedOver,
            (true, true) => Self::Followed,
            (true, false) => Self::Unknown(rivals.iter().map(|at| fields[*at].0).collect()),
        }
    }
}

/// Where a member begins and ends.
fn bits(btf: &Btf, field: &Field) -> (u64, u64) {
    let size = match field.bit_size {
        0 => btf.size(field.of).unwrap_or(0).saturating_mul(8),
        bits => u64::from(bits),
    };
    (field.offset_bits, field.offset_bits.saturating_add(size))
}

/// Whether a member is a pointer or has some inside.
fn has_pointers(btf: &Btf, of: TypeId, deepest: usize) -> bool {
    let of = btf.resolve(of);
    match btf.kind(of) {
        Kind::Pointer(_) => true,
        Kind::Array { element, .. } if deepest > 0 => has_pointers(btf, *element, deepest - 1),
        Kind::Struct(_) | Kind::Union(_) if deepest > 0 && btf.name(of) != OF_DYING_OBJECTS => {
            let fields = btf.fields(of);
            let mut fields = fields.iter().take(MOST_FIELDS);
            fields.any(|(_, field)| has_pointers(btf, field.of, deepest - 1))
        }
        _ => false,
    }
}
