//! The rules that a recipe is given beside what is known of the kernel.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;

use kflat_btf::{Btf, Kind, NamedKind, Parameter, TypeId};

use super::members::Members;
use super::text::{Text, commented};
use super::{GenerateError, near};
use crate::include::KNOWLEDGE;
use crate::names::{find_field, find_type, is_char, is_sayable, pointee};
use crate::parser::parse;
use crate::syntax::MemberRule;

/// Names of pointers from one link to another: where they lead is known only from
/// what they link.
const LINKS: [&str; 7] = [
    "next", "prev", "pprev", "first", "func", "rb_left", "rb_right",
];

/// What holds objects of any type.
const HOLDERS: [&str; 2] = ["xarray", "maple_tree"];

/// Rules that a recipe is given, more is no use to a reader.
const MOST_RULES: usize = 64;

pub(super) struct Rules<'a> {
    pub(super) btf: &'a Btf,
    /// The function that the recipe is for.
    pub(super) function: String,
    /// The rules of the knowledge base: members that lead on.
    known: HashMap<TypeId, Vec<MemberRule>>,
    pub(super) hubs: HashSet<TypeId>,
    /// Types that the roots lead to.
    reached: Vec<TypeId>,
    /// Members that the options name, by type.
    asked: BTreeMap<TypeId, Vec<(String, String)>>,
    skipped: Vec<String>,
    skipped_types: HashSet<TypeId>,
}

impl<'a> Rules<'a> {
    pub(super) fn new(btf: &'a Btf, function: &str) -> Self {
        let file = parse(KNOWLEDGE, 0).unwrap_or_default();
        let known = (file.rules.into_iter())
            .filter_map(|rule| {
                let id = find_type(btf, &rule.of.value, rule.of.span).ok()?;
                Some((id, rule.members))
            })
            .collect();
        let hubs = (file.hubs.iter())
            .filter_map(|hub| find_type(btf, &hub.of.value, hub.of.span).ok())
            .collect();
        Self {
            btf,
            function: function.to_owned(),
            known,
            hubs,
            reached: Vec::new(),
            asked: BTreeMap::new(),
            skipped: Vec::new(),
            skipped_types: HashSet::new(),
        }
    }

    /// A root leads to this type.
    pub(super) fn reach(&mut self, of: TypeId) {
        self.reached.extend(self.btf.composite(of).map(|_| of));
    }

    /// A root leads to the type of this name, if there is one.
    pub(super) fn reach_named(&mut self, of: &str) {
        let name = of.trim_start_matches("struct ").trim();
        let found = self.btf.find(NamedKind::Struct, name);
        self.reached.extend(found);
    }

    /// No pointer is followed to this type.
    pub(super) fn skip_type(&mut self, written: &str, name: &str) -> Result<(), GenerateError> {
        let kind = match written.starts_with("union") {
            true => NamedKind::Union,
            false => NamedKind::Struct,
        };
        let found = self.btf.find(kind, name).filter(|_| is_sayable(name));
        let Some(id) = found else {
            let names = self.btf.named(kind).map(|(_, name)| name);
            return Err(GenerateError::NoPath {
                path: written.to_owned(),
                why: format!("this kernel has no such type{}", near(name, names)),
            });
        };
        self.skipped_types.insert(id);
        self.skipped.push(written.to_owned());
        Ok(())
    }

    /// A pointer named by an argument and members.
    pub(super) fn path(
        &mut self,
        path: &str,
        how: &str,
        parameters: &[Parameter],
    ) -> Result<(), GenerateError> {
        let btf = self.btf;
        let lost = |why: String| GenerateError::NoPath {
            path: path.to_owned(),
            why,
        };
        let mut parts = path.split('.');
        let first = parts.next().unwrap_or_default();
        let names = || parameters.iter().map(|one| btf.parameter_name(one));
        let argument = parameters
            .iter()
            .find(|one| btf.parameter_name(one) == first);
        let argument = argument.ok_or_else(|| {
            lost(format!(
                "there is no argument `{first}`{}",
                near(first, names())
            ))
        })?;
        let mut of =
            pointee(btf, argument.of).ok_or_else(|| lost(format!("`{first}` is no pointer")))?;
        let mut owner: Option<(TypeId, String)> = None;
        for name in parts {
            let Some(field) = btf.field(of, name).filter(|_| is_sayable(name)) else {
                let names = btf.fields(of).into_iter().map(|(name, _)| name);
                let near = near(name, names);
                let of = btf.type_name(of);
                return Err(lost(format!("`{of}` has no member `{name}`{near}")));
            };
            owner = Some(match owner {
                // A structure inside without a name has no rule of its own.
                Some((outer, path)) if btf.name(of).is_empty() => (outer, format!("{path}.{name}")),
                _ => (of, name.to_owned()),
            });
            of = pointee(btf, field.of).unwrap_or_else(|| btf.resolve(field.of));
        }
        let Some((owner, name)) = owner else {
            return Err(lost("name a member: `ARGUMENT.MEMBER`".to_owned()));
        };
        if !is_sayable(btf.name(owner)) {
            let of = commented(&btf.type_name(owner));
            return Err(lost(format!("a recipe can't name `{of}`")));
        }
        self.asked
            .entry(owner)
            .or_default()
            .push((name, how.to_owned()));
        if how.is_empty() {
            self.reached.push(of);
            // A rule of its own, though empty, says that the hub is to be crossed.
            if self.hubs.contains(&of) {
                self.asked.entry(of).or_default();
            }
        }
        Ok(())
    }

