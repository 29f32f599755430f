//! The client over a module that is made of these few lines.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::time::Duration;

use kflat_abi::control::{STATE_ARMED, STATE_IDLE};
use kflat_abi::program;

use crate::channel::{Channel, Memory, Readiness, Request};
use crate::{Device, EnableOptions, Error, Range, Session, State, TestOptions};

/// Answers as a module in some state does.
#[derive(Default)]
struct Module {
    /// What the next calls fail with.
    errnos: VecDeque<i32>,
    recipes: Vec<&'static str>,
    program: Vec<u8>,
    state: u32,
    version: Option<u32>,
    enabled: Vec<(String, i32)>,
}

#[derive(Clone, Default)]
struct Fake(Rc<RefCell<Module>>);

struct Words(Vec<u8>);

impl Memory for Words {
    fn size(&self) -> usize {
        self.0.len()
    }

    fn copy(&self, at: usize, into: &mut [u8]) {
        let length = into.len();
        into.copy_from_slice(&self.0[at..at + length]);
    }
}

fn text(field: &[u8]) -> String {
    let end = field.iter().position(|byte| *byte == 0).unwrap();
    String::from_utf8(field[..end].to_vec()).unwrap()
}

impl Channel for Fake {
    fn carry_out(&self, request: Request<'_>) -> io::Result<u64> {
        let mut module = self.0.borrow_mut();
        let failure = match request {
            Request::Version(_) | Request::Recipes(..) | Request::Status(_) => None,
            _ => module.errnos.pop_front(),
        };
        let failure = failure.map(io::Error::from_raw_os_error);
        match request {
            Request::Version(version) => {
                version.program_version = module.version.unwrap_or(program::VERSION);
            }
            Request::Recipes(argument, names) => {
                let all: Vec<u8> = (module.recipes.iter())
                    .flat_map(|name| name.bytes().chain([0]))
                    .collect();
                argument.needed = all.len() as u64;
                match names.get_mut(..all.len()) {
                    Some(room) => room.copy_from_slice(&all),
                    None => return Err(io::Error::from_raw_os_error(libc::ENOSPC)),
                }
            }
            Request::Load(argument, ..) if failure.is_some() => {
                argument.rejection = program::REJECTED_OFFSET;
                argument.rejected_at = 8;
            }
            Request::Describe(argument, program, attachment) if failure.is_none() => {
                let fits = program.len() >= module.program.len();
                argument.program_size = module.program.len() as u64;
                argument.attachment_size = 0;
                assert!(attachment.is_empty());
                if !fits {
                    return Err(io::Error::from_raw_os_error(libc::ENOSPC));
                }
                program.copy_from_slice(&module.program);
            }
            Request::Enable(argument) if failure.is_none() => {
                let enabled = (text(&argument.target_name), argument.pid);
                module.enabled.push(enabled);
            }
            Request::EnableAlso(argument) if failure.is_none() => {
                module.enabled.push((text(&argument.name), 0));
            }
            Request::MemoryMap(buffer) if failure.is_none() => {
                buffer[..4].copy_from_slice(&1u32.to_le_bytes());
                buffer[4..12].copy_from_slice(&0xffff_0000u64.to_le_bytes());
                buffer[12..20].copy_from_slice(&0xffff_0fffu64.to_le_bytes());
            }
            Request::Status(status) => status.state = module.state,
            Request::Disable(report) => {
                report.invoked = 1;
                report.size = 8;
            }
            Request::Test(_) => return failure.map_or(Ok(16), Err),
            _ => {}
        }
        failure.map_or(Ok(0), Err)
    }

    fn map(&self, _: i64, size: usize) -> io::Result<Box<dyn Memory>> {
        match self.0.borrow_mut().errnos.pop_front() {
            Some(errno) => Err(io::Error::from_raw_os_error(errno)),
            None => Ok(Box::new(Words((0..size).map(|at| at as u8).collect()))),
        }
    }

