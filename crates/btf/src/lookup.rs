//! Answers about types.

use crate::parse::hash;
use crate::types::{Btf, Composite, Enumerator, Kind, Member, NamedKind, Parameter, Type, TypeId};

/// How many typedefs, qualifiers, or unnamed structures inside each other are
/// looked through; the kernel has less than ten.
pub const MAX_NESTING: usize = 64;

/// A member as it is reached from a structure, unnamed ones looked through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Bits from the structure's start.
    pub offset_bits: u64,
    /// Bits of a bit field, else 0.
    pub bit_size: u8,
    /// Its type.
    pub of: TypeId,
}

impl Field {
    /// Bytes from the structure's start; `None` for a bit field.
    #[must_use]
    pub fn offset(&self) -> Option<u64> {
        (self.bit_size == 0 && self.offset_bits.is_multiple_of(8)).then_some(self.offset_bits / 8)
    }
}

impl Btf {
    /// How many types there are, `void` included.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.types.len() as u32
    }

    /// Whether a type is one of the module's that were added to the kernel's.
    #[must_use]
    pub fn is_of_module(&self, id: TypeId) -> bool {
        (self.of_kernel..self.types.len()).contains(&(id.0 as usize))
    }

    /// A type; `void` if there is none of that number.
    #[must_use]
    pub fn get(&self, id: TypeId) -> &Type {
        const VOID: &Type = &Type {
            name: 0,
            kind: Kind::Void,
        };
        self.types.get(id.0 as usize).unwrap_or(VOID)
    }

    /// What a type is.
    #[must_use]
    pub fn kind(&self, id: TypeId) -> &Kind {
        &self.get(id).kind
    }

    /// A type's name, empty if it has none.
    #[must_use]
    pub fn name(&self, id: TypeId) -> &str {
        self.string(self.get(id).name)
    }

    /// A member's name, empty if it has none.
    #[must_use]
    pub fn member_name(&self, member: &Member) -> &str {
        self.string(member.name)
    }

    /// A parameter's name, empty if it has none.
    #[must_use]
    pub fn parameter_name(&self, parameter: &Parameter) -> &str {
        self.string(parameter.name)
    }

    /// The name of an `enum`'s value.
    #[must_use]
    pub fn enumerator_name(&self, value: &Enumerator) -> &str {
        self.string(value.name)
    }

    /// The type of that kind and name; the first of several.
    #[must_use]
    pub fn find(&self, kind: NamedKind, name: &str) -> Option<TypeId> {
        let candidates = self.names.get(&(kind, hash(name)))?;
        candidates.iter().copied().find(|id| self.name(*id) == name)
    }

    /// All types of a kind that have a name.
    pub fn named(&self, kind: NamedKind) -> impl Iterator<Item = (TypeId, &str)> {
        (0..).zip(&self.types).filter_map(move |(id, entry)| {
            let name = self.string(entry.name);
            let matches = NamedKind::of(&entry.kind) == Some(kind) && !name.is_empty();
            matches.then_some((TypeId(id), name))
        })
    }

    /// The type without typedefs, qualifiers and tags.
    #[must_use]
    pub fn resolve(&self, mut id: TypeId) -> TypeId {
        for _ in 0..MAX_NESTING {
            match self.kind(id) {
                Kind::Typedef(to)
                | Kind::Volatile(to)
                | Kind::Const(to)
                | Kind::Restrict(to)
                | Kind::TypeTag(to) => id = *to,
                _ => return id,
            }
        }
        TypeId::VOID
    }

    /// Whether one of the type's tags (`user`, `rcu`, `percpu`) is `tag`.
    #[must_use]
    pub fn has_tag(&self, mut id: TypeId, tag: &str) -> bool {
        for _ in 0..MAX_NESTING {
            match self.kind(id) {
                Kind::TypeTag(_) if self.name(id) == tag => return true,
                Kind::Typedef(to)
                | Kind::Volatile(to)
                | Kind::Const(to)
                | Kind::Restrict(to)
                | Kind::TypeTag(to) => id = *to,
                _ => return false,
            }
        }
        false
    }

    /// Bytes of a value of the type; `None` for what has no values or is
    /// declared only.
    #[must_use]
    pub fn size(&self, mut id: TypeId) -> Option<u64> {
        let mut elements = 1u64;
        for _ in 0..MAX_NESTING {
            let one = match self.kind(self.resolve(id)) {
                Kind::Int(int) => u64::from(int.size),
                Kind::Float(size) | Kind::Enum { size, .. } => u64::from(*size),
                Kind::Pointer(_) => 8,
                Kind::Struct(composite) | Kind::Union(composite) => u64::from(composite.size),
                Kind::Array { element, count, .. } => {
                    elements = elements.checked_mul(u64::from(*count))?;
                    id = *element;
                    continue;
                }
                _ => return None,
            };
            return one.checked_mul(elements);
        }
        None
    }

    /// The structure or union that the type is.
    #[must_use]
    pub fn composite(&self, id: TypeId) -> Option<&Composite> {
        match self.kind(self.resolve(id)) {
            Kind::Struct(composite) | Kind::Union(composite) => Some(composite),
            _ => None,
        }
    }

    /// The member `name` of a structure or union, also inside of unnamed ones.
    #[must_use]
    pub fn field(&self, id: TypeId, name: &str) -> Option<Field> {
        self.fields(id)
            .into_iter()
            .find(|(found, _)| *found == name)
            .map(|(_, field)| field)
    }

    /// All named members of a structure or union, those inside of unnamed ones
    /// included, in the order of their declaration.
    #[must_use]
    pub fn fields(&self, id: TypeId) -> Vec<(&str, Field)> {
        enum Item<'a> {
            Named(&'a str, Field),
            Unnamed(TypeId, u64, usize),
        }
        // Damaged BTF could unfold for ever.
        const MOST: usize = 1 << 16;
        let mut found = Vec::new();
        let mut stack = vec![Item::Unnamed(id, 0, 0)];
        for _ in 0..MOST {
            let Some(item) = stack.pop() else { break };
            let (id, base, depth) = match item {
                Item::Named(name, field) => {
                    found.push((name, field));
                    continue;
                }
                Item::Unnamed(_, _, MAX_NESTING) => continue,
                Item::Unnamed(id, base, depth) => (id, base, depth),
            };
            let members = self.composite(id).map_or(&[][..], |c| &c.members);
            if stack.len() + members.len() > MOST {
                break;
            }
            stack.extend(members.iter().rev().filter_map(|member| {
                let offset_bits = base + u64::from(member.offset_bits);
                let name = self.member_name(member);
                let field = Field {
                    offset_bits,
                    bit_size: member.bit_size,
                    of: member.of,
                };
                match (name.is_empty(), member.bit_size) {
                    (false, _) => Some(Item::Named(name, field)),
                    (true, 0) => Some(Item::Unnamed(member.of, offset_bits, depth + 1)),
                    // Padding.
                    (true, _) => None,
                }
            }));
        }
        found
    }

    /// Variables with their types: those of each CPU, as kernels have it.
    pub fn variables(&self) -> impl Iterator<Item = (&str, TypeId)> {
        (1..self.count()).filter_map(|id| match self.kind(TypeId(id)) {
            Kind::Variable { of, .. } => Some((self.name(TypeId(id)), *of)),
            _ => None,
        })
    }

    /// What a function takes and returns, by its name.
    #[must_use]
    pub fn prototype(&self, function: &str) -> Option<(TypeId, &[Parameter])> {
        let id = self.find(NamedKind::Function, function)?;
        let Kind::Function { prototype, .. } = self.kind(id) else {
            return None;
        };
        match self.kind(*prototype) {
            Kind::Prototype {
                returns,
                parameters,
            } => Some((*returns, parameters)),
            _ => None,
        }
    }

    /// Which machine word each parameter is passed in, counted from 0: those in
    /// registers come first, then those on the stack. Structures of up to 16 bytes
    /// take as many as they need. `None` for what is passed differently.
    #[must_use]
    pub fn argument_words(&self, parameters: &[Parameter]) -> Vec<Option<u32>> {
        /// Arguments in registers.
        const REGISTERS: u64 = 6;
        let mut next = Some(0u64);
        (parameters.iter())
            .map(|parameter| {
                let size = self.size(parameter.of).unwrap_or(8);
                let is_structure = self.composite(parameter.of).is_some();
                let takes = size.div_ceil(8).max(1);
                let word = next?;
                // A structure that no longer fits the registers goes to the stack
                // as a whole, and what comes behind it into the registers.
                let end = word.checked_add(takes)?;
                let regular = !is_structure || (takes <= 2 && end <= REGISTERS);
                next = regular.then_some(end);
                u32::try_from(word).ok().filter(|_| regular)
            })
            .collect()
    }
}