    /// Writes the rules of all types that are reached within `depth` pointers.
    pub(super) fn write(&mut self, depth: u32, text: &mut Text) {
        for name in &self.skipped {
            let _ = write!(text, "\nskip {name};\n");
        }
        let mut asked = std::mem::take(&mut self.asked);
        let mut written: HashSet<TypeId> = HashSet::new();
        let mut count = 0;
        let mut level = std::mem::take(&mut self.reached);
        for left in (0..depth.min(16)).rev() {
            let mut next = Vec::new();
            // What is contained belongs to the same level.
            while let Some(id) = level.pop() {
                if !written.insert(id) {
                    continue;
                }
                let own = asked.remove(&id);
                let mut body = String::new();
                if let Some(rule) = self.known.get(&id) {
                    next.extend(rule.iter().filter_map(|member| self.leads_to(id, member)));
                    level.extend(self.contained(id));
                } else if self.is_named(id) && count < MOST_RULES {
                    let named = own.iter().flatten().map(|(name, _)| name.as_str());
                    let found = Members::of(self, id, left > 0, &named.collect());
                    body = found.text;
                    next.extend(found.behind);
                    level.extend(found.inside);
                }
                if !body.is_empty() || own.is_some() {
                    count += 1;
                    self.rule(id, own.as_deref().unwrap_or_default(), &body, text);
                }
            }
            level = next;
        }
        for (id, own) in asked {
            self.rule(id, &own, "", text);
        }
    }

    /// Writes a rule: what was asked for, and more.
    fn rule(&self, of: TypeId, asked: &[(String, String)], more: &str, text: &mut Text) {
        let _ = write!(text, "\n{} {{\n", self.btf.type_name(of));
        for (member, how) in asked {
            text.asked_for();
            let _ = writeln!(text, "    {member}{how};");
        }
        let _ = writeln!(text, "{more}}}");
    }

    /// Whether its name leads to it; one that stands for several leads to the first.
    fn is_named(&self, id: TypeId) -> bool {
        let kind = match self.btf.kind(id) {
            Kind::Union(_) => return false,
            _ => NamedKind::Struct,
        };
        let name = self.btf.name(id);
        is_sayable(name)
            && !self.is_link(id)
            && !self.hubs.contains(&id)
            && self.btf.find(kind, name) == Some(id)
    }

    /// Whether all its pointers lead to other links, or to objects of any type.
    fn is_link(&self, of: TypeId) -> bool {
        if HOLDERS.contains(&self.btf.name(of)) {
            return true;
        }
        let fields = self.btf.fields(of);
        let mut pointers = (fields.iter())
            .filter(|(_, field)| pointee(self.btf, field.of).is_some())
            .map(|(name, _)| name);
        let is_first = pointers.next().is_some_and(|name| LINKS.contains(name));
        is_first && pointers.all(|name| LINKS.contains(name))
    }

    /// The type that a member of a known rule leads to by itself.
    fn leads_to(&self, of: TypeId, member: &MemberRule) -> Option<TypeId> {
        let field = find_field(self.btf, of, &member.path.value, member.path.span).ok()?;
        let to = pointee(self.btf, field.of)?;
        let to = pointee(self.btf, to).unwrap_or(to);
        self.btf.composite(to)?;
        (!self.hubs.contains(&to)).then_some(to)
    }

    /// Structures that a type contains.
    fn contained(&self, of: TypeId) -> Vec<TypeId> {
        let fields = self.btf.fields(of).into_iter();
        fields
            .map(|(_, field)| self.btf.resolve(field.of))
            .filter(|id| self.btf.composite(*id).is_some())
            .collect()
    }

    /// Whether it is a `void *` into the kernel's own memory.
    pub(super) fn is_untyped(&self, of: TypeId) -> bool {
        let btf = self.btf;
        let Kind::Pointer(tagged) = btf.kind(btf.resolve(of)) else {
            return false;
        };
        pointee(btf, of) == Some(TypeId::VOID)
            && !btf.has_tag(*tagged, "user")
            && !btf.has_tag(*tagged, "percpu")
    }

    /// What a pointer leads to, where it is worth following: its type is known and
    /// it points into the kernel's own memory.
    pub(super) fn followed(&self, of: TypeId) -> Option<TypeId> {
        let btf = self.btf;
        let to = pointee(btf, of)?;
        let Kind::Pointer(tagged) = btf.kind(btf.resolve(of)) else {
            return None;
        };
        if btf.has_tag(*tagged, "user")
            || btf.has_tag(*tagged, "percpu")
            || self.skipped_types.contains(&to)
        {
            return None;
        }
        // Without `const` bytes are a buffer of unknown size.
        let text = matches!(btf.kind(*tagged), Kind::Const(_)) && is_byte(btf, to);
        let known = match btf.composite(to) {
            Some(_) => !self.is_link(to),
            None => is_char(btf, to) || text,
        };
        (known && btf.size(to).is_some_and(|size| size > 0)).then_some(to)
    }
}

/// `unsigned char`.
pub(super) fn is_byte(btf: &Btf, id: TypeId) -> bool {
    matches!(btf.kind(id), Kind::Int(int) if int.size == 1 && !int.bool)
}
