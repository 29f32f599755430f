//! A session: an open device with an area, and at most one enabled recipe.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use kflat_abi::control::{CaptureStatus, EnableAlso, MAX_ENABLED};
use kflat_abi::uapi::{Disable, Enable, KFLAT_MMAP_FLATTEN, Tests};

use crate::access;
use crate::channel::{Memory, Readiness, Request};
use crate::device::{Device, errno, field, size_of_argument, unexpected, usize_of};
use crate::error::Error;
use crate::status::{State, Status};
use crate::target::obstacle;

/// How to enable a recipe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EnableOptions {
    /// Only calls by this process or thread, as this process sees its number;
    /// `None`: by any.
    pub pid: Option<i32>,
    /// Also write the debug log.
    pub debug: bool,
    /// Capture while all other CPUs are halted.
    pub stop_machine: bool,
    /// Do not execute the function; its caller gets 0.
    pub skip_body: bool,
    /// Capture at once, with no probe.
    pub run_now: bool,
}

/// How to run a test.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TestOptions {
    /// Also write the debug log.
    pub debug: bool,
    /// Capture while all other CPUs are halted.
    pub stop_machine: bool,
    /// Capture, but leave the area untouched.
    pub discard: bool,
}

/// How a capture ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// The function was called.
    pub invoked: bool,
    /// Bytes of the image in the area; 0: there is none.
    pub size: u64,
    /// 0, or a positive errno; with a size: the image is partial.
    pub error: i32,
}

/// An open device with an area.
pub struct Session {
    device: Device,
    area: Box<dyn Memory>,
}

impl Session {
    pub(crate) fn new(device: Device, area: u64) -> Result<Self, Error> {
        const PAGE: u64 = 4096;
        let what = || format!("an area of {area} bytes, and as much again to work in");
        let no_memory = || Error::NoMemory { what: what() };
        let size = area.max(1).checked_next_multiple_of(PAGE);
        let size = size.and_then(|size| usize::try_from(size).ok());
        let mapped = (device.channel).map(
            KFLAT_MMAP_FLATTEN.cast_signed(),
            size.ok_or_else(no_memory)?,
        );
        let area = mapped.map_err(|error| match errno(&error) {
            libc::ENOMEM | libc::EINVAL | libc::EOVERFLOW => no_memory(),
            libc::EPERM => Error::LockedDown {
                mode: access::lockdown_now(),
            },
            _ => unexpected("map an area")(error),
        })?;
        Ok(Self { device, area })
    }

    /// The device, for what needs no area.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Bytes of the area.
    #[must_use]
    pub fn area_size(&self) -> u64 {
        self.area.size() as u64
    }

    /// Arms the recipe `name`: the first call of its function captures.
    ///
    /// # Errors
    /// If there is no such recipe or process, the process has an enabled recipe,
    /// the function can't be probed, or memory is short.
    pub fn enable(&self, name: &str, options: &EnableOptions) -> Result<(), Error> {
        let request = Enable {
            pid: options.pid.unwrap_or(0),
            target_name: field(name, "recipe")?,
            debug_flag: options.debug.into(),
            use_stop_machine: options.stop_machine.into(),
            skip_function_body: options.skip_body.into(),
            run_recipe_now: options.run_now.into(),
        };
        let enabled = self.device.channel.carry_out(Request::Enable(&request));
        enabled.map(|_| ()).map_err(|error| match errno(&error) {
            libc::ENOENT => self.device.unknown_recipe(name),
            libc::EBUSY => match options.pid {
                Some(pid) if self.status().is_ok_and(|now| now.state == State::Idle) => {
                    Error::ProcessBusy { pid }
                }
                _ => Error::SessionBusy,
            },
            libc::ESRCH => Error::NoProcess { pid: request.pid },
            libc::EINVAL => Error::NotSo {
                target: name.to_owned(),
            },
            libc::EFAULT => Error::Unprobeable {
                target: name.to_owned(),
                obstacle: obstacle(name),
            },
            libc::ENOMEM => Error::NoMemory {
                what: format!("a capture into an area of {} bytes", self.area.size()),
            },
            libc::EPERM => Error::LockedDown {
                mode: access::lockdown_now(),
            },
            _ => unexpected("enable the recipe")(error),
        })
    }

