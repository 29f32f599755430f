//! A machine to capture from: simulated memory, programs made by hand, and a
//! reader of images that shares no code with the writer.

pub(crate) mod kernel;
pub(crate) mod loader;
pub(crate) mod program;

use kflat_abi::extension::Hit;
use kflat_engine::{Inputs, Quiet, Report, capture, required_words, verify, write};

use kernel::Kernel;
use loader::Image;

/// Words of work region and area that are enough for every test.
pub(crate) const PLENTY: usize = 1 << 17;

/// Captures `program` with `arguments` and reads the image that comes of it.
pub(crate) fn run(
    kernel: &mut Kernel,
    program: &[u8],
    arguments: &[u64],
) -> (Report, Option<Image>) {
    run_in(kernel, program, arguments, PLENTY, PLENTY)
}

/// As [`run`], with so many words of work region and area.
pub(crate) fn run_in(
    kernel: &mut Kernel,
    program: &[u8],
    arguments: &[u64],
    work_words: usize,
    area_words: usize,
) -> (Report, Option<Image>) {
    let verified = verify(program).expect("the program is right");
    // Neither is cleared before a capture.
    let mut work = vec![0xdead_beef_dead_beef; work_words];
    let mut area = vec![0xa5a5_a5a5_a5a5_a5a5; area_words];
    let globals = kernel.globals.clone();
    let clock = kernel.clock.clone();
    let inputs = Inputs {
        arguments,
        current: kernel.current,
        globals: &globals,
    };
    let (_, _, roots) = verified.program().counts();
    assert!(work_words >= required_words(roots));
    capture(&verified, &mut work, &inputs, kernel, &clock, &mut Quiet).expect("enough memory");
    let hit = Hit {
        pid: 42,
        ..Hit::default()
    };
    let report = write(&verified, &mut work, &mut area, &hit, kernel);
    let bytes: Vec<u8> = area.iter().flat_map(|word| word.to_le_bytes()).collect();
    if report.total_size == 0 {
        assert!(area.first().is_none_or(|word| *word == 0), "no header");
        return (report, None);
    }
    assert_eq!(report.total_size, report.needed_size);
    let size = usize::try_from(report.total_size).expect("fits");
    let image = Image::read(&bytes[..size]);
    assert_eq!(image.hit.pid, 42);
    assert_eq!(
        image.diagnostics.len().min(1),
        report.diagnostics.min(1) as usize
    );
    (report, Some(image))
}
