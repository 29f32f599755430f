//! Where the kernel's log is: the ring buffer of records since 5.10.

use kflat_device::KernelMemory;

use super::symbols::word;
use crate::vmcoreinfo::{number, symbol};

/// Start and bytes of each part of the log.
pub(super) fn places(memory: &KernelMemory, vmcoreinfo: &str) -> Vec<(u64, u64)> {
    find(memory, vmcoreinfo).unwrap_or_default()
}

fn find(memory: &KernelMemory, vmcoreinfo: &str) -> Option<Vec<(u64, u64)>> {
    /// Of a log of 64 MiB; more is not saved with each image.
    const MOST_BITS: u64 = 26;
    let offset = |of: &str, member: &str| number(vmcoreinfo, &format!("OFFSET({of}.{member})"));
    let size = |of: &str| number(vmcoreinfo, &format!("SIZE({of})"));
    let pointer = symbol(vmcoreinfo, "prb")?;
    let ring = word(memory, pointer)?;
    let descriptors = ring.checked_add(offset("printk_ringbuffer", "desc_ring")?)?;
    let text = ring.checked_add(offset("printk_ringbuffer", "text_data_ring")?)?;
    let in_descriptors = |member| {
        let at = descriptors.checked_add(offset("prb_desc_ring", member)?)?;
        word(memory, at)
    };
    let in_text = |member| word(memory, text.checked_add(offset("prb_data_ring", member)?)?);
    let bits = |word: u64| Some(word & 0xffff_ffff).filter(|bits| *bits <= MOST_BITS);
    let count = 1u64 << bits(in_descriptors("count_bits")?)?;
    Some(vec![
        (pointer, 8),
        (ring, size("printk_ringbuffer")?),
        (
            in_descriptors("descs")?,
            count.checked_mul(size("prb_desc")?)?,
        ),
        (
            in_descriptors("infos")?,
            count.checked_mul(size("printk_info")?)?,
        ),
        (in_text("data")?, 1 << bits(in_text("size_bits")?)?),
    ])
}
