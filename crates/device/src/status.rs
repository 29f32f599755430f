//! How a session's capture stands.

use std::time::Duration;

use kflat_abi::control::{self as abi, CaptureStatus};

use crate::reason::Reason;

/// How far a capture is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing was enabled, or it was disabled before a hit.
    Idle,
    /// Waiting for the probe to fire.
    Armed,
    /// The probe fired; the image is not complete yet.
    Capturing,
    /// An image is in the area.
    Ready,
    /// The capture failed; there is no image.
    Failed,
}

/// How a session's capture stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// How far it is.
    pub state: State,
    /// What stopped or thinned it.
    pub reason: Option<Reason>,
    /// How many things were not captured.
    pub diagnostics: u32,
    /// Bytes of the image.
    pub image_size: u64,
    /// Bytes in the area, the extension included.
    pub total_size: u64,
    /// Bytes that the area would have needed, as far as is known.
    pub needed_size: u64,
    /// Objects captured.
    pub objects: u64,
    /// Fragments in the image.
    pub fragments: u64,
    /// From the hit to the end of the copying.
    pub copying: Duration,
    /// Sorting and writing the image.
    pub writing: Duration,
    /// For how long the other CPUs were halted.
    pub pause: Duration,
    /// How often the probe was hit by a process that it was not for, or too late.
    pub missed: u64,
    /// Which recipe was hit: 0 is that of [`Session::enable`](crate::Session::enable),
    /// then those of [`Session::enable_also`](crate::Session::enable_also) in their
    /// order.
    pub recipe: u32,
    /// Calls by the process that did not fit their recipe's condition.
    pub unfit: u64,
    /// How many of these could not be told, because the condition reads memory that
    /// can't be read.
    pub uncomputed: u32,
    /// Calls that fitted, but came before the one that the recipe asks for.
    pub early: u64,
}

impl From<CaptureStatus> for Status {
    fn from(status: CaptureStatus) -> Self {
        Self {
            state: match status.state {
                abi::STATE_ARMED => State::Armed,
                abi::STATE_CAPTURING => State::Capturing,
                abi::STATE_READY => State::Ready,
                abi::STATE_FAILED => State::Failed,
                _ => State::Idle,
            },
            reason: (status.reason != 0).then_some(Reason(status.reason)),
            diagnostics: status.diagnostics,
            image_size: status.image_size,
            total_size: status.total_size,
            needed_size: status.needed_size,
            objects: status.objects,
            fragments: status.fragments,
            copying: Duration::from_nanos(status.capture_ns),
            writing: Duration::from_nanos(status.write_ns),
            pause: Duration::from_nanos(status.pause_ns),
            missed: status.missed,
            recipe: status.recipe,
            unfit: status.unfit,
            uncomputed: status.uncomputed,
            early: status.early,
        }
    }
}
