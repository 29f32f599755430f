//! What lies at an offset into a type.

use std::collections::HashMap;

use kflat_btf::{Btf, Kind, TypeId};

/// Where a pointer lies in a type, and what begins there with it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    /// The pointer's type, as it is declared.
    pub(crate) pointer: Option<TypeId>,
    /// Structures that begin at the same byte, from the outside in.
    pub(crate) around: Vec<TypeId>,
    /// The members that lead there: `f_path.dentry`.
    pub(crate) path: String,
}

/// Answers, each found once.
pub(crate) struct Places<'b> {
    btf: &'b Btf,
    known: HashMap<(TypeId, u64), Place>,
}

/// How deeply structures are looked into.
const DEEPEST: usize = 16;
/// Members that are looked at for one answer; damaged types could unfold for ever.
const MOST_STEPS: u32 = 8192;

struct Search<'b> {
    btf: &'b Btf,
    steps: u32,
    around: Vec<TypeId>,
    path: Vec<Step<'b>>,
}

#[derive(Clone, Copy)]
enum Step<'b> {
    Member(&'b str),
    Index(u64),
}

impl<'b> Places<'b> {
    pub(crate) fn new(btf: &'b Btf) -> Self {
        Self {
            btf,
            known: HashMap::new(),
        }
    }

    /// What lies at byte `offset` of type `of`.
    pub(crate) fn at(&mut self, of: TypeId, offset: u64) -> &Place {
        self.known.entry((of, offset)).or_insert_with(|| {
            let mut search = Search {
                btf: self.btf,
                steps: MOST_STEPS,
                around: Vec::new(),
                path: Vec::new(),
            };
            let pointer = search.pointer(of, offset, 0);
            Place {
                pointer,
                path: written(&search.path),
                around: search.around,
            }
        })
    }
}

impl Search<'_> {
    fn pointer(&mut self, of: TypeId, offset: u64, depth: usize) -> Option<TypeId> {
        self.steps = self.steps.checked_sub(1)?;
        if depth > DEEPEST {
            return None;
        }
        match self.btf.kind(self.btf.resolve(of)) {
            Kind::Pointer(_) => (offset == 0).then_some(of),
            Kind::Array { element, .. } => {
                let size = self.btf.size(*element).filter(|size| *size > 0)?;
                self.path.push(Step::Index(offset / size));
                let found = self.pointer(*element, offset % size, depth + 1);
                if found.is_none() {
                    self.path.pop();
                }
                found
            }
            Kind::Struct(composite) | Kind::Union(composite) => {
                let mark = self.around.len();
                if offset == 0 {
                    self.around.push(of);
                }
                for member in &composite.members {
                    self.steps = self.steps.checked_sub(1)?;
                    let start = u64::from(member.offset_bits / 8);
                    let size = self.btf.size(member.of).unwrap_or(0);
                    if member.bit_size > 0 || offset < start || offset - start >= size {
                        continue;
                    }
                    self.path.push(Step::Member(self.btf.member_name(member)));
                    let found = self.pointer(member.of, offset - start, depth + 1);
                    if found.is_some() {
                        return found;
                    }
                    self.path.pop();
                }
                self.around.truncate(mark);
                None
            }
            _ => None,
        }
    }
}

fn written(path: &[Step<'_>]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Member("") => {}
            Step::Member(name) => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(&super::shown(name));
            }
            Step::Index(index) => text.push_str(&format!("[{index}]")),
        }
    }
    text
}
