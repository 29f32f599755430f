//! The verifier, and the engine with what it passes.

use std::cell::{Cell, RefCell};
use std::ops::Range;

use kflat_engine::{Clock, Inputs, Memory, Quiet, State, Symbols, Unreadable, put_bytes};
use kflat_engine::{capture, required_words, verify, write};
use kflat_image::Image;
use kflat_image::abi::extension::Hit;

/// Where the kernel's memory begins.
pub const KERNEL: u64 = 0xffff_8880_0000_0000;
/// Where the process's memory begins.
pub const USER: u64 = 0x1000;
/// Where functions begin.
pub const FUNCTIONS: u64 = 0xffff_ffff_8100_0000;

/// Words of each region.
const ROOM: usize = 1 << 13;

thread_local! {
    /// The regions: a capture finds in them what the one before it left.
    static REGIONS: RefCell<(Vec<u64>, Vec<u64>)> =
        RefCell::new((vec![0; ROOM], vec![0; ROOM]));
}

/// Verifies a program, and captures by it from the memory that follows: `u16`
/// bytes of the program, the program, the memory.
///
/// # Panics
/// If what was captured is no image.
pub fn engine(data: &[u8]) {
    let Some((length, rest)) = data.split_first_chunk() else {
        return;
    };
    let length = usize::from(u16::from_le_bytes(*length)).min(rest.len());
    let (program, memory) = rest.split_at(length);
    let Ok(verified) = verify(program) else {
        return;
    };
    let (_, _, roots) = verified.program().counts();
    let mut machine = Machine { memory };
    let globals: Vec<u64> = (0..16).map(|index| KERNEL + 24 * index).collect();
    let inputs = Inputs {
        arguments: &[KERNEL, KERNEL + 64, USER, 3, KERNEL + 8],
        returned: KERNEL + 32,
        current: KERNEL,
        globals: &globals,
        cpu: 1,
        per_cpu: &[0, 64, u64::MAX],
    };
    REGIONS.with_borrow_mut(|(work, area)| {
        let mut state = State::new();
        let clock = Ticks(Cell::new(0));
        let regions = (&mut work[..], &mut area[..], &mut state);
        let outcome = capture(
            &verified,
            regions,
            &inputs,
            &mut machine,
            &clock,
            &mut Quiet,
        );
        assert_eq!(outcome.is_some(), required_words(roots) <= ROOM);
        if outcome.is_none() {
            return;
        }
        let regions = (&mut work[..], &mut area[..], &mut state);
        let report = write(
            &verified,
            regions,
            &Hit::default(),
            &mut machine,
            &kflat_engine::AnyProcessor,
        );
        let size = report.total_size as usize;
        if size > 0 {
            let words = area.iter().take(size.div_ceil(8));
            let mut bytes: Vec<u8> = words.flat_map(|word| word.to_le_bytes()).collect();
            bytes.truncate(size);
            let image = Image::open(bytes).expect("the engine writes images");
            assert!(image.warnings().is_empty(), "{:?}", image.warnings());
        }
    });
}

/// The same bytes as memory of the kernel and of the process.
struct Machine<'m> {
    memory: &'m [u8],
}

impl Machine<'_> {
    fn copy(
        &self,
        base: u64,
        address: u64,
        length: usize,
        words: &mut [u64],
    ) -> Result<(), Unreadable> {
        assert!(words.len() as u64 * 8 >= address % 8 + length as u64);
        let bytes = (address.checked_sub(base))
            .and_then(|at| self.memory.get(usize::try_from(at).ok()?..))
            .and_then(|tail| tail.get(..length))
            .ok_or(Unreadable)?;
        put_bytes(words, address, bytes);
        Ok(())
    }
}

impl Memory for Machine<'_> {
    fn read(&mut self, address: u64, length: usize, words: &mut [u64]) -> Result<(), Unreadable> {
        self.copy(KERNEL, address, length, words)
    }

    fn read_user(
        &mut self,
        address: u64,
        length: usize,
        words: &mut [u64],
    ) -> Result<(), Unreadable> {
        self.copy(USER, address, length, words)
    }

    fn allocation(&mut self, address: u64) -> Option<Range<u64>> {
        let start = address.checked_sub(KERNEL)? & !63;
        (start < 1 << 16).then(|| KERNEL + start..KERNEL + start + 64)
    }
}

impl Symbols for Machine<'_> {
    fn name(&mut self, address: u64, name: &mut [u8]) -> Option<usize> {
        let offset = address.checked_sub(FUNCTIONS).filter(|at| *at < 1 << 16)?;
        let text = format!("function+{offset:#x}");
        name.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Some(text.len())
    }
}

/// A clock that advances at each look, so that no capture is long.
struct Ticks(Cell<u64>);

impl Clock for Ticks {
    fn now_ns(&self) -> u64 {
        self.0.set(self.0.get() + 10_000_000);
        self.0.get()
    }
}
