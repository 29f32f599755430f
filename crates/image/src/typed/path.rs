//! Paths to values: `file.f_path.dentry->d_name.name`, `task.children[2].comm`.

use std::fmt::Write as _;

use kflat_btf::TypeId;

use super::{Pointer, Shape, Typed, Value};
use crate::image::Root;

/// A step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// `.name` or `->name`.
    Member(String),
    /// `[index]`: of an array, of what a pointer leads to, or of a list.
    Index(u64),
}

/// A path that was resolved.
#[derive(Clone, Debug)]
pub struct Path<'i> {
    /// Where it begins.
    pub root: Root<'i>,
    /// Where it leads; `None` to the root itself, which is a pointer.
    pub value: Option<Value>,
}

/// Why a path leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// No such root.
    #[error("there is no root {name:?}; the image has {roots}")]
    Root {
        /// What the path begins with.
        name: String,
        /// The roots.
        roots: String,
    },
    /// No such member.
    #[error("{of} at {at} has no member {name:?}{nearest}")]
    Member {
        /// The type.
        of: String,
        /// The path so far.
        at: String,
        /// The member.
        name: String,
        /// `; did you mean …?` or nothing.
        nearest: String,
    },
    /// A value without members.
    #[error("{at} is of type {of} and has no members")]
    NoMembers {
        /// The path so far.
        at: String,
        /// The type.
        of: String,
    },
    /// A value that has no elements.
    #[error("{at} is of type {of}: no array, list or pointer that an index could follow")]
    NoElements {
        /// The path so far.
        at: String,
        /// The type.
        of: String,
    },
    /// Too few elements.
    #[error("{at} has {count} elements, there is no [{index}]")]
    Index {
        /// The path so far.
        at: String,
        /// How many there are.
        count: u64,
        /// Which was asked for.
        index: u64,
    },
    /// A pointer that leads nowhere.
    #[error("{at} {why}")]
    Pointer {
        /// The path so far.
        at: String,
        /// Where it leads.
        why: String,
    },
    /// Not a path at all.
    #[error(
        "not a path: {text:?} at {rest:?}; write for example file.f_path.dentry->d_name.name or task.children[2].comm"
    )]
    Syntax {
        /// The path.
        text: String,
        /// Where it can't be understood.
        rest: String,
    },
}

impl<'i> Typed<'i> {
    /// Finds what `text` leads to.
    ///
    /// # Errors
    /// If it leads nowhere, or is no path.
    pub fn path(&self, text: &str) -> Result<Path<'i>, PathError> {
        let (root, rest) = find_root(self.image.roots(), text)?;
        let steps = parse(text, rest)?;
        let (pointer, _) = self.root(&root);
        let mut at = text
            .get(..text.len() - rest.len())
            .unwrap_or(text)
            .to_owned();
        let mut value: Option<Value> = None;
        for step in &steps {
            let current = match value {
                None => Here::Pointer(pointer),
                Some(value) => Here::Value(value),
            };
            value = Some(match step {
                Step::Member(name) => self.step_to_member(current, name, &at)?,
                Step::Index(index) => self.step_to_element(current, *index, &at)?,
            });
            // Writing to a String can't fail.
            let _ = match step {
                Step::Member(name) => write!(at, ".{name}"),
                Step::Index(index) => write!(at, "[{index}]"),
            };
        }
        Ok(Path { root, value })
    }

    fn step_to_member(&self, here: Here<'i>, name: &str, at: &str) -> Result<Value, PathError> {
        let holder = self.holder(here, at)?;
        if self.btf.composite(holder.of).is_none() {
            return Err(PathError::NoMembers {
                at: at.to_owned(),
                of: self.btf.type_name(holder.of),
            });
        }
        self.member(&holder, name).ok_or_else(|| {
            let fields = self.btf.fields(holder.of);
            let names = fields.iter().map(|(name, _)| *name);
            PathError::Member {
                of: self.btf.type_name(holder.of),
                at: at.to_owned(),
                name: name.to_owned(),
                nearest: nearest(name, names),
            }
        })
    }

    /// The structure that members are taken of: pointers are followed.
    fn holder(&self, mut here: Here<'i>, at: &str) -> Result<Value, PathError> {
        const MOST_POINTERS: usize = 8;
        for _ in 0..MOST_POINTERS {
            here = match here {
                Here::Pointer(pointer) => Here::Value(self.lead(&pointer, 0, at)?),
                Here::Value(value) => match self.shape(&value) {
                    Shape::Pointer(pointer) => Here::Pointer(self.anywhere(pointer, value.of)),
                    _ => return Ok(value),
                },
            };
        }
        Err(PathError::Pointer {
            at: at.to_owned(),
            why: "leads from pointer to pointer".to_owned(),
        })
    }

    fn step_to_element(&self, here: Here<'i>, index: u64, at: &str) -> Result<Value, PathError> {
        let value = match here {
            Here::Pointer(pointer) => match self.lead(&pointer, 0, at)? {
                // A root that is the head of a list or tree.
                head if self.contents(&head).is_some() => head,
                _ => return self.lead(&pointer, index, at),
            },
            Here::Value(value) => value,
        };
        if let Some(mut elements) = self.contents(&value) {
            for count in 0..=index {
                match self.next_element(&mut elements) {
                    Some(element) if count == index => return Ok(element),
                    Some(_) => {}
                    None => {
                        return Err(PathError::Index {
                            at: at.to_owned(),
                            count,
                            index,
                        });
                    }
                }
            }
        }
        match self.shape(&value) {
            Shape::Array { element, count } => {
                let found = self.element(&value, element, index);
                found
                    .filter(|_| index < count || count == 0)
                    .ok_or(PathError::Index {
                        at: at.to_owned(),
                        count,
                        index,
                    })
            }
            Shape::Pointer(pointer) => {
                let pointer = self.anywhere(pointer, value.of);
                match self.lead(&pointer, 0, at)? {
                    head if self.contents(&head).is_some() => {
                        self.step_to_element(Here::Value(head), index, at)
                    }
                    _ => self.lead(&pointer, index, at),
                }
            }
            _ => Err(PathError::NoElements {
                at: at.to_owned(),
                of: self.btf.type_name(value.of),
            }),
        }
    }

    /// A pointer of type `of` that was not followed, but leads to something that
    /// was captured all the same.
    fn anywhere(&self, pointer: Pointer<'i>, of: TypeId) -> Pointer<'i> {
        let Pointer::Outside(address) = pointer else {
            return pointer;
        };
        match self.elsewhere(address, self.pointee(of)) {
            Some(aim) => Pointer::Inside {
                target: aim.value.offset,
                aim: Some(aim),
            },
            None => pointer,
        }
    }

    /// Element `index` of what `pointer` leads to.
    fn lead(&self, pointer: &Pointer<'i>, index: u64, at: &str) -> Result<Value, PathError> {
        let why = match pointer {
            Pointer::Inside { aim: Some(aim), .. } => {
                return self.nth(aim, index).ok_or(PathError::Index {
                    at: at.to_owned(),
                    count: aim.count,
                    index,
                });
            }
            Pointer::Null => "is NULL".to_owned(),
            Pointer::Function(symbol) => format!("is the function {symbol}"),
            Pointer::Outside(address) => {
                format!("leads to {address:#x}, which was not captured")
            }
            Pointer::Inside { target, aim: None } => {
                format!("leads to offset {target:#x}, whose type is not known")
            }
        };
        Err(PathError::Pointer {
            at: at.to_owned(),
            why,
        })
    }
}

