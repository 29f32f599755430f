//! Notes what was not captured, and why.

use kflat_abi::extension::{self as abi, Diagnostic};

use crate::environment::{Event, Trace};
use crate::work::Work;

/// Where the capture stands when something is missing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// The object, or `abi::extension::NO_OBJECT`.
    pub(crate) object: u32,
    /// The action, or for `NO_OBJECT` the root.
    pub(crate) via: u32,
    /// The element of the object.
    pub(crate) element: u32,
}

/// Notes `reason`; the first one is what the capture reports, unless one that
/// ends it follows.
#[cold]
#[inline(never)]
pub(crate) fn note(
    work: &mut Work<'_>,
    trace: &mut impl Trace,
    place: Place,
    reason: u32,
    address: u64,
    detail: u64,
) {
    trace.event(Event::Missing {
        reason,
        address,
        detail,
    });
    if work.state.reason == 0 && reason != abi::REASON_NO_SYMBOL {
        work.state.reason = reason;
    }
    let index = work.state.diagnostics;
    if index >= work.state.diagnostics_room {
        work.state.dropped = work.state.dropped.saturating_add(1);
        return;
    }
    let at = work.diagnostic_at(index);
    let words = [
        address,
        u64::from(place.object) << 32 | u64::from(reason),
        u64::from(place.element) << 32 | u64::from(place.via),
        detail,
        0,
    ];
    for (offset, word) in words.into_iter().enumerate() {
        work.set(at + offset, word);
    }
    work.state.diagnostics = index + 1;
}

/// Notes `reason` and ends the capture.
#[cold]
#[inline(never)]
pub(crate) fn stop(
    work: &mut Work<'_>,
    trace: &mut impl Trace,
    place: Place,
    reason: u32,
    address: u64,
    detail: u64,
) {
    note(work, trace, place, reason, address, detail);
    if !work.state.stopped {
        work.state.reason = reason;
        work.state.stopped = true;
    }
}

/// The record of the diagnostics that had no room.
pub(crate) fn dropped(count: u32) -> Diagnostic {
    Diagnostic {
        reason: abi::REASON_DIAGNOSTICS_DROPPED,
        object: abi::NO_OBJECT,
        via: abi::NO_OBJECT,
        detail: u64::from(count),
        ..Diagnostic::default()
    }
}
