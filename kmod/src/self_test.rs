//! The module's self-tests (`KFLAT_TESTS`): what `crates/self_tests` describes, in
//! kernel memory. What they refer to beside it is here.

use core::sync::atomic::{AtomicU64, Ordering};

use kflat_abi::extension::MODE_TEST;
use kflat_engine::Clock;
use kflat_self_tests::memory::{Addresses, Allocator, MAX_ALLOCATIONS, Put, place};
use kflat_self_tests::{ALIGNMENT, GLOBAL_WORDS, PER_CPU_MARK, SelfTest, assemble, size};

use crate::alloc::Buffer;
use crate::clock::Monotonic;
use crate::error::{Error, Result};
use crate::ffi_memory as ffi;
use crate::module::module;
use crate::registry::Recipe;

/// What function pointers lead to ([`kflat_self_tests::FUNCTION`]).
#[unsafe(no_mangle)]
extern "C" fn kflat_self_test_function(value: u64) -> u64 {
    value.rotate_left(7) ^ 0x6b66_6c61_7400_0000
}

/// [`kflat_self_tests::GLOBAL`].
#[unsafe(no_mangle)]
static kflat_self_test_global: [u64; 4] = GLOBAL_WORDS;

/// [`kflat_self_tests::LOOKS`].
#[unsafe(no_mangle)]
static kflat_self_test_looks: AtomicU64 = AtomicU64::new(0);

/// The clock of a capture. That of a test counts how often it was looked at.
#[derive(Clone, Copy)]
pub(crate) struct CaptureClock {
    counts: bool,
}

impl CaptureClock {
    /// Of a capture with these `MODE_*` bits.
    pub(crate) fn of(mode: u32) -> Self {
        Self {
            counts: mode & MODE_TEST != 0,
        }
    }
}

impl Clock for CaptureClock {
    fn now_ns(&self) -> u64 {
        if self.counts {
            kflat_self_test_looks.fetch_add(1, Ordering::Relaxed);
        }
        Monotonic.now_ns()
    }
}

/// The recipe that captures a test's data. How the slab allocator describes its objects
/// only a recipe of a client can tell. `ENOMEM`.
pub(crate) fn recipe(test: &SelfTest) -> Result<Recipe> {
    let mut program = Buffer::new(size(test))?;
    assemble(test, module().registry.slabs(), &mut program);
    Recipe::new(program, Buffer::new(0)?).map_err(|_| Error::EINVAL)
}

/// A test's data in kernel memory.
pub(crate) struct Scene {
    _memory: Buffer<u64>,
    _allocations: [Option<Buffer<u64>>; MAX_ALLOCATIONS],
    addresses: Addresses,
}

impl Scene {
    /// `user` is where the process has the test's name. `ENOMEM`.
    pub(crate) fn build(test: &SelfTest, user: u64) -> Result<Self> {
        let mut memory = Buffer::<u64>::new(test.words + ALIGNMENT as usize / 8)?;
        let start = memory.as_ptr().addr() as u64;
        let base = start.next_multiple_of(ALIGNMENT);
        let mut allocations = [const { None }; MAX_ALLOCATIONS];
        let mut starts = [0; MAX_ALLOCATIONS];
        let places = allocations.iter_mut().zip(&mut starts);
        for (allocation, (place, start)) in test.allocations.iter().zip(places) {
            let buffer = match allocation.allocator {
                Allocator::Kmalloc => Buffer::<u64>::of_kmalloc(allocation.words),
                Allocator::Vmalloc => Buffer::of_vmalloc(allocation.words),
            }?;
            *start = buffer.as_ptr().addr() as u64;
            *place = Some(buffer);
        }
        let function: extern "C" fn(u64) -> u64 = kflat_self_test_function;
        let addresses = Addresses {
            memory: base,
            allocations: starts,
            // A constant address inside of a function would be a jump target without
            // ENDBR to objtool.
            function: core::hint::black_box(function as usize as u64),
            global: (&raw const kflat_self_test_global).addr() as u64,
            per_cpu: ffi::kflat_shim_cpu_self_test(PER_CPU_MARK),
            user,
        };
        kflat_self_test_looks.store(0, Ordering::Relaxed);
        let skipped = (base - start) as usize / 8;
        (test.build)(&mut Put::new(&mut |at, word| {
            let (allocation, at) = place(at as u64);
            let into = match allocation {
                None => memory.get_mut(skipped + at as usize),
                Some(index) => (allocations.get_mut(index).and_then(Option::as_mut))
                    .and_then(|buffer| buffer.get_mut(at as usize)),
            };
            if let Some(into) = into {
                *into = word.value(&addresses);
            }
        }));
        Ok(Self {
            _memory: memory,
            _allocations: allocations,
            addresses,
        })
    }

    /// The arguments of a function that is called with the data.
    pub(crate) fn arguments<'t>(&self, test: &'t SelfTest) -> impl Iterator<Item = u64> + use<'t> {
        let addresses = self.addresses;
        let words = test.arguments.iter();
        words.map(move |word| word.value(&addresses))
    }
}
