//! Where a pointer leads, as a rule or a root says it.

use kflat_abi::program::{self as abi, OPERAND_ARGUMENT, Operand};
use kflat_btf::{Kind, Parameter, TypeId};

use crate::diagnostics::{Problem, Span};
use crate::names::{find_field, find_type, is_char};
use crate::syntax::{Count, How, Spanned, Treatment, TypeName};
use crate::views::{Aim, Views, constant, member};

/// Where names of counts are looked up.
#[derive(Clone, Copy)]
pub(crate) enum Scope<'s> {
    /// Members of a structure that lies at `base` in its view.
    Members { of: TypeId, base: u64 },
    /// Arguments of the function.
    Arguments(&'s [Parameter]),
}

impl Views<'_> {
    /// Where a pointer to `to` leads (`None`: nothing is known of it). `None`
    /// where there is a problem, which has been noted then.
    pub(crate) fn aim(
        &mut self,
        to: Option<TypeId>,
        treatment: &Treatment,
        span: Span,
        scope: Scope<'_>,
    ) -> Option<Aim> {
        let mut aim = match &treatment.how {
            How::Skip => return None,
            How::Default => self.plain(to, span)?,
            How::String { max } => {
                let target = self.char();
                let mut aim = Aim::new(abi::OP_STRING, target, 0);
                if let Some(max) = max {
                    aim.action.count = self.count(max, scope)?;
                }
                aim
            }
            How::Bytes(count) => {
                let target = self.bytes();
                let mut aim = Aim::new(abi::OP_POINTER, target, 0);
                aim.action.count = self.count(count, scope)?;
                aim
            }
            How::Pointer { to: named, count } => {
                let mut aim = match named {
                    Some(name) => {
                        let id = self.found(name)?;
                        self.sized(id, name.span)?
                    }
                    // An array of characters is no string.
                    None => match to {
                        Some(to) if is_char(self.btf, to) => self.sized(to, span)?,
                        _ => self.plain(to, span)?,
                    },
                };
                if let Some(count) = count {
                    aim.action.count = self.count(count, scope)?;
                }
                aim
            }
            How::Container { of, by } => {
                let id = self.found(of)?;
                let offset = self.byte_offset(id, by)?;
                let mut aim = self.sized(id, of.span)?;
                aim.action.shift = -i32::try_from(offset).ok()?;
                aim
            }
            How::List { of, by, max } => {
                let (element, link, most) = self.list(of, by, *max)?;
                let head = self.head(element, link, most);
                Aim::new(abi::OP_POINTER, head, 1)
            }
        };
        aim.action.tag_mask = treatment.tag_mask;
        Some(aim)
    }

    /// As the pointer's type says.
    fn plain(&mut self, to: Option<TypeId>, span: Span) -> Option<Aim> {
        if let Some(aim) = self.natural(to) {
            return Some(aim);
        }
        let (message, help) = match to {
            None => (
                "it is a number, not a pointer".to_owned(),
                "where the number is an address, say of what: `: as struct NAME`",
            ),
            Some(to) if *self.btf.kind(to) == Kind::Void => (
                "`void *` does not say what it points to".to_owned(),
                "say it: `: as struct NAME`, `: bytes COUNT` or `: string`",
            ),
            Some(to) => (
                format!(
                    "this kernel does not say what `{}` is made of",
                    self.btf.type_name(to)
                ),
                "say what to take it for: `: as struct NAME` or `: bytes COUNT`; types of a \
                 module are known where the recipe's function is the module's",
            ),
        };
        self.problems
            .push(Problem::new(message, span, "can't be followed").help(help));
        None
    }

    /// Elements of a type of which only the size must be known.
    fn sized(&mut self, id: TypeId, span: Span) -> Option<Aim> {
        let Some(target) = self.view(id) else {
            let message = format!("values of `{}` have no size", self.btf.type_name(id));
            let problem = Problem::new(message, span, "can't be captured");
            self.problems.push(problem);
            return None;
        };
        Some(Aim::new(abi::OP_POINTER, target, 1))
    }

    /// Element, link and limit of a list.
    pub(crate) fn list(
        &mut self,
        of: &Spanned<TypeName>,
        by: &Spanned<String>,
        max: Option<u32>,
    ) -> Option<(u32, u32, u32)> {
        let id = self.found(of)?;
        let link = self.byte_offset(id, by)?;
        let element = self.sized(id, of.span)?.action.target;
        let size = u64::from(self.views[element as usize].size);
        let field = find_field(self.btf, id, &by.value, by.span).ok()?;
        let is_head = self.btf.name(self.btf.resolve(field.of)) == "list_head";
        if !is_head || link + 16 > size || !link.is_multiple_of(8) {
            let declared = self.btf.declaration(field.of, &by.value);
            let message = format!("`{declared}` is no link of a list");
            self.problems.push(
                Problem::new(message, by.span, "expected a `struct list_head`")
                    .nearest(&by.value, self.links(id).iter().map(String::as_str)),
            );
            return None;
        }
        self.views[element as usize].has_pointers = true;
        Some((element, u32::try_from(link).ok()?, max.unwrap_or(0)))
    }

    /// Members of a type that are `struct list_head`s.
    fn links(&self, id: TypeId) -> Vec<String> {
        let fields = self.btf.fields(id).into_iter();
        fields
            .filter(|(_, field)| self.btf.name(self.btf.resolve(field.of)) == "list_head")
            .map(|(name, _)| name.to_owned())
            .collect()
    }

    fn found(&mut self, name: &Spanned<TypeName>) -> Option<TypeId> {
        match find_type(self.btf, name) {
            Ok(id) => Some(id),
            Err(problem) => {
                self.problems.push(problem);
                None
            }
        }
    }

    fn byte_offset(&mut self, of: TypeId, path: &Spanned<String>) -> Option<u64> {
        let field = match find_field(self.btf, of, &path.value, path.span) {
            Ok(field) => field,
            Err(problem) => {
                self.problems.push(problem);
                return None;
            }
        };
        if field.offset().is_none() {
            let message = format!("`{}` is a bit field", path.value);
            let problem = Problem::new(message, path.span, "it has no address");
            self.problems.push(problem);
        }
        field.offset()
    }

    fn count(&mut self, count: &Spanned<Count>, scope: Scope<'_>) -> Option<Operand> {
        let name = match &count.value {
            Count::Constant(number) => return Some(constant(*number)),
            Count::Name(name) => name,
        };
        match scope {
            Scope::Arguments(parameters) => {
                let names = || parameters.iter().map(|p| self.btf.parameter_name(p));
                let position = names().position(|found| found == name);
                if let Some(position) = position.filter(|p| *p < abi::MAX_ARGUMENTS) {
                    return Some(Operand {
                        kind: OPERAND_ARGUMENT,
                        value: position as u32,
                        ..Operand::default()
                    });
                }
                let message = format!("the function has no argument `{name}`");
                let problem =
                    Problem::new(message, count.span, "no such argument").nearest(name, names());
                self.problems.push(problem);
                None
            }
            Scope::Members { of, base } => {
                let path = Spanned {
                    value: name.clone(),
                    span: count.span,
                };
                let offset = self.byte_offset(of, &path)?;
                let field = find_field(self.btf, of, name, count.span).ok()?;
                let (size, signed) = match self.btf.kind(self.btf.resolve(field.of)) {
                    Kind::Int(int) => (int.size, int.signed),
                    Kind::Enum { size, signed, .. } => (*size, *signed),
                    _ => (0, false),
                };
                // A count must lie in its structure, which damaged BTF may not heed.
                let end = offset + u64::from(size);
                let inside = self.btf.size(of).is_some_and(|whole| end <= whole);
                if !matches!(size, 1 | 2 | 4 | 8) || !inside {
                    let message = format!("`{name}` is no number");
                    let problem = Problem::new(message, count.span, "can't be a count");
                    self.problems.push(problem);
                    return None;
                }
                let at = u32::try_from(base + offset).ok()?;
                Some(member(at, size as u8, signed))
            }
        }
    }
}
