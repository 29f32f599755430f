//! Types as C writes them.

use std::fmt::Write as _;

use crate::lookup::MAX_NESTING;
use crate::types::{Btf, Kind, TypeId};

/// Types that one declaration may name before it ends in `...`: damaged BTF could
/// unfold for ever.
const MOST_STEPS: usize = 1024;

impl Btf {
    /// The type's name in C: `struct file *`, `unsigned long`, `char [16]`.
    #[must_use]
    pub fn type_name(&self, id: TypeId) -> String {
        self.declaration(id, "")
    }

    /// A declaration of `name`: `struct list_head *next`, `char comm[16]`,
    /// `int (*open)(struct inode *, struct file *)`.
    #[must_use]
    pub fn declaration(&self, id: TypeId, name: &str) -> String {
        let mut steps = MOST_STEPS;
        self.declare(id, name.to_owned(), MAX_NESTING, &mut steps)
    }

    /// A function with its parameters' names: `int f(struct file *file, ...)`.
    #[must_use]
    pub fn function_declaration(&self, function: &str) -> Option<String> {
        let (returns, parameters) = self.prototype(function)?;
        let parameters: Vec<String> = parameters
            .iter()
            .map(|parameter| self.parameter(parameter.of, self.parameter_name(parameter)))
            .collect();
        let list = if parameters.is_empty() {
            "void".to_owned()
        } else {
            parameters.join(", ")
        };
        Some(self.declaration(returns, &format!("{function}({list})")))
    }

    fn parameter(&self, of: TypeId, name: &str) -> String {
        match of {
            TypeId::VOID if name.is_empty() => "...".to_owned(),
            of => self.declaration(of, name),
        }
    }

    /// Puts the type around `inner`, from the inside out, as C's grammar has it.
    fn declare(
        &self,
        mut id: TypeId,
        mut inner: String,
        budget: usize,
        steps: &mut usize,
    ) -> String {
        let mut qualifiers = String::new();
        for _ in 0..budget {
            let Some(rest) = steps.checked_sub(1) else {
                break;
            };
            *steps = rest;
            let word = match self.kind(id) {
                Kind::Const(to) => {
                    qualify(&mut qualifiers, "const ");
                    id = *to;
                    continue;
                }
                Kind::Volatile(to) => {
                    qualify(&mut qualifiers, "volatile ");
                    id = *to;
                    continue;
                }
                Kind::TypeTag(to) | Kind::Restrict(to) => {
                    id = *to;
                    continue;
                }
                Kind::Pointer(to) => {
                    // A qualifier met so far belongs to the pointer itself.
                    inner = format!("*{qualifiers}{inner}");
                    qualifiers.clear();
                    let target = self.untagged(*to);
                    if matches!(
                        self.kind(target),
                        Kind::Array { .. } | Kind::Prototype { .. }
                    ) {
                        inner = format!("({inner})");
                    }
                    id = target;
                    continue;
                }
                Kind::Array { element, count, .. } => {
                    let bound = match count {
                        0 => String::new(),
                        count => count.to_string(),
                    };
                    let _ = write!(inner, "[{bound}]");
                    id = *element;
                    continue;
                }
                Kind::Prototype {
                    returns,
                    parameters,
                } => {
                    let mut list = String::new();
                    for parameter in parameters {
                        if !list.is_empty() {
                            list.push_str(", ");
                        }
                        match parameter.of {
                            _ if *steps == 0 => {
                                list.push_str("...");
                                break;
                            }
                            TypeId::VOID => list.push_str("..."),
                            of => {
                                list.push_str(&self.declare(of, String::new(), budget / 4, steps));
                            }
                        }
                    }
                    if list.is_empty() {
                        list.push_str("void");
                    }
                    let _ = write!(inner, "({list})");
                    id = *returns;
                    continue;
                }
                Kind::Struct(_) => self.tagged("struct", id),
                Kind::Union(_) | Kind::Forward { is_union: true } => self.tagged("union", id),
                Kind::Forward { is_union: false } => self.tagged("struct", id),
                Kind::Enum { .. } => self.tagged("enum", id),
                Kind::Void => "void".to_owned(),
                _ => self.name(id).to_owned(),
            };
            // `struct file *file`, but `struct file *` and `char [16]`.
            return match inner.as_str() {
                "" => format!("{qualifiers}{word}"),
                _ => format!("{qualifiers}{word} {inner}"),
            };
        }
        "...".to_owned()
    }

    /// Through tags, which C does not show.
    fn untagged(&self, mut id: TypeId) -> TypeId {
        for _ in 0..MAX_NESTING {
            match self.kind(id) {
                Kind::TypeTag(to) => id = *to,
                _ => break,
            }
        }
        id
    }

    fn tagged(&self, keyword: &str, id: TypeId) -> String {
        match self.name(id) {
            "" => format!("{keyword} {{...}}"),
            name => format!("{keyword} {name}"),
        }
    }
}

/// Adds a qualifier; of an array and of its elements it may come twice.
fn qualify(qualifiers: &mut String, word: &str) {
    if !qualifiers.contains(word) {
        qualifiers.push_str(word);
    }
}
