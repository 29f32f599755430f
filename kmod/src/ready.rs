//! A recipe with all that has to be known before its hit.

use kflat_abi::program::PROGRAM_AT_RETURN;
use kflat_engine::Verified;

use crate::alloc::Buffer;
use crate::error::{Error, Result};
use crate::ffi_memory as ffi;
use crate::registry::EnabledRecipe;
use crate::site::Site;
use crate::symbols::KernelSymbols;
use crate::wanted::Wanted;

/// A recipe that waits for its hit, or was hit.
pub(crate) struct Ready {
    recipe: EnabledRecipe,
    /// Which of a session's enabled recipes it is, from 0.
    pub(crate) index: u32,
    /// Addresses of the program's globals, by index.
    pub(crate) globals: Buffer<u64>,
    /// What is added to a per-CPU address, by number of the CPU; all ones: there is
    /// no such CPU.
    pub(crate) per_cpu: Buffer<u64>,
    at_return: bool,
    pub(crate) wanted: Wanted,
}

impl Ready {
    /// `ENOMEM`. Sleeps.
    pub(crate) fn new(recipe: EnabledRecipe, index: u32) -> Result<Self> {
        let verified = recipe.verified().ok_or(Error::EINVAL)?;
        let program = verified.program();
        Ok(Self {
            globals: resolve_globals(&verified)?,
            per_cpu: per_cpu_offsets()?,
            wanted: Wanted::by(program),
            at_return: program.flags() & PROGRAM_AT_RETURN != 0,
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
        Site::parse(self.name(), self.at_return).ok_or(Error::EFAULT)
    }
}

/// Addresses of the program's globals; 0: there is no such symbol.
fn resolve_globals(verified: &Verified<'_>) -> Result<Buffer<u64>> {
    let program = verified.program();
    let count = program.header().globals.count;
    let mut globals = Buffer::new(count as usize)?;
    for (index, global) in (0..count).zip(globals.iter_mut()) {
        let symbol = program.global_at(index);
        *global = symbol.and_then(KernelSymbols::resolve).unwrap_or(0);
    }
    Ok(globals)
}

fn per_cpu_offsets() -> Result<Buffer<u64>> {
    let count = ffi::kflat_shim_cpu_count();
    let mut offsets = Buffer::new(count as usize)?;
    for (cpu, offset) in (0..count).zip(offsets.iter_mut()) {
        *offset = ffi::kflat_shim_cpu_offset(cpu);
    }
    Ok(offsets)
}
