//! Checksums by the processor's instruction, where it has one. C: `shim/kernel.c`,
//! `<asm/cpufeature.h>`.

use core::arch::asm;

use kflat_abi::crc32c::crc32c_words_by;
use kflat_engine::{AnyProcessor, Processor};

use crate::ffi;

/// Checksums in the kernel, which saves no vector registers for them.
pub(crate) struct ThisProcessor;

impl Processor for ThisProcessor {
    fn crc32c(&self, words: &[u64]) -> u32 {
        if !ffi::kflat_shim_has_crc32() {
            return AnyProcessor.crc32c(words);
        }
        crc32c_words_by(words, |crc, word| {
            let mut crc = u64::from(crc);
            // SAFETY: The processor has the instruction, as was asked above. It changes
            // nothing but its general register.
            unsafe {
                asm!(
                    "crc32 {crc}, {word}",
                    crc = inout(reg) crc,
                    word = in(reg) word,
                    options(pure, nomem, nostack, preserves_flags),
                );
            }
            crc as u32
        })
    }
}
