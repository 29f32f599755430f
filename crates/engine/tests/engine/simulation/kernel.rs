//! Simulated memory, symbols and time.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

use kflat_engine::{Clock, Memory, Symbols, Unreadable, put_bytes};

/// Memory that is mapped in places.
#[derive(Default)]
pub(crate) struct Kernel {
    pub(crate) regions: BTreeMap<u64, Vec<u8>>,
    pub(crate) symbols: BTreeMap<u64, String>,
    pub(crate) globals: Vec<u64>,
    pub(crate) current: u64,
    pub(crate) returned: u64,
    pub(crate) cpu: u32,
    pub(crate) per_cpu: Vec<u64>,
    /// Objects of the allocator: start and end.
    pub(crate) allocations: BTreeMap<u64, u64>,
    /// Memory of the process that is present.
    pub(crate) user: BTreeMap<u64, Vec<u8>>,
    pub(crate) clock: Ticks,
    /// Bytes that were read.
    pub(crate) read: u64,
    /// How often memory was read.
    pub(crate) reads: u64,
    /// What others write: after so many reads, where, and what.
    pub(crate) written_later: Vec<(u64, u64, Vec<u8>)>,
    /// What is unmapped after so many reads.
    pub(crate) unmapped_later: Vec<(u64, u64)>,
}

impl Kernel {
    /// Maps `size` zero bytes at `address`; regions must not touch.
    pub(crate) fn map(&mut self, address: u64, size: usize) {
        self.regions.insert(address, vec![0; size]);
    }

    pub(crate) fn put(&mut self, address: u64, bytes: &[u8]) {
        let (start, region) = self
            .regions
            .range_mut(..=address)
            .next_back()
            .expect("mapped");
        let at = (address - start) as usize;
        region[at..at + bytes.len()].copy_from_slice(bytes);
    }

    pub(crate) fn put_word(&mut self, address: u64, word: u64) {
        self.put(address, &word.to_le_bytes());
    }

    /// What others do meanwhile.
    fn let_time_pass(&mut self) {
        let reads = self.reads;
        let mut written = std::mem::take(&mut self.written_later);
        written.retain(|(after, address, bytes)| {
            if *after <= reads {
                self.put(*address, bytes);
            }
            *after > reads
        });
        self.written_later = written;
        let regions = &mut self.regions;
        self.unmapped_later.retain(|(after, address)| {
            if *after <= reads {
                regions.remove(address);
            }
            *after > reads
        });
    }

    pub(crate) fn put_u32(&mut self, address: u64, word: u32) {
        self.put(address, &word.to_le_bytes());
    }

    pub(crate) fn bytes(&self, address: u64, length: usize) -> Option<&[u8]> {
        let (start, region) = self.regions.range(..=address).next_back()?;
        let at = usize::try_from(address - start).ok()?;
        region.get(at..at.checked_add(length)?)
    }
}

impl Memory for Kernel {
    fn read(&mut self, address: u64, length: usize, words: &mut [u64]) -> Result<(), Unreadable> {
        assert!(words.len() as u64 * 8 >= address % 8 + length as u64);
        self.reads += 1;
        self.let_time_pass();
        let bytes = self.bytes(address, length).ok_or(Unreadable)?.to_vec();
        put_bytes(words, address, &bytes);
        self.read += length as u64;
        Ok(())
    }

    fn read_user(
        &mut self,
        address: u64,
        length: usize,
        words: &mut [u64],
    ) -> Result<(), Unreadable> {
        let page = self.user.range(..=address).next_back().ok_or(Unreadable)?;
        let at = usize::try_from(address - page.0).map_err(|_| Unreadable)?;
        let bytes = page.1.get(at..at + length).ok_or(Unreadable)?;
        put_bytes(words, address, bytes);
        Ok(())
    }

    fn allocation(&mut self, address: u64) -> Option<Range<u64>> {
        let (start, end) = self.allocations.range(..=address).next_back()?;
        (address < *end).then_some(*start..*end)
    }
}

impl Symbols for Kernel {
    fn name(&mut self, address: u64, name: &mut [u8]) -> Option<usize> {
        let (start, symbol) = self.symbols.range(..=address).next_back()?;
        let text = match address - start {
            0 => symbol.clone(),
            offset if offset < 0x100 => format!("{symbol}+{offset:#x}"),
            _ => return None,
        };
        name.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Some(text.len())
    }
}

/// A clock that advances at each look.
#[derive(Clone, Default)]
pub(crate) struct Ticks {
    now: Rc<Cell<u64>>,
    pub(crate) step: u64,
}

impl Clock for Ticks {
    fn now_ns(&self) -> u64 {
        self.now.set(self.now.get() + self.step);
        self.now.get()
    }
}
