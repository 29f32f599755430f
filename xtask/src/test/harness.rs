//! libunflatten as programs in C and C++ use it, built and run in the test root:
//! the headers under several compilers, every function, and the harness of
//! `examples/harness` under AddressSanitizer and libFuzzer.

use std::fs;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use super::Report;
use super::samples::Samples;
use crate::testroot::TestRoot;
use crate::{library, progress, workspace};

/// The root, and what was installed for it.
struct Place {
    root: TestRoot,
    /// Where the library is.
    prefix: PathBuf,
    /// Where programs go.
    out: PathBuf,
}

type Test = (&'static str, fn(&Place) -> Result<()>);

const TESTS: &[Test] = &[
    ("harness::unflatten_h_is_c11", c_header),
    ("harness::unflatten_hpp_is_cpp11_and_cpp17", cpp_header),
    ("harness::programs_in_c_use_every_function", c_interface),
    ("harness::programs_in_cpp_use_the_class", cpp_interface),
    (
        "harness::valgrind_finds_nothing_in_the_library",
        under_valgrind,
    ),
    ("harness::every_object_is_whole_and_reset", whole),
    ("harness::kernel_code_runs_on_a_captured_image", runs),
    (
        "harness::address_sanitizer_sees_where_captured_objects_end",
        sees_bounds,
    ),
    (
        "harness::libfuzzer_finds_a_bug_on_a_captured_image",
        finds_the_bug,
    ),
    (
        "harness::libfuzzer_finds_nothing_without_the_bug",
        finds_nothing_else,
    ),
];

/// Runs those whose name contains `filter`.
pub(super) fn run(filter: Option<&str>, report: &mut Report) {
    let chosen: Vec<&Test> = (TESTS.iter())
        .filter(|(name, _)| filter.is_none_or(|filter| name.contains(filter)))
        .collect();
    if chosen.is_empty() {
        return;
    }
    let start = Instant::now();
    let place = match prepare() {
        Ok(place) => place,
        Err(error) => return report.failed("what harnesses need", &format!("{error:#}")),
    };
    for (name, test) in chosen {
        match test(&place) {
            Ok(()) => report.passed(name),
            Err(error) => report.failed(name, &format!("{error:#}")),
        }
    }
    let took = progress::seconds(start.elapsed());
    progress::note(&format!("harnesses in C and C++: {took}"));
}

/// Tests with images that the guests left.
pub(super) fn run_on(samples: &Samples, report: &mut Report) {
    let name = "harness::every_object_of_the_guests_images_is_whole_and_reset";
    let result = prepare().and_then(|place| {
        let images = format!("{}/*.img", samples.directory().display());
        read_and_change(&place, &images)
    });
    match result {
        Ok(()) => report.passed(name),
        Err(error) => report.failed(name, &format!("{error:#}")),
    }
}

fn prepare() -> Result<Place> {
    let root = TestRoot::get()?;
    let out = workspace::target().join("test/harness");
    if out.exists() {
        fs::remove_dir_all(&out)?;
    }
    let prefix = out.join("prefix");
    library::run(&library::Options::below(&prefix))?;
    Ok(Place { root, prefix, out })
}

impl Place {
    /// A shell command in the test root, in `directory` of the checkout.
    fn shell(&self, directory: &str, script: &str) -> Result<Output> {
        let checkout = workspace::root();
        let settings = format!(
            "export PKG_CONFIG_PATH={0}/lib/pkgconfig LD_LIBRARY_PATH={0}/lib OUT={1} \
             ASAN_SYMBOLIZER_PATH=/usr/bin/addr2line\n",
            self.prefix.display(),
            self.out.display()
        );
        self.root
            .command(
                &checkout.join(directory),
                &[&checkout, &workspace::target()],
                ["/bin/sh", "-euc", &(settings + script)],
            )
            .stdin(Stdio::null())
            .output()
            .context("can't enter the test root")
    }

    /// The same; what it printed, if it succeeds.
    fn succeeds(&self, directory: &str, script: &str) -> Result<String> {
        let output = self.shell(directory, script)?;
        if !output.status.success() {
            bail!("{script}\nfailed ({}):\n{}", output.status, said(&output));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

fn said(output: &Output) -> String {
    let all = [output.stdout.as_slice(), &output.stderr].concat();
    String::from_utf8_lossy(&all).into_owned()
}

const WARNINGS: &str = "-Wall -Wextra -Wpedantic -Werror";

fn c_header(place: &Place) -> Result<()> {
    for compiler in ["gcc", "clang"] {
        for header in ["unflatten.h", "unflatten.hpp"] {
            let check = format!(
                "echo '#include <{header}>' | {compiler} -std=c11 {WARNINGS} -Wstrict-prototypes \
                 $(pkg-config --cflags unflatten) -fsyntax-only -x c -"
            );
            place.succeeds("", &check)?;
        }
    }
    Ok(())
}

fn cpp_header(place: &Place) -> Result<()> {
    for compiler in ["g++", "clang++"] {
        for standard in ["c++11", "c++17"] {
            let check = format!(
                "echo '#include <unflatten.hpp>' | {compiler} -std={standard} {WARNINGS} \
                 $(pkg-config --cflags unflatten) -fsyntax-only -x c++ -"
            );
            place.succeeds("", &check)?;
        }
    }
    Ok(())
}

const TESTED: &str = "crates/unflatten/tests/c";
const IMAGE: &str = "../../../../examples/harness/open_file.img";

/// With the shared library and with the static one.
fn c_interface(place: &Place) -> Result<()> {
    let build = format!("gcc -std=c11 -g {WARNINGS} interface.c $(pkg-config --cflags unflatten)");
    let script = format!(
        "{build} -o $OUT/interface $(pkg-config --libs unflatten)\n\
         {build} -o $OUT/interface-static -Wl,-Bstatic $(pkg-config --libs unflatten) \
         -Wl,-Bdynamic -lgcc_s\n\
         $OUT/interface {IMAGE}"
    );
    let printed = place.succeeds(TESTED, &script)?;
    // What the library prints comes in order with what the program prints.
    let lines: Vec<&str> = printed.lines().collect();
    ensure!(
        lines.first() == Some(&"before") && lines.last() == Some(&"after"),
        "{printed}"
    );
    ensure!(printed.contains("3 × struct dentry"), "{printed}");
    let alone = format!("env -u LD_LIBRARY_PATH $OUT/interface-static {IMAGE}");
    ensure!(place.succeeds(TESTED, &alone)? == printed);
    Ok(())
}

fn cpp_interface(place: &Place) -> Result<()> {
    for compiler in ["g++", "clang++"] {
        let script = format!(
            "{compiler} -std=c++17 -g {WARNINGS} -Wno-pessimizing-move interface.cc -o \
             $OUT/interface-cc $(pkg-config --cflags --libs unflatten)\n\
             $OUT/interface-cc {IMAGE}"
        );
        place.succeeds(TESTED, &script)?;
    }
    Ok(())
}

fn under_valgrind(place: &Place) -> Result<()> {
    let script = format!(
        "gcc -std=c11 -g interface.c -o $OUT/interface-valgrind \
         $(pkg-config --cflags --libs unflatten)\n\
         valgrind -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite \
         $OUT/interface-valgrind {IMAGE}"
    );
    place.succeeds(TESTED, &script).map(drop)
}

fn whole(place: &Place) -> Result<()> {
    read_and_change(place, IMAGE)
}

/// Reads and changes every object of `images`, of which there must be one.
fn read_and_change(place: &Place, images: &str) -> Result<()> {
    let script = format!(
        "clang -std=c11 -g -O1 {WARNINGS} -fsanitize=address,undefined objects.c \
         -o $OUT/objects $(pkg-config --cflags --libs unflatten)\n\
         for image in {images}; do $OUT/objects $image; done"
    );
    place.succeeds(TESTED, &script).map(drop)
}

const EXAMPLE: &str = "examples/harness";

/// Builds the example, with a bug if `bug` says so.
fn make(place: &Place, program: &str, bug: &str) -> Result<()> {
    let script = format!(
        "mkdir -p $OUT/{program}{bug}\n\
         make -s OUT=$OUT/{program}{bug} BUG='{bug}' $OUT/{program}{bug}/{program}"
    );
    place.succeeds(EXAMPLE, &script).map(drop)
}

const NO_BUG: &str = "";
const BUG: &str = "-DTRUST_LENGTH";
const PATH: &str = "/logs/a-log-file-whose-name-is-too-long-for-its-directory-entry.log";

fn runs(place: &Place) -> Result<()> {
    make(place, "run", NO_BUG)?;
    let printed = place.succeeds(EXAMPLE, "$OUT/run/run open_file.img")?;
    ensure!(printed == format!("{PATH}\n6 bytes\n"), "{printed}");
    // A length beyond the name does no harm.
    let printed = place.succeeds(EXAMPLE, "$OUT/run/run open_file.img 63")?;
    ensure!(printed.starts_with(PATH), "{printed}");
    Ok(())
}

/// Fails as AddressSanitizer does when a captured name is read beyond its end.
fn sees_overflow(output: &Output) -> Result<()> {
    let said = said(output);
    let is_seen = !output.status.success()
        && said.contains("heap-buffer-overflow")
        && said.contains("READ of size")
        && said.contains("path.c");
    ensure!(is_seen, "{}:\n{said}", output.status);
    Ok(())
}

fn sees_bounds(place: &Place) -> Result<()> {
    make(place, "run", BUG)?;
    let run = format!("$OUT/run{BUG}/run open_file.img");
    let printed = place.succeeds(EXAMPLE, &run)?;
    ensure!(printed.starts_with(PATH), "{printed}");
    // The name has 61 bytes and its NUL.
    place.succeeds(EXAMPLE, &format!("{run} 62"))?;
    sees_overflow(&place.shell(EXAMPLE, &format!("{run} 63"))?)
}

/// Runs the fuzzer; the same each time.
fn fuzz(place: &Place, bug: &str, runs: u32) -> Result<Output> {
    make(place, "fuzz", bug)?;
    let script = format!(
        "cp {EXAMPLE}/open_file.img $OUT/fuzz{bug}/\n\
         cd $OUT/fuzz{bug}\n\
         ./fuzz -runs={runs} -seed=1 -max_len=32 2>&1"
    );
    place.shell("", &script)
}

fn finds_the_bug(place: &Place) -> Result<()> {
    sees_overflow(&fuzz(place, BUG, 1_000_000)?)
}

fn finds_nothing_else(place: &Place) -> Result<()> {
    let output = fuzz(place, NO_BUG, 100_000)?;
    let said = said(&output);
    ensure!(
        output.status.success() && said.contains("Done 100000 runs"),
        "{}:\n{said}",
        output.status
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_tested_is_there() {
        let checkout = workspace::root();
        for directory in [TESTED, EXAMPLE] {
            assert!(checkout.join(directory).is_dir(), "{directory}");
        }
        assert!(checkout.join(TESTED).join(IMAGE).is_file());
    }
}
