//! From virtual to physical addresses, by the kernel's page tables.

use kflat_device::KernelMemory;

use super::symbols::word;
use crate::vmcoreinfo::{number, symbol};

/// The kernel's page tables on x86_64.
pub(super) struct PageTable<'m> {
    memory: &'m KernelMemory,
    /// Where the uppermost table is.
    top: u64,
    levels: u32,
    /// Bits that are no part of an address: memory encryption.
    encryption: u64,
    direct_map: u64,
}

const PRESENT: u64 = 1;
const HUGE: u64 = 1 << 7;
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

/// A page: where it is, and the tables that lead there.
pub(super) struct Walk {
    pub(super) physical: u64,
    /// Virtual and physical address of each but the uppermost.
    pub(super) tables: Vec<(u64, u64)>,
}

impl<'m> PageTable<'m> {
    /// By what VMCOREINFO tells; `direct_map` is where physical memory begins.
    pub(super) fn of(memory: &'m KernelMemory, vmcoreinfo: &str, direct_map: u64) -> Option<Self> {
        if !cfg!(target_arch = "x86_64") {
            return None;
        }
        let five = number(vmcoreinfo, "NUMBER(pgtable_l5_enabled)") == Some(1);
        Some(Self {
            memory,
            top: symbol(vmcoreinfo, "swapper_pg_dir")?,
            levels: if five { 5 } else { 4 },
            encryption: number(vmcoreinfo, "NUMBER(sme_mask)").unwrap_or(0),
            direct_map,
        })
    }

    /// Finds the page at a kernel address.
    pub(super) fn walk(&self, address: u64) -> Option<Walk> {
        let (mut table, mut tables) = (self.top, Vec::new());
        for level in (0..self.levels).rev() {
            let shift = 12 + 9 * level;
            let index = address >> shift & 0x1ff;
            let entry = word(self.memory, table + 8 * index)? & !self.encryption;
            if entry & PRESENT == 0 {
                return None;
            }
            let below = (1u64 << shift) - 1;
            // The lowest entry is a page; others may be large pages.
            if level == 0 || entry & HUGE != 0 {
                let physical = entry & ADDRESS & !below | address & below & !0xfff;
                return Some(Walk { physical, tables });
            }
            table = self.direct_map.checked_add(entry & ADDRESS)?;
            tables.push((table, entry & ADDRESS));
        }
        None
    }
}
