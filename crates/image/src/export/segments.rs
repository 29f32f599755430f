//! Which addresses a core has.

use super::ExportError;
use crate::original::OriginalMemory;

/// A `PT_LOAD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) address: u64,
    pub(super) size: u64,
    pub(super) physical: Option<u64>,
}

/// All that there is, by virtual address: a physical one would have to be known
/// for every byte.
pub(super) fn all(memory: &OriginalMemory<'_>) -> Vec<Segment> {
    (memory.spans().iter())
        .map(|span| Segment {
            address: span.address,
            size: span.size,
            physical: None,
        })
        .collect()
}

/// Whole pages whose physical address is known, and how many captured fragments
/// lie outside of them.
///
/// # Errors
/// If there are none.
pub(super) fn pages(memory: &OriginalMemory<'_>) -> Result<(Vec<Segment>, usize), ExportError> {
    const PAGE: u64 = 4096;
    let mut segments: Vec<Segment> = memory
        .surroundings()
        .iter()
        .map(|range| Segment {
            address: range.address,
            size: range.bytes.len() as u64,
            physical: range.physical,
        })
        .filter(|segment| {
            let parts = [segment.address, segment.size, segment.physical.unwrap_or(1)];
            parts.iter().all(|part| part.is_multiple_of(PAGE))
        })
        .collect();
    // crash takes a core with a single segment for something else.
    if let [only] = segments[..] {
        if only.size < 2 * PAGE {
            return Err(ExportError::NoPages);
        }
        segments = vec![
            Segment { size: PAGE, ..only },
            Segment {
                address: only.address + PAGE,
                size: only.size - PAGE,
                physical: only.physical.map(|physical| physical + PAGE),
            },
        ];
    }
    if segments.is_empty() {
        return Err(ExportError::NoPages);
    }
    let left_out = memory.captured().filter(|span| {
        let mut at = span.address;
        while at < span.end() {
            let after = segments.partition_point(|segment| segment.address <= at);
            let segment = after.checked_sub(1).and_then(|index| segments.get(index));
            match segment.map(|segment| segment.address + segment.size) {
                Some(end) if end > at => at = end,
                _ => return true,
            }
        }
        false
    });
    let left_out = left_out.count();
    Ok((segments, left_out))
}
