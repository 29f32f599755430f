//! Arguments of the function that was captured at: those that are no roots are in
//! the registers only.

use kflat_abi::extension::{
    ARCHITECTURE_ARM64, ARCHITECTURE_X86_64, Hit, MODE_RUN_NOW, MODE_TEST, NO_OBJECT,
};
use kflat_abi::program::{NONE, PROGRAM_AT_RETURN};
use kflat_btf::{Kind, TypeId};

use super::pointer::Pointer;
use super::value::Shape;
use super::{Typed, root_name};
use crate::image::Root;

/// Where x86_64 passes arguments, as indices into [`Hit::registers`]: `rdi`,
/// `rsi`, `rdx`, `rcx`, `r8`, `r9`.
const X86_64: [usize; 6] = [14, 13, 12, 11, 9, 8];
/// Where arm64 passes as many: `x0` to `x5`.
const ARM64: [usize; 6] = [0, 1, 2, 3, 4, 5];

/// An argument in a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argument<'i> {
    /// Its name.
    pub name: &'i str,
    /// Its type.
    pub of: TypeId,
    word: u64,
}

impl<'i> Typed<'i> {
    /// The arguments that no root shows, in their order; none unless the image is
    /// from a function's entry.
    #[must_use]
    pub fn arguments(&self) -> Vec<Argument<'i>> {
        self.found_arguments().unwrap_or_default()
    }

    fn found_arguments(&self) -> Option<Vec<Argument<'i>>> {
        let hit = self.extension.hit()?;
        let target = self.program.target()?;
        let elsewhere = hit.mode & (MODE_RUN_NOW | MODE_TEST) != 0
            || self.program.flags() & PROGRAM_AT_RETURN != 0
            || target.contains('+')
            || target.starts_with("tracepoint:");
        if elsewhere {
            return None;
        }
        let function = target.rsplit(':').next()?;
        let btf = self.btf;
        let (_, parameters) = btf.prototype(function)?;
        let found = parameters.iter().zip(btf.argument_words(parameters));
        let found = found.filter_map(|(parameter, word)| {
            let name = btf.parameter_name(parameter);
            let is_root = || {
                let mut roots = self.image.roots();
                roots.any(|root| root_name(&root) == name && !self.is_idle(&root))
            };
            let is_plain = btf.composite(parameter.of).is_none() && !name.is_empty();
            (is_plain && !is_root()).then_some(())?;
            Some(Argument {
                name,
                of: parameter.of,
                word: register(hit, word?)?,
            })
        });
        Some(found.collect())
    }

    /// The type of the function's parameter `name`.
    pub(super) fn parameter(&self, name: &str) -> Option<TypeId> {
        let target = self.program.target()?;
        let (_, parameters) = self.btf.prototype(target.rsplit(':').next()?)?;
        let found = parameters
            .iter()
            .find(|one| self.btf.parameter_name(one) == name);
        found.map(|parameter| parameter.of)
    }

    /// What an argument is.
    #[must_use]
    pub fn argument_shape(&self, argument: &Argument<'i>) -> Shape<'i> {
        let of = self.btf.resolve(argument.of);
        if let Kind::Pointer(_) = self.btf.kind(of) {
            return Shape::Pointer(match argument.word {
                0 => Pointer::Null,
                word => Pointer::Outside(word),
            });
        }
        let size = self.btf.size(of).unwrap_or(8).min(8);
        let bytes = argument.word.to_le_bytes();
        let bytes = usize::try_from(size)
            .ok()
            .and_then(|size| bytes.get(..size));
        self.scalar(of, bytes.unwrap_or_default(), None)
    }

    /// Whether a root is under a condition that did not hold: there is nothing to
    /// say of it.
    #[must_use]
    pub fn is_idle(&self, root: &Root<'_>) -> bool {
        let extra = (u32::try_from(root.index).ok())
            .and_then(|index| self.program.root_at(index))
            .and_then(|record| self.program.action_at(record.action))
            .and_then(|action| self.program.extra_at(action.extra));
        let diagnosed = |root: &Root<'_>| {
            let all = self.extension.diagnostics();
            let mut of_roots = all.iter().filter(|one| one.object == NO_OBJECT);
            of_roots.any(|one| one.via as usize == root.index)
        };
        root.offset.is_none()
            && extra.is_some_and(|extra| extra.condition != NONE)
            && !diagnosed(root)
    }
}

/// The register that holds argument `word`.
fn register(hit: &Hit, word: u32) -> Option<u64> {
    let places = match hit.architecture {
        ARCHITECTURE_X86_64 => X86_64,
        ARCHITECTURE_ARM64 => ARM64,
        _ => return None,
    };
    let place = *places.get(word as usize)?;
    let known = place < hit.register_count as usize;
    hit.registers.get(place).copied().filter(|_| known)
}
