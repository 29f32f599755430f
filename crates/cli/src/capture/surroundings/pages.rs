//! Whole pages with their physical addresses, as crash reads them.

use std::collections::BTreeSet;

use kflat_device::KernelMemory;
use kflat_image::{Image, Surroundings};

use super::page_table::PageTable;
use super::{Machine, log};
use crate::failure;
use crate::vmcoreinfo::symbol;

const PAGE: u64 = 4096;

/// Bytes that are saved at most.
const MOST: usize = 1 << 30;

/// The pages around what was captured, of the globals, the log, the probed
/// function, and of the page tables that lead to them.
///
/// # Errors
/// What is missing to find them.
pub(super) fn around(
    machine: &Machine,
    memory: &KernelMemory,
    captured: &[u8],
) -> Result<Surroundings, String> {
    let info = machine.vmcoreinfo();
    let direct_map = (machine.symbols)
        .word(memory, "page_offset_base")
        .ok_or("/proc/kallsyms does not tell where page_offset_base is")?;
    let table = PageTable::of(memory, info, direct_map)
        .ok_or("that needs x86_64, and VMCOREINFO from /proc/kcore")?;
    let image = Image::open(captured.to_vec()).map_err(|error| error.to_string())?;

    let mut wanted = Wanted(BTreeSet::new());
    for (fragment, address) in
        (image.fragments()).zip(image.extension().map_or(&[][..], |e| e.origins()))
    {
        wanted.add(*address, fragment.size);
    }
    for (address, bytes) in machine.globals(memory) {
        wanted.add(address, bytes.len() as u64);
    }
    for (address, size) in log::places(memory, info) {
        wanted.add(address, size);
    }
    if let Some(hit) = image.extension().and_then(|extension| extension.hit()) {
        wanted.add(hit.probe, PAGE);
    }
    if let Some(top) = symbol(info, "swapper_pg_dir") {
        wanted.add(top, PAGE);
    }
    Ok(wanted.read(memory, &table))
}

/// Addresses of pages.
struct Wanted(BTreeSet<u64>);

impl Wanted {
    fn add(&mut self, address: u64, size: u64) {
        let last = address.saturating_add(size.saturating_sub(1));
        for page in address / PAGE..=last / PAGE {
            if self.0.len() > MOST / PAGE as usize {
                break;
            }
            self.0.insert(page * PAGE);
        }
    }

    /// The pages that there are, and the tables that lead to them.
    fn read(self, memory: &KernelMemory, table: &PageTable<'_>) -> Surroundings {
        let mut pages = Vec::new();
        let mut tables = BTreeSet::new();
        let mut missing = 0;
        let mut add = |address: u64, physical: u64| {
            let mut bytes = vec![0; PAGE as usize];
            let is_there = memory.read(address, &mut bytes);
            if is_there {
                pages.push((address, Some(physical), bytes));
            }
            is_there
        };
        for address in &self.0 {
            let walk = table.walk(*address);
            if !walk
                .as_ref()
                .is_some_and(|walk| add(*address, walk.physical))
            {
                missing += 1;
            }
            tables.extend(walk.into_iter().flat_map(|walk| walk.tables));
        }
        for (address, physical) in tables {
            if !self.0.contains(&address) {
                add(address, physical);
            }
        }
        match missing {
            0 => {}
            1 => failure::warn("1 page is no page of the kernel's and is not saved"),
            missing => failure::warn(format!(
                "{missing} pages are no pages of the kernel's and are not saved"
            )),
        }
        Surroundings::of(pages)
    }
}