/// Where a path stands.
#[derive(Clone, Copy)]
enum Here<'i> {
    Pointer(Pointer<'i>),
    Value(Value),
}

/// The root that `text` begins with, the longest of several, and what follows.
fn find_root<'i, 't>(
    roots: impl Iterator<Item = Root<'i>>,
    text: &'t str,
) -> Result<(Root<'i>, &'t str), PathError> {
    let mut found: Option<(Root<'i>, &str)> = None;
    let mut names = Vec::new();
    for root in roots {
        let name = root_name(&root);
        let rest = text.strip_prefix(&name).filter(|rest| {
            rest.is_empty() || rest.starts_with(['.', '[']) || rest.starts_with("->")
        });
        if let Some(rest) = rest
            && found.is_none_or(|(_, other)| rest.len() < other.len())
        {
            found = Some((root, rest));
        }
        names.push(name);
    }
    found.ok_or_else(|| {
        let name = text
            .split(['.', '[', '-'])
            .next()
            .unwrap_or(text)
            .to_owned();
        if names.contains(&name) {
            return PathError::Syntax {
                text: text.to_owned(),
                rest: text.get(name.len()..).unwrap_or("").to_owned(),
            };
        }
        const MOST: usize = 12;
        let more = if names.len() > MOST { ", …" } else { "" };
        let roots = match names.len() {
            0 => "none".to_owned(),
            _ => {
                names
                    .iter()
                    .take(MOST)
                    .cloned()
                    .collect::<Vec<_>>()
                    .join(", ")
                    + more
            }
        };
        PathError::Root { name, roots }
    })
}

/// What a root is called in paths.
#[must_use]
pub(crate) fn root_name(root: &Root<'_>) -> String {
    match root.name {
        Some(name) if !name.is_empty() => name.to_owned(),
        _ => format!("roots[{}]", root.index),
    }
}

fn parse(text: &str, mut rest: &str) -> Result<Vec<Step>, PathError> {
    let mut steps = Vec::new();
    while !rest.is_empty() {
        let wrong = || PathError::Syntax {
            text: text.to_owned(),
            rest: rest.to_owned(),
        };
        if let Some(inside) = rest.strip_prefix('[') {
            let (index, tail) = inside.split_once(']').ok_or_else(wrong)?;
            steps.push(Step::Index(index.trim().parse().map_err(|_| wrong())?));
            rest = tail;
            continue;
        }
        let name = (rest.strip_prefix("->"))
            .or_else(|| rest.strip_prefix('.'))
            .ok_or_else(wrong)?;
        let end = name.find(['.', '[', '-']).unwrap_or(name.len());
        let (name, tail) = name.split_at(end);
        if name.is_empty() {
            return Err(wrong());
        }
        steps.push(Step::Member(name.to_owned()));
        rest = tail;
    }
    Ok(steps)
}

/// `; did you mean …?`, if one of `names` is like `name`; else what there is.
fn nearest<'n>(name: &str, names: impl Iterator<Item = &'n str> + Clone) -> String {
    /// What is less alike is a guess.
    const ALIKE: f64 = 0.7;
    let likeness = |other: &str| strsim::jaro_winkler(name, other);
    let best = (names.clone())
        .take(4096)
        .filter(|other| other.len() < 128)
        .map(|other| (likeness(other), other))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match best {
        Some((likeness, other)) if likeness >= ALIKE => format!("; did you mean {other:?}?"),
        _ => {
            const MOST: usize = 8;
            let some: Vec<&str> = names.clone().take(MOST).collect();
            let more = if names.count() > MOST { ", …" } else { "" };
            format!("; it has {}{more}", some.join(", "))
        }
    }
}
