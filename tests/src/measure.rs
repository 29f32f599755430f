//! What captures cost in a kernel. Where the guest counts instructions, a nanosecond is
//! one of them.
//!
//! Each is done a few times, and the least is told: what comes in between, such as the
//! timer's interrupt, is none of ours.

use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use kflat_abi::control::CaptureStatus;
use kflat_abi::uapi::KFLAT_MMAP_FLATTEN;

use crate::facts::call;
use crate::program::{Recipe, list, pointer};
use crate::session::{Options, Session};
use crate::world::TARGET;

const LIST: &str = "kflat_test:kflat_test_list";
const AREA: u64 = 128 << 20;
/// `KFLAT_TEST_ITEMS`.
const ITEMS: u64 = 100_000;
const TIMES: usize = 3;

// Members of `struct kflat_test_list` and `struct item`.
const FIRST: u32 = 0;
const HEAD: u32 = 8;
const NEXT: u32 = 0;
const LINK: u32 = 8;

/// Prints one line `measure NAME VALUE` for each figure, at the end.
pub(crate) fn measure() -> ExitCode {
    match figures() {
        Ok(lines) => {
            print!("{lines}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn figures() -> Result<String> {
    let session = Session::open()?;
    let _area = session.map(AREA, KFLAT_MMAP_FLATTEN)?;
    let mut lines = String::new();
    let mut tell = |name: &str, value: u64| lines.push_str(&format!("measure {name} {value}\n"));

    let smallest = Recipe::new(TARGET)
        .ty("u64", 8, &[])
        .argument("world", 0, 0);
    session.load(&smallest.build())?;
    let atomic = several(&session, TARGET, "irqs_off", false, 1)?;
    tell("smallest_capture", least(&atomic, |c| c.capture_ns)?);
    tell("smallest_write", least(&atomic, |c| c.write_ns)?);
    let halted = several(&session, TARGET, "process", true, 1)?;
    tell("smallest_pause", least(&halted, |c| c.pause_ns)?);
    session.unload(TARGET)?;

    tell("zero_pool", zero_pool()?);

    let item = |recipe: Recipe| {
        recipe
            .ty("struct item", 64, &[pointer(NEXT, 1)])
            .argument("list", 0, 0)
    };
    let chain = item(Recipe::new(LIST).ty("struct kflat_test_list", 32, &[pointer(FIRST, 1)]));
    let circle = Recipe::new(LIST)
        .ty("struct kflat_test_list", 32, &[list(HEAD, 1, LINK)])
        .ty("struct item", 64, &[])
        .linked()
        .argument("list", 0, 0);
    for (shape, recipe) in [("chain", &chain), ("list", &circle)] {
        session.load(&recipe.build())?;
        for case in ["apart", "touching"] {
            let captures = several(&session, LIST, &format!("list_{case}"), false, ITEMS + 1)?;
            let name = |what| format!("{shape}_{case}_{what}");
            tell(&name("capture"), least(&captures, |c| c.capture_ns)?);
            tell(&name("write"), least(&captures, |c| c.write_ns)?);
        }
        let halted = several(&session, LIST, "list_sleeping", true, ITEMS + 1)?;
        tell(&format!("{shape}_pause"), least(&halted, |c| c.pause_ns)?);
        session.unload(LIST)?;
    }
    Ok(lines)
}

fn several(
    session: &Session,
    target: &str,
    case: &str,
    stop_machine: bool,
    objects: u64,
) -> Result<Vec<CaptureStatus>> {
    let once = || {
        let options = Options {
            stop_machine,
            ..Options::default()
        };
        session.enable(target, options)?;
        call(case)?;
        session.disable()?;
        let status = session.status()?;
        ensure!(
            status.error == 0 && status.objects == objects,
            "{case}: reason {}, {} objects",
            status.reason,
            status.objects
        );
        Ok(status)
    };
    (0..TIMES).map(|_| once()).collect()
}

fn least(captures: &[CaptureStatus], of: impl Fn(&CaptureStatus) -> u64) -> Result<u64> {
    captures.iter().map(of).min().context("no capture")
}

fn zero_pool() -> Result<u64> {
    let result = call("zero")?;
    let number = result
        .lines()
        .find_map(|line| line.strip_prefix("zeroed "))
        .with_context(|| format!("the test module says {result}"))?;
    Ok(number.parse()?)
}
