//! Checksums are made right again, so that damage gets past them.

use kflat_image::abi::crc32c::crc32c;
use kflat_image::abi::extension::{ALIGNMENT, Entry, Header, MAGIC};
use kflat_image::abi::record::Record;

/// The image in `data`, with the right checksums in its extension: unless the
/// container's reserved word is set, which leaves them as they are.
pub(crate) fn mended(data: &[u8]) -> Vec<u8> {
    let mut bytes = data.to_vec();
    let start = (bytes.get(32..))
        .and_then(u64::decode)
        .and_then(|size| size.checked_next_multiple_of(ALIGNMENT))
        .and_then(|start| usize::try_from(start).ok());
    if let Some(container) = start.and_then(|start| bytes.get_mut(start..)) {
        mend(container);
    }
    bytes
}

fn mend(container: &mut [u8]) -> Option<()> {
    let header = Header::decode(container)?;
    if header.magic != MAGIC || header.reserved != 0 {
        return None;
    }
    let length = (header.count as usize).checked_mul(Entry::SIZE)?;
    let end = Header::SIZE.checked_add(length)?;
    if end > container.len() {
        return None;
    }
    // Entries don't overlap where it matters: that bounds the work.
    let mut left = container.len();
    for at in (Header::SIZE..end).step_by(Entry::SIZE) {
        let entry = Entry::decode(container.get(at..)?)?;
        let payload = usize::try_from(entry.offset)
            .ok()
            .and_then(|offset| container.get(offset..))
            .and_then(|tail| tail.get(..usize::try_from(entry.length).ok()?));
        if let Some(payload) = payload.filter(|payload| payload.len() <= left) {
            left -= payload.len();
            let crc = crc32c(payload);
            Entry { crc, ..entry }.encode(container.get_mut(at..)?)?;
        }
    }
    let toc_crc = crc32c(container.get(Header::SIZE..end)?);
    Header { toc_crc, ..header }.encode(container)
}
