//! How a capture ended, as clients are told.

use kflat_abi::control::CaptureStatus;
use kflat_abi::extension as abi;
use kflat_engine::Report;

use crate::error::Error;

/// How a capture ended.
#[derive(Clone, Copy, Default)]
pub(crate) struct Outcome {
    pub(crate) report: Report,
    /// Which of the session's enabled recipes was hit, from 0.
    pub(crate) recipe: u32,
    /// Nanoseconds from the hit to the end of the copying.
    pub(crate) capture_ns: u64,
    /// Nanoseconds of writing the image.
    pub(crate) write_ns: u64,
    /// Nanoseconds for which the other CPUs were halted.
    pub(crate) pause_ns: u64,
}

impl Outcome {
    /// 0, or the positive errno that says how the capture ended.
    pub(crate) fn error(&self) -> u32 {
        self.errno().map_or(0, Error::number)
    }

    /// The same; `None`: the image holds all that the recipe asked for.
    pub(crate) fn errno(&self) -> Option<Error> {
        errno(self.report.reason)
    }

    /// Fills in what a client asks for.
    pub(crate) fn fill(&self, status: &mut CaptureStatus) {
        let report = &self.report;
        status.error = self.error();
        status.reason = report.reason;
        status.diagnostics = report.diagnostics;
        status.image_size = report.image_size;
        status.total_size = report.total_size;
        status.needed_size = report.needed_size;
        status.objects = report.objects;
        status.fragments = report.fragments;
        status.capture_ns = self.capture_ns;
        status.write_ns = self.write_ns;
        status.pause_ns = self.pause_ns;
        status.recipe = self.recipe;
    }
}

fn errno(reason: u32) -> Option<Error> {
    match reason {
        0 => None,
        abi::REASON_LIMIT_BYTES
        | abi::REASON_LIMIT_OBJECTS
        | abi::REASON_LIMIT_DEPTH
        | abi::REASON_LIMIT_ELEMENTS
        | abi::REASON_STRING_CUT
        | abi::REASON_NO_MEMORY
        | abi::REASON_AREA_TOO_SMALL => Some(Error::ENOMEM),
        abi::REASON_LIMIT_TIME => Some(Error::EAGAIN),
        abi::REASON_NO_GLOBAL | abi::REASON_NO_SYMBOL => Some(Error::ENOENT),
        abi::REASON_ATOMIC_CONTEXT => Some(Error::EDEADLK),
        _ => Some(Error::EFAULT),
    }
}

/// The reason in words, for the logs.
pub(crate) fn text(reason: u32) -> &'static str {
    match reason {
        0 => "complete",
        reason => abi::reason_text(reason),
    }
}
