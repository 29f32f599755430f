//! Errors as the kernel counts them.

use core::ffi::c_int;

/// An errno, positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Error(u16);

/// What most of the module's functions return.
pub(crate) type Result<T = ()> = core::result::Result<T, Error>;

macro_rules! errnos {
    ($($name:ident = $number:literal, $meaning:literal;)*) => {
        impl Error {
            $(#[doc = $meaning] pub(crate) const $name: Self = Self($number);)*
        }
    };
}

// <uapi/asm-generic/errno-base.h> and <uapi/asm-generic/errno.h>.
errnos! {
    EPERM = 1, "Not allowed.";
    ENOENT = 2, "There is none of that name.";
    ESRCH = 3, "No such process.";
    EINTR = 4, "The process is being killed.";
    E2BIG = 7, "The argument has a part that this version does not know.";
    EAGAIN = 11, "The time limit was reached.";
    ENOMEM = 12, "No memory, or an area or limit too small.";
    EFAULT = 14, "A bad address.";
    EBUSY = 16, "In use.";
    EEXIST = 17, "There is one of that name.";
    EINVAL = 22, "Not in this state, or not with this value.";
    ENOTTY = 25, "No such command.";
    EFBIG = 27, "Larger than the limit.";
    ENOSPC = 28, "The buffer is too small, or a table is full.";
    EDEADLK = 35, "Can't be done in atomic context.";
}

impl Error {
    /// The positive errno.
    pub(crate) fn number(self) -> u32 {
        u32::from(self.0)
    }

    /// The negative errno that C functions return.
    pub(crate) fn to_c(self) -> c_int {
        -c_int::from(self.0)
    }

    /// Of what a C function returned: 0 or more is success.
    pub(crate) fn check(returned: c_int) -> Result {
        if returned >= 0 {
            return Ok(());
        }
        // An errno is at most MAX_ERRNO, 4095.
        Err(Self(
            u16::try_from(returned.unsigned_abs()).unwrap_or(Self::EINVAL.0),
        ))
    }
}