    fn poll(&self, _: Option<Duration>) -> io::Result<Readiness> {
        Ok(Readiness::TimedOut)
    }

    fn read(&self, _: &mut [u8]) -> io::Result<usize> {
        Ok(0)
    }

    fn fd(&self) -> BorrowedFd<'_> {
        unreachable!("nobody waits here")
    }
}

impl Fake {
    fn failing_with(errno: i32) -> Self {
        let fake = Self::default();
        fake.0.borrow_mut().errnos.push_back(errno);
        fake
    }

    fn device(&self) -> Device {
        Device::over(Box::new(self.clone())).unwrap()
    }

    /// With an area that could be mapped.
    fn session(&self) -> Session {
        let errnos = std::mem::take(&mut self.0.borrow_mut().errnos);
        let session = self.device().session(100).unwrap();
        self.0.borrow_mut().errnos = errnos;
        session
    }
}

fn for_process(pid: i32) -> EnableOptions {
    EnableOptions {
        pid: Some(pid),
        ..EnableOptions::default()
    }
}

#[test]
fn a_capture_from_end_to_end() {
    let fake = Fake::default();
    let session = fake.session();
    assert_eq!(session.area_size(), 4096);
    session.enable("vfs_read", &for_process(7)).unwrap();
    assert_eq!(fake.0.borrow().enabled, [("vfs_read".to_owned(), 7)]);
    assert!(!session.wait(Some(Duration::ZERO)).unwrap());
    let report = session.disable().unwrap();
    assert!(report.invoked);
    assert_eq!(session.captured(&report), [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(session.status().unwrap().state, State::Idle);
}

#[test]
fn refusals_to_enable_say_what_to_do() {
    let refusal = |errno, state, options: &EnableOptions| {
        let fake = Fake::failing_with(errno);
        fake.0.borrow_mut().recipes = vec!["vfs_write"];
        let session = fake.session();
        fake.0.borrow_mut().state = state;
        session.enable("vfs_read", options).unwrap_err().to_string()
    };
    let any = EnableOptions::default();
    let unknown = refusal(libc::ENOENT, STATE_IDLE, &any);
    assert_eq!(
        unknown,
        "no recipe `vfs_read` is loaded (loaded: vfs_write)"
    );
    let gone = refusal(libc::ESRCH, STATE_IDLE, &for_process(7));
    assert_eq!(gone, "there is no process 7");
    let busy = refusal(libc::EBUSY, STATE_IDLE, &for_process(7));
    assert!(busy.starts_with("process 7 has a recipe"), "{busy}");
    let busy = refusal(libc::EBUSY, STATE_ARMED, &for_process(7));
    assert!(busy.starts_with("this session has a recipe"), "{busy}");
    let memory = refusal(libc::ENOMEM, STATE_IDLE, &any);
    assert!(memory.contains("smaller area"), "{memory}");
    let locked = refusal(libc::EPERM, STATE_IDLE, &any);
    assert!(locked.contains("lockdown"), "{locked}");
    let not_so = refusal(libc::EINVAL, STATE_IDLE, &any);
    assert!(not_so.contains("tracepoint"), "{not_so}");
    let other = refusal(libc::EIO, STATE_IDLE, &any);
    assert_eq!(other, "the module can't enable the recipe");
}

#[test]
fn several_recipes_wait_side_by_side() {
    let fake = Fake::default();
    let session = fake.session();
    session.enable("vfs_read", &for_process(7)).unwrap();
    assert!(session.enable_also("vfs_write").unwrap());
    let enabled = fake.0.borrow().enabled.clone();
    assert_eq!(enabled.last(), Some(&("vfs_write".to_owned(), 0)));
    // The first one was faster.
    fake.0.borrow_mut().errnos.push_back(libc::EBUSY);
    assert!(!session.enable_also("vfs_write").unwrap());
    for (errno, said) in [
        (libc::ENOENT, "no recipe `f` is loaded"),
        (libc::EINVAL, "`f` can't be captured so"),
        (libc::ENOSPC, "16 recipes"),
        (libc::ENOMEM, "no memory for one more recipe, f"),
        (libc::EIO, "can't enable one more recipe"),
    ] {
        fake.0.borrow_mut().errnos.push_back(errno);
        let refused = session.enable_also("f").unwrap_err().to_string();
        assert!(refused.contains(said), "{refused}");
    }
    let long = "f".repeat(128);
    assert!(matches!(
        session.enable_also(&long),
        Err(Error::BadName { .. })
    ));
}

#[test]
fn names_that_no_recipe_can_have_are_not_sent() {
    let session = Fake::default().session();
    let long = "f".repeat(128);
    for name in ["", "f\0", long.as_str()] {
        let refused = session.enable(name, &EnableOptions::default());
        assert!(matches!(refused, Err(Error::BadName { .. })), "{name:?}");
    }
    session
        .enable(&long[1..], &EnableOptions::default())
        .unwrap();
}

#[test]
fn a_rejection_names_its_place() {
    let device = Fake::failing_with(libc::EINVAL).device();
    let Err(Error::Rejected(rejection)) = device.load_recipe(&[0; 8], &[]) else {
        panic!("not rejected");
    };
    assert_eq!(
        rejection.to_string(),
        "a member lies outside its type, at the header"
    );
}

#[test]
fn lists_and_recipes_of_any_length_are_read_whole() {
    let fake = Fake::default();
    fake.0.borrow_mut().recipes = vec!["a_recipe_for_some_function"; 1000];
    fake.0.borrow_mut().program = vec![1; 5000];
    let device = fake.device();
    assert_eq!(device.list_recipes().unwrap().len(), 1000);
    assert_eq!(device.describe("f").unwrap().program.len(), 5000);
}

#[test]
fn the_memory_map_grows_with_the_machine() {
    let device = Fake::failing_with(libc::ENOSPC).device();
    let ranges = device.memory_map().unwrap();
    let range = Range {
        start: 0xffff_0000,
        last: 0xffff_0fff,
    };
    assert_eq!(ranges, [range]);
}

#[test]
fn areas_that_no_memory_can_hold_are_refused() {
    let too_large = Fake::default().device().session(u64::MAX);
    assert!(matches!(too_large, Err(Error::NoMemory { .. })));
    let no_memory = Fake::failing_with(libc::ENOMEM).device().session(1);
    assert!(matches!(no_memory, Err(Error::NoMemory { .. })));
}

#[test]
fn another_version_of_the_module_is_not_used() {
    let fake = Fake::default();
    fake.0.borrow_mut().version = Some(program::VERSION + 1);
    let other = Device::over(Box::new(fake));
    assert!(matches!(other, Err(Error::OtherVersion { .. })));
}

#[test]
fn tests_of_the_module_are_told_apart() {
    let session = Fake::default().session();
    let report = session.run_test("LIST", &TestOptions::default()).unwrap();
    assert_eq!(report.size, 16);
    let session = Fake::failing_with(libc::ENOENT).session();
    let unknown = session.run_test("LIST", &TestOptions::default());
    assert!(matches!(unknown, Err(Error::UnknownTest { .. })));
}

#[test]
fn kernel_memory_is_read_by_address() {
    let device = Device::over(Box::new(Fake::default())).unwrap();
    let memory = device.kernel_memory().unwrap();
    let mut bytes = [0; 4];
    assert!(memory.read(0xffff_0003, &mut bytes));
    assert_eq!(bytes, [3, 4, 5, 6]);
    assert!(memory.read(0xffff_0ffc, &mut bytes));
    for outside in [0xffff_0ffd, 0xfffe_ffff, 0, u64::MAX - 1] {
        assert!(!memory.read(outside, &mut bytes), "{outside:#x}");
    }
}
