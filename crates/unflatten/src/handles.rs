//! Handles are numbers, not addresses: one that was never given out, or was given
//! back, is told from one that is in use, and never followed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::instance::Instance;
use crate::status::{Failure, Status};

/// The first handle; no address of x86_64 or arm64, so that code which takes it
/// for one ends at once.
const FIRST: usize = 0x0fa7_0000_0000_0000;

static HANDLES: Mutex<Handles> = Mutex::new(Handles {
    given: 0,
    live: BTreeMap::new(),
});

struct Handles {
    given: usize,
    live: BTreeMap<usize, Arc<Slot>>,
}

struct Slot {
    /// The thread that is in a call, or 0.
    owner: AtomicUsize,
    instance: Mutex<Instance>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic left nothing half done here; an instance is emptied after one.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tells the threads apart.
fn this_thread() -> usize {
    thread_local!(static HERE: u8 = const { 0 });
    HERE.with(|here| std::ptr::from_ref(here).addr())
}

/// A new handle.
pub(crate) fn open(instance: Instance) -> usize {
    let mut handles = lock(&HANDLES);
    handles.given += 1;
    let handle = FIRST + handles.given * 16;
    let slot = Slot {
        owner: AtomicUsize::new(0),
        instance: Mutex::new(instance),
    };
    handles.live.insert(handle, Arc::new(slot));
    handle
}

/// Gives a handle back; nothing happens if it is none.
pub(crate) fn close(handle: usize) {
    let removed = lock(&HANDLES).live.remove(&handle);
    drop(removed);
}

/// Runs `call` on what `handle` stands for. One thread is in a call at a time; the
/// others wait.
///
/// # Errors
/// If it is no handle, the caller is in a call already, or `call` fails.
pub(crate) fn with<T>(
    handle: usize,
    call: impl FnOnce(&mut Instance) -> Result<T, Failure>,
) -> Result<T, Status> {
    let slot = (lock(&HANDLES).live.get(&handle).cloned()).ok_or(Status::InvalidArgument)?;
    let here = this_thread();
    if slot.owner.load(Ordering::Relaxed) == here {
        // A resolver that calls back.
        return Err(Status::InvalidArgument);
    }
    let mut instance = lock(&slot.instance);
    let _entered = Entered::by(&slot.owner, here);
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| call(&mut instance)));
    match result {
        Ok(Ok(value)) => {
            instance.succeeded();
            Ok(value)
        }
        Ok(Err(failure)) => Err(instance.failed(&failure)),
        Err(_) => {
            instance.unload();
            Err(instance.failed(&Failure::Status(Status::Internal)))
        }
    }
}

/// Asks `look` about what `handle` stands for; that is no call that ends somehow.
/// `None`: it is no handle, or the caller is in a call.
pub(crate) fn peek<T>(handle: usize, look: impl FnOnce(&Instance) -> T) -> Option<T> {
    let slot = lock(&HANDLES).live.get(&handle).cloned()?;
    (slot.owner.load(Ordering::Relaxed) != this_thread()).then(|| look(&lock(&slot.instance)))
}

/// Says who is in a call, as long as it lives.
struct Entered<'s>(&'s AtomicUsize);

impl<'s> Entered<'s> {
    fn by(owner: &'s AtomicUsize, thread: usize) -> Self {
        owner.store(thread, Ordering::Relaxed);
        Self(owner)
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(handle: usize) -> Result<(), Status> {
        with(handle, |_| Ok(()))
    }

    #[test]
    fn only_handles_in_use_are_handles() {
        let handle = open(Instance::new(0));
        assert_eq!(touch(handle), Ok(()));
        assert_ne!(open(Instance::new(0)), handle);
        close(handle);
        for wrong in [0, 1, handle, handle + 1, usize::MAX] {
            assert_eq!(touch(wrong), Err(Status::InvalidArgument), "{wrong:#x}");
            close(wrong);
        }
    }

    #[test]
    fn a_call_within_a_call_is_refused() {
        let handle = open(Instance::new(0));
        let inner = with(handle, |_| Ok(touch(handle)));
        assert_eq!(inner, Ok(Err(Status::InvalidArgument)));
        assert_eq!(touch(handle), Ok(()));
    }

    #[test]
    fn a_panic_is_a_status() {
        let handle = open(Instance::new(0));
        let result = with(handle, |_| -> Result<(), Failure> { panic!("as tested") });
        assert_eq!(result, Err(Status::Internal));
        assert_eq!(touch(handle), Ok(()));
    }

    #[test]
    fn threads_wait_for_each_other() {
        let handle = open(Instance::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1000).for_each(|_| assert_eq!(touch(handle), Ok(()))));
            }
        });
    }
}
