//! A machine to capture from: simulated memory, programs made by hand, and a
//! reader of images that shares no code with the writer.

pub(crate) mod faithful;
pub(crate) mod kernel;
pub(crate) mod loader;
pub(crate) mod program;
pub(crate) mod random;

use kflat_abi::extension::Hit;
use kflat_engine::{
    AnyProcessor, Inputs, Quiet, Report, State, capture, required_words, verify, write,
};

use kernel::Kernel;
use loader::Image;

/// What is in an area that nobody has used.
const UNUSED: u64 = 0xa5a5_a5a5_a5a5_a5a5;

/// Words of work region and area that are enough for every test.
pub(crate) const PLENTY: usize = 1 << 16;

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
    let mut area = vec![UNUSED; area_words];
    let globals = kernel.globals.clone();
    let per_cpu = kernel.per_cpu.clone();
    let clock = kernel.clock.clone();
    let inputs = Inputs {
        arguments,
        current: kernel.current,
        globals: &globals,
        returned: kernel.returned,
        cpu: kernel.cpu,
        per_cpu: &per_cpu,
    };
    let (_, _, roots) = verified.program().counts();
    assert!(work_words >= required_words(roots));
    let mut state = State::new();
    let regions = (&mut work[..], &mut area[..], &mut state);
    capture(&verified, regions, &inputs, kernel, &clock, &mut Quiet).expect("enough memory");
    let hit = Hit {
        pid: 42,
        ..Hit::default()
    };
    let report = write(
        &verified,
        (&mut work, &mut area, &mut state),
        &hit,
        kernel,
        &AnyProcessor,
    );
    if report.total_size == 0 {
        assert!(area.first().is_none_or(|word| *word == 0), "no header");
        return (report, None);
    }
    assert!(report.total_size <= report.needed_size);
    let size = usize::try_from(report.total_size).expect("fits");
    let (image, rest) = area.split_at(size.div_ceil(8));
    let mut bytes: Vec<u8> = image.iter().flat_map(|word| word.to_le_bytes()).collect();
    assert!(bytes.drain(size..).all(|byte| byte == 0), "no remains");
    let old = rest.iter().position(|word| *word == UNUSED);
    let (used, unused) = rest.split_at(old.unwrap_or(rest.len()));
    assert!(used.iter().all(|word| *word == 0), "no remains");
    let other = unused.iter().position(|word| *word != UNUSED);
    assert_eq!(
        other,
        None,
        "nothing else of {} words after {old:?}",
        rest.len()
    );
    let image = Image::read(&bytes);
    assert_eq!(image.hit.pid, 42);
    assert_eq!(
        image.diagnostics.len().min(1),
        report.diagnostics.min(1) as usize
    );
    (report, Some(image))
}
