//! Replays the corpora: what the fuzzers began with and what they found.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use kflat_fuzz_targets::TARGETS;

/// What one input may take, unoptimised, on a machine that is busy.
const LIMIT: Duration = Duration::from_secs(20);

#[test]
fn every_input_of_every_corpus_passes() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus");
    for (name, target) in TARGETS {
        let corpus = corpora.join(name);
        let mut inputs: Vec<_> = fs::read_dir(&corpus)
            .unwrap_or_else(|error| panic!("{}: {error}", corpus.display()))
            .map(|entry| entry.expect("an entry").path())
            .collect();
        inputs.sort();
        assert!(!inputs.is_empty(), "{name} has no corpus");
        for input in inputs {
            // The last line before a panic says which it was.
            println!("{}", input.display());
            let start = Instant::now();
            target(&fs::read(&input).expect("readable"));
            let took = start.elapsed();
            assert!(took < LIMIT, "{}: {took:?}", input.display());
        }
    }
}

#[test]
fn every_corpus_has_a_target() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus");
    for entry in fs::read_dir(corpora).expect("the corpora") {
        let name = entry.expect("an entry").file_name();
        let has_target = TARGETS.iter().any(|(target, _)| name == **target);
        assert!(has_target, "{}", name.display());
    }
}

/// `cargo test` does not build the fuzzers, which want a C++ compiler.
#[test]
fn every_target_has_a_fuzzer() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let manifest = fs::read_to_string(fuzz.join("Cargo.toml")).expect("a manifest");
    for (name, _) in TARGETS {
        let source = fs::read_to_string(fuzz.join(format!("fuzz_targets/{name}.rs")));
        let call = format!("kflat_fuzz_targets::{name}(data)");
        assert!(source.expect("a fuzzer").contains(&call), "{name}");
        let path = format!("path = \"fuzz_targets/{name}.rs\"");
        assert!(manifest.contains(&path), "{name}");
    }
}
