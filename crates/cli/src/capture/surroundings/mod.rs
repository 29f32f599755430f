//! What is saved beside the objects, for debuggers: read through the device when
//! the image is saved, which is after the capture.

mod log;
mod page_table;
mod pages;
mod symbols;

use kflat_device::{Device, KernelMemory};
use kflat_image::Surroundings;

use crate::failure;
use crate::vmcoreinfo;
use symbols::Symbols;

/// Small globals that debuggers look at when they open a core.
const GLOBALS: &[&str] = &[
    "modules",
    "init_uts_ns",
    "linux_banner",
    "page_offset_base",
    "vmalloc_base",
    "vmemmap_base",
    "saved_command_line",
    "__per_cpu_offset",
];

/// The machine that is captured from, looked at before anything is armed.
pub(super) struct Machine {
    vmcoreinfo: String,
    symbols: Symbols,
}

impl Machine {
    /// What can't be known is left out: images can do without.
    pub(super) fn look(device: &Device) -> Self {
        let symbols = Symbols::of_kernel(GLOBALS);
        let vmcoreinfo = vmcoreinfo::of_kcore().or_else(|| {
            let memory = device.kernel_memory().ok()?;
            let direct_map = symbols.word(&memory, "page_offset_base")?;
            vmcoreinfo::of_memory(&memory, direct_map)
        });
        Self {
            vmcoreinfo: vmcoreinfo.unwrap_or_default(),
            symbols,
        }
    }

    /// The kernel's VMCOREINFO; empty if it could not be read.
    pub(super) fn vmcoreinfo(&self) -> &str {
        &self.vmcoreinfo
    }

    /// The globals, and with `pages` the pages around all that is in `captured`.
    pub(super) fn surroundings(
        &self,
        device: &Device,
        captured: &[u8],
        pages: bool,
    ) -> Surroundings {
        if captured.is_empty() {
            return Surroundings::default();
        }
        let memory = match device.kernel_memory() {
            Ok(memory) => memory,
            Err(error) if pages => {
                failure::warn(format!("no pages are saved: {error}"));
                return Surroundings::default();
            }
            Err(_) => return Surroundings::default(),
        };
        if pages {
            match pages::around(self, &memory, captured) {
                Ok(pages) => return pages,
                Err(why) => failure::warn(format!("no pages are saved: {why}")),
            }
        }
        let globals = self.globals(&memory).into_iter();
        Surroundings::of(globals.map(|(at, bytes)| (at, None, bytes)).collect())
    }

    /// Address and bytes of each global, and of the command line.
    fn globals(&self, memory: &KernelMemory) -> Vec<(u64, Vec<u8>)> {
        let mut globals: Vec<(u64, Vec<u8>)> = (self.symbols.iter())
            .filter_map(|symbol| {
                let mut bytes = vec![0; symbol.size];
                (memory.read(symbol.address, &mut bytes)).then_some((symbol.address, bytes))
            })
            .collect();
        globals.extend(self.command_line(memory));
        globals
    }

    /// What `saved_command_line` points to.
    fn command_line(&self, memory: &KernelMemory) -> Option<(u64, Vec<u8>)> {
        // COMMAND_LINE_SIZE.
        const MOST: u64 = 2048;
        let at = self.symbols.word(memory, "saved_command_line")?;
        let mut line = Vec::new();
        for address in at..at.checked_add(MOST)? {
            let mut byte = [0];
            if !memory.read(address, &mut byte) {
                break;
            }
            line.extend(byte);
            if byte == [0] {
                break;
            }
        }
        Some((at, line))
    }
}
