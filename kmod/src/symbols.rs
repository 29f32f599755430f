//! Names of addresses, addresses of names. C: `shim/symbols.c`,
//! `<linux/kallsyms.h>`.

use core::ffi::CStr;

use kflat_engine::Symbols;

use crate::error::{Error, Result};
use crate::ffi_probe as ffi;

/// Bytes of a symbol's name with its module and offset: more than
/// `KSYM_SYMBOL_LEN`'s parts ever take.
const CAPACITY: usize = 256;

/// The kernel's symbols.
#[derive(Clone, Copy)]
pub(crate) struct KernelSymbols;

impl KernelSymbols {
    /// Finds the kernel's own way to look names up, which is not exported.
    pub(crate) fn start() -> Result {
        Error::check(ffi::kflat_shim_symbols_init())
    }

    /// Address of `symbol` or `module:symbol`. Sleeps.
    pub(crate) fn resolve(symbol: &str) -> Option<u64> {
        let mut name = [0; CAPACITY];
        for (into, byte) in name.iter_mut().zip(symbol.bytes()) {
            *into = byte;
        }
        let name = CStr::from_bytes_until_nul(&name).ok()?;
        // SAFETY: The name ends in a NUL.
        let address = unsafe { ffi::kflat_shim_symbols_address(name.as_ptr().cast()) };
        (address != 0).then_some(address)
    }
}

impl Symbols for KernelSymbols {
    fn name(&mut self, address: u64, name: &mut [u8]) -> Option<usize> {
        let mut text = [0; CAPACITY];
        let size = text.len() as u64;
        // SAFETY: `text` has that many bytes.
        let length = unsafe { ffi::kflat_shim_symbols_name(address, text.as_mut_ptr(), size) };
        let text = text.get(..usize::try_from(length).ok()?)?;
        let mut used = 0;
        for byte in short_form(text)? {
            *name.get_mut(used)? = byte;
            used += 1;
        }
        Some(used)
    }
}

/// `symbol`, `symbol+0xoff` and either with ` [module]`, of the kernel's
/// `symbol+0xoff/0xsize [module]`. `None`: it is a plain number.
fn short_form(text: &[u8]) -> Option<impl Iterator<Item = u8>> {
    let plus = text.iter().position(|byte| *byte == b'+')?;
    let (symbol, rest) = text.split_at_checked(plus)?;
    let slash = rest.iter().position(|byte| *byte == b'/')?;
    let (offset, rest) = rest.split_at_checked(slash)?;
    let end = rest.iter().position(|byte| *byte == b' ');
    let module = rest.get(end.unwrap_or(rest.len())..)?;
    let offset = if offset == b"+0x0" { &[] } else { offset };
    Some(symbol.iter().chain(offset).chain(module).copied())
}