    /// Arms one more recipe beside the enabled one, for the same process and with the
    /// same options: the first of them to be hit captures. False: one was hit already.
    ///
    /// # Errors
    /// If nothing is enabled, there is no such recipe, its function can't be probed or
    /// not with these options, there are too many recipes, or memory is short.
    pub fn enable_also(&self, name: &str) -> Result<bool, Error> {
        let request = EnableAlso {
            size: size_of_argument::<EnableAlso>(),
            name: field(name, "recipe")?,
            ..EnableAlso::zeroed()
        };
        let enabled = (self.device.channel).carry_out(Request::EnableAlso(&request));
        match enabled {
            Ok(_) => Ok(true),
            Err(error) => match errno(&error) {
                libc::EBUSY => Ok(false),
                libc::ENOENT => Err(self.device.unknown_recipe(name)),
                libc::EFAULT => Err(Error::Unprobeable {
                    target: name.to_owned(),
                    obstacle: obstacle(name),
                }),
                libc::ENOSPC => Err(Error::TooManyEnabled { most: MAX_ENABLED }),
                libc::EINVAL => Err(Error::NotSo {
                    target: name.to_owned(),
                }),
                libc::ENOMEM => Err(Error::NoMemory {
                    what: format!("one more recipe, {name}"),
                }),
                _ => Err(unexpected("enable one more recipe")(error)),
            },
        }
    }

    /// Waits until the capture has ended, well or not; false: it has not within
    /// `timeout`. What it came to [`Session::disable`] and [`Session::status`]
    /// say.
    ///
    /// # Errors
    /// [`Error::Interrupted`] by a signal.
    pub fn wait(&self, timeout: Option<Duration>) -> Result<bool, Error> {
        let ready = self.device.channel.poll(timeout);
        let ready = ready.map_err(unexpected("be waited for"))?;
        Ok(ready != Readiness::TimedOut)
    }

    /// Disarms the recipe, waits for a capture that is going on, and reports.
    ///
    /// # Errors
    /// If no recipe is enabled.
    pub fn disable(&self) -> Result<Report, Error> {
        let mut report = Disable::zeroed();
        let disabled = self.device.channel.carry_out(Request::Disable(&mut report));
        disabled.map_err(unexpected("disable a recipe, as none is enabled"))?;
        Ok(Report {
            invoked: report.invoked != 0,
            size: report.size,
            error: report.error,
        })
    }

    /// How the capture stands, or how the latest one ended.
    ///
    /// # Errors
    /// If the module does not answer.
    pub fn status(&self) -> Result<Status, Error> {
        let mut status = CaptureStatus {
            size: size_of_argument::<CaptureStatus>(),
            ..CaptureStatus::zeroed()
        };
        let asked = self.device.channel.carry_out(Request::Status(&mut status));
        asked.map_err(unexpected("tell how the capture stands"))?;
        Ok(status.into())
    }

    /// A copy of the image that `report` tells of.
    #[must_use]
    pub fn captured(&self, report: &Report) -> Vec<u8> {
        let size = usize_of(report.size).min(self.area.size());
        let mut image = vec![0; size];
        self.area.copy(0, &mut image);
        image
    }

    /// Has the module build known data and capture it.
    ///
    /// # Errors
    /// If there is no such test, the area is too small, or the test can't be run
    /// so.
    pub fn run_test(&self, name: &str, options: &TestOptions) -> Result<Report, Error> {
        let request = Tests {
            debug_flag: options.debug.into(),
            use_stop_machine: options.stop_machine.into(),
            skip_memcpy: options.discard.into(),
            test_name: field(name, "test")?,
        };
        let ran = self.device.channel.carry_out(Request::Test(&request));
        let size = ran.map_err(|error| match errno(&error) {
            libc::ENOENT => Error::UnknownTest {
                name: name.to_owned(),
                tests: self.device.list_tests().unwrap_or_default(),
            },
            libc::ENOMEM => Error::AreaTooSmall,
            libc::EBUSY => Error::SessionBusy,
            libc::EINVAL if options.stop_machine => Error::NeedsProcess {
                test: name.to_owned(),
            },
            _ => unexpected("run the test")(error),
        })?;
        Ok(Report {
            invoked: true,
            size: if options.discard { 0 } else { size },
            error: 0,
        })
    }
}

impl AsFd for Session {
    /// Readable when an image is complete, in error when the capture failed.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.device.channel.fd()
    }
}
