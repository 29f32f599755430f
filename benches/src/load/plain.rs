//! The least that a loader does: the file is read, and each pointer gets the memory's
//! address on top. Nothing is checked but what the language does.

use std::path::Path;

use anyhow::Result;

/// A loaded file.
pub(crate) struct Plain {
    bytes: Vec<u8>,
    memory: usize,
}

/// Reads it and fixes the pointers.
pub(crate) fn load(path: &Path) -> Result<Plain> {
    let mut bytes = std::fs::read(path)?;
    let field = |at: usize| -> usize {
        let word = bytes[at..at + 8].first_chunk().copied().unwrap_or_default();
        u64::from_le_bytes(word) as usize
    };
    let pointers = 104 + field(64) * 8 + field(80);
    let end = pointers + field(48) * 8;
    let memory = end + field(56) * 8 + field(96) * 16;
    let (front, behind) = bytes.split_at_mut(memory);
    let base = behind.as_ptr().expose_provenance() as u64;
    for location in front[pointers..end].as_chunks().0 {
        let at = u64::from_le_bytes(*location) as usize;
        if let Some(word) = behind[at..].first_chunk_mut() {
            *word = (u64::from_le_bytes(*word) + base).to_le_bytes();
        }
    }
    Ok(Plain { bytes, memory })
}

impl Plain {
    pub(crate) fn memory(&self) -> &[u8] {
        &self.bytes[self.memory..self.bytes.len() - 8]
    }
}
