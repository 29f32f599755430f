//! Where globals of the kernel are.

use std::fs::File;
use std::io::{BufRead, BufReader};

use kflat_device::KernelMemory;

/// Globals that were looked for and found.
pub(super) struct Symbols(Vec<Symbol>);

/// A global.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Symbol {
    name: String,
    pub(super) address: u64,
    /// Bytes up to the next symbol, at most [`MOST`].
    pub(super) size: usize,
}

/// Bytes of a global that are read at most.
const MOST: u64 = 4096;

impl Symbols {
    /// The globals among `wanted` in this kernel's `/proc/kallsyms`.
    pub(super) fn of_kernel(wanted: &[&str]) -> Self {
        match File::open("/proc/kallsyms") {
            Ok(file) => Self::find(BufReader::new(file), wanted),
            Err(_) => Self(Vec::new()),
        }
    }

    fn find(kallsyms: impl BufRead, wanted: &[&str]) -> Self {
        let mut found: Vec<Symbol> = Vec::new();
        // Symbols of the kernel itself come by address.
        let mut open = 0;
        for line in kallsyms.split(b'\n').map_while(Result::ok) {
            let Some((address, name)) = symbol(&line) else {
                continue;
            };
            // Those of modules come behind.
            if address == 0 || name.contains('\t') {
                continue;
            }
            for symbol in found.iter_mut().skip(open) {
                let size = address.saturating_sub(symbol.address).min(MOST);
                // At most a page.
                symbol.size = size as usize;
            }
            if found.last().is_none_or(|last| last.address < address) {
                open = found.len();
            }
            if wanted.contains(&name) {
                found.push(Symbol {
                    name: name.to_owned(),
                    address,
                    size: 0,
                });
            }
        }
        found.retain(|symbol| symbol.size > 0);
        Self(found)
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Symbol> {
        self.0.iter()
    }

    /// The word that a global holds.
    pub(super) fn word(&self, memory: &KernelMemory, name: &str) -> Option<u64> {
        let symbol = self.iter().find(|symbol| symbol.name == name)?;
        word(memory, symbol.address)
    }
}

/// The word at an address.
pub(super) fn word(memory: &KernelMemory, address: u64) -> Option<u64> {
    let mut bytes = [0; 8];
    (memory.read(address, &mut bytes)).then(|| u64::from_le_bytes(bytes))
}

/// `ffffffff82a00000 D modules`.
fn symbol(line: &[u8]) -> Option<(u64, &str)> {
    let line = str::from_utf8(line).ok()?;
    let (address, rest) = line.split_once(' ')?;
    let (_, name) = rest.split_once(' ')?;
    Some((u64::from_str_radix(address, 16).ok()?, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_end_where_the_next_one_begins() {
        let text = "0000000000000000 A fixed_percpu_data\n\
                    ffffffff82a00000 d before\n\
                    ffffffff82a00010 D modules\n\
                    ffffffff82a00010 D alias\n\
                    ffffffff82a00020 D init_uts_ns\n\
                    ffffffff82c00000 D far\n\
                    ffffffffc0000000 d modules\t[module]\n";
        let found = Symbols::find(text.as_bytes(), &["modules", "init_uts_ns"]);
        let found: Vec<_> = found.iter().map(|s| (s.address, s.size)).collect();
        assert_eq!(
            found,
            [(0xffff_ffff_82a0_0010, 16), (0xffff_ffff_82a0_0020, 4096)]
        );
    }

    #[test]
    fn hidden_addresses_are_none() {
        let text = "0000000000000000 D modules\n0000000000000000 D next\n";
        assert_eq!(
            Symbols::find(text.as_bytes(), &["modules"]).iter().count(),
            0
        );
    }
}
