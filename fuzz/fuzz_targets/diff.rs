#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kflat_fuzz_targets::diff(data));
