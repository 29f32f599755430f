//! The registers at the hit, as a core has them.

use kflat_abi::extension::{ARCHITECTURE_ARM64, ARCHITECTURE_X86_64, Hit};

/// Where the registers are in `struct elf_prstatus`.
const REGISTERS_AT: usize = 112;

/// A `struct elf_prstatus`; `None` for an architecture that is not known.
pub(super) fn prstatus(hit: &Hit) -> Option<Vec<u8>> {
    // Registers that the kernel saves at a probe, and all that the struct has.
    let (saved, all) = match hit.architecture {
        ARCHITECTURE_X86_64 => (21, 27),
        ARCHITECTURE_ARM64 => (34, 34),
        _ => return None,
    };
    let mut status = vec![0; REGISTERS_AT];
    // `pr_pid`.
    *status.get_mut(32..).and_then(<[u8]>::first_chunk_mut)? = hit.tid.to_le_bytes();
    let known = (hit.register_count as usize).min(saved);
    for index in 0..all {
        let value = hit.registers.get(index).filter(|_| index < known);
        status.extend(value.copied().unwrap_or(0).to_le_bytes());
    }
    // `pr_fpvalid`, and padding.
    status.extend([0; 8]);
    Some(status)
}
