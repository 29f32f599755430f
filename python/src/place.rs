//! Places in an image, and the ways from one to another.

use kflat_btf::TypeId;
use kflat_image::describe;
use kflat_image::typed::{Aim, Elements, Pointer, Shape, Typed, Value};

/// A root, which is a pointer that lies nowhere, or a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Place {
    Root(usize),
    At(Value),
}

/// Why a way ends.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Lost {
    #[error("the pointer is NULL")]
    Null,
    #[error("it is the address of the function {0}")]
    Function(String),
    #[error("what is at {address:#x} was not captured{why}")]
    Outside { address: u64, why: String },
    #[error("it leads to offset {0:#x}, whose type is not known")]
    NoType(u64),
    #[error("only some of it was captured")]
    Cut,
    #[error("it leads from pointer to pointer")]
    TooFar,
}

/// Pointers to pointers that are followed in one step.
const MOST_POINTERS: usize = 8;

impl Place {
    /// What is here, if it is a value.
    pub(crate) fn value(&self) -> Option<&Value> {
        match self {
            Self::Root(_) => None,
            Self::At(value) => Some(value),
        }
    }

    /// The name of its type, as C has it.
    pub(crate) fn type_name(&self, typed: &Typed<'_>) -> String {
        match self {
            Self::Root(_) => {
                let to = self.pointee(typed).unwrap_or(TypeId::VOID);
                typed.btf().declaration(to, "*").trim_end().to_owned()
            }
            Self::At(value) => typed.btf().type_name(value.of),
        }
    }

    /// The type that it points to, if it is a pointer.
    pub(crate) fn pointee(&self, typed: &Typed<'_>) -> Option<TypeId> {
        match self {
            Self::Root(index) => {
                let root = typed.image().root_at(*index)?;
                Some(typed.root(&root).1.unwrap_or(TypeId::VOID))
            }
            Self::At(value) => match typed.shape(value) {
                Shape::Pointer(_) => Some(typed.pointee(value.of)),
                _ => None,
            },
        }
    }

    /// What it is.
    pub(crate) fn shape<'i>(&self, typed: &Typed<'i>) -> Shape<'i> {
        match self {
            Self::Root(index) => Shape::Pointer(
                (typed.image().root_at(*index)).map_or(Pointer::Null, |root| typed.root(&root).0),
            ),
            Self::At(value) => match typed.shape(value) {
                // Not followed, but captured on another way.
                Shape::Pointer(Pointer::Outside(address)) => {
                    let aim = typed.elsewhere(address, typed.pointee(value.of));
                    Shape::Pointer(
                        aim.map_or(Pointer::Outside(address), |aim| Pointer::Inside {
                            target: aim.value.offset,
                            aim: Some(aim),
                        }),
                    )
                }
                shape => shape,
            },
        }
    }

    /// What its pointer leads to. `None`: it is no pointer.
    pub(crate) fn aim(&self, typed: &Typed<'_>) -> Option<Result<Aim, Lost>> {
        let Shape::Pointer(pointer) = self.shape(typed) else {
            return None;
        };
        Some(match pointer {
            Pointer::Inside { aim: Some(aim), .. } => Ok(aim),
            Pointer::Inside { target, aim: None } => Err(Lost::NoType(target)),
            Pointer::Null => Err(Lost::Null),
            Pointer::Function(symbol) => Err(Lost::Function(symbol.to_owned())),
            Pointer::Outside(address) => Err(Lost::Outside {
                address,
                why: self
                    .value()
                    .and_then(|value| typed.missing(value.offset))
                    .map_or(String::new(), |reason| {
                        format!(": {}", describe::reason(reason))
                    }),
            }),
        })
    }

    /// The structure that members are taken of: pointers are followed.
    pub(crate) fn holder(&self, typed: &Typed<'_>) -> Result<Value, Lost> {
        let mut place = *self;
        for _ in 0..MOST_POINTERS {
            place = match (place.aim(typed), place) {
                (Some(aim), _) => Self::At(aim?.value),
                (None, Self::At(value)) => return Ok(value),
                (None, Self::Root(_)) => return Err(Lost::Null),
            };
        }
        Err(Lost::TooFar)
    }

    /// The type that [`holder`](Self::holder) would find, by declaration.
    pub(crate) fn holder_type(&self, typed: &Typed<'_>) -> TypeId {
        let mut of = match self {
            Self::Root(_) => self.pointee(typed).unwrap_or(TypeId::VOID),
            Self::At(value) => value.of,
        };
        for _ in 0..MOST_POINTERS {
            match typed.pointee(of) {
                TypeId::VOID => break,
                to => of = to,
            }
        }
        of
    }

    /// The elements it has: an array's, a list's, or those a pointer leads to.
    pub(crate) fn sequence(&self, typed: &Typed<'_>) -> Option<Result<Sequence, Lost>> {
        if let Some(value) = self.value() {
            if let Some(elements) = typed.list(value) {
                return Some(Ok(Sequence::List(elements)));
            }
            if let Shape::Array { element, count } = typed.shape(value) {
                return Some(Ok(Sequence::Array {
                    array: *value,
                    element,
                    count: whole(typed, value, element, count),
                }));
            }
        }
        Some(self.aim(typed)?.map(|aim| match typed.list(&aim.value) {
            Some(elements) => Sequence::List(elements),
            None => Sequence::Pointed(aim),
        }))
    }

    /// Its address when it was captured; of a root, which lies nowhere, none.
    pub(crate) fn address(&self, typed: &Typed<'_>) -> Option<u64> {
        typed.image().address(self.value()?.offset)
    }
}

/// How many elements of an array there are: those of a flexible one are as many
/// as were captured.
fn whole(typed: &Typed<'_>, array: &Value, element: TypeId, count: u64) -> u64 {
    if count > 0 {
        return count;
    }
    let size = typed.btf().size(element).filter(|size| *size > 0);
    size.map_or(0, |size| array.end.saturating_sub(array.offset) / size)
}

/// Elements one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sequence {
    Array {
        array: Value,
        element: TypeId,
        count: u64,
    },
    List(Elements),
    Pointed(Aim),
}

impl Sequence {
    /// How many there are; those of a list are counted.
    pub(crate) fn count(&self, typed: &Typed<'_>) -> u64 {
        match self {
            Self::Array { count, .. } => *count,
            Self::Pointed(aim) => aim.count,
            Self::List(elements) => {
                let mut elements = *elements;
                let mut count = 0;
                while typed.next_element(&mut elements).is_some() {
                    count += 1;
                }
                count
            }
        }
    }

    /// Element `index`; a list is walked from its start.
    pub(crate) fn get(&self, typed: &Typed<'_>, index: u64) -> Option<Value> {
        match self {
            Self::Array {
                array,
                element,
                count,
            } => (index < *count).then(|| typed.element(array, *element, index))?,
            Self::Pointed(aim) => typed.nth(aim, index),
            Self::List(elements) => {
                let mut elements = *elements;
                for _ in 0..index {
                    typed.next_element(&mut elements)?;
                }
                typed.next_element(&mut elements)
            }
        }
    }

    /// The element after those that were taken; `taken` counts them.
    pub(crate) fn next(&mut self, typed: &Typed<'_>, taken: &mut u64) -> Option<Value> {
        let next = match self {
            Self::List(elements) => typed.next_element(elements),
            _ => self.get(typed, *taken),
        };
        *taken += u64::from(next.is_some());
        next
    }
}
