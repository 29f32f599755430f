//! A recipe with all that has to be known before its hit.

use kflat_abi::program::ROOT_GLOBAL;
use kflat_engine::Verified;

use crate::alloc::Buffer;
use crate::error::{Error, Result};
use crate::registry::EnabledRecipe;
use crate::site::Site;
use crate::symbols::KernelSymbols;

/// A recipe that waits for its hit, or was hit.
pub(crate) struct Ready {
    recipe: EnabledRecipe,
    /// Which of a session's enabled recipes it is, from 0.
    pub(crate) index: u32,
    /// Addresses of the global roots, by root index.
    pub(crate) globals: Buffer<u64>,
}

impl Ready {
    /// `ENOMEM`. Sleeps.
    pub(crate) fn new(recipe: EnabledRecipe, index: u32) -> Result<Self> {
        let verified = recipe.verified().ok_or(Error::EINVAL)?;
        Ok(Self {
            globals: resolve_globals(&verified)?,
            recipe,
            index,
        })
    }

    /// The program, ready to be interpreted.
    pub(crate) fn verified(&self) -> Option<Verified<'_>> {
        self.recipe.verified()
    }

    /// The recipe's name.
    pub(crate) fn name(&self) -> &str {
        self.recipe.name()
    }

    /// Where it waits. `EFAULT`: its name makes no sense.
    pub(crate) fn site(&self) -> Result<Site<'_>> {
        Site::parse(self.name(), false).ok_or(Error::EFAULT)
    }
}

/// Addresses of the global roots by root index; 0: there is no such symbol.
fn resolve_globals(verified: &Verified<'_>) -> Result<Buffer<u64>> {
    let program = verified.program();
    let (_, _, roots) = program.counts();
    let mut globals = Buffer::new(roots as usize)?;
    for (index, global) in (0..roots).zip(globals.iter_mut()) {
        let root = program
            .root_at(index)
            .filter(|root| root.source == ROOT_GLOBAL);
        let symbol = root.and_then(|root| program.string_at(root.symbol));
        *global = symbol.and_then(KernelSymbols::resolve).unwrap_or(0);
    }
    Ok(globals)
}
