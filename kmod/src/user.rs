//! Copies from and to the calling process. All sleep; C: `<linux/uaccess.h>`.

use crate::alloc::Buffer;
use crate::error::{Error, Result};
use crate::ffi;

/// Data that may come from anywhere: every bit pattern is a value.
///
/// # Safety
/// The type must be `repr(C)`, without padding and without pointers, and every
/// bit pattern must be a value of it.
pub(crate) unsafe trait Plain: Copy {}

macro_rules! plain {
    ($($ty:ty),*) => {$(
        // SAFETY: `repr(C)` of integers; `kflat_abi` names all padding.
        unsafe impl Plain for $ty {}
    )*};
}
plain!(
    u32,
    kflat_abi::uapi::Enable,
    kflat_abi::uapi::Disable,
    kflat_abi::uapi::Tests,
    kflat_abi::uapi::MemoryMap,
    kflat_abi::control::RecipeLoad,
    kflat_abi::control::RecipeUnload,
    kflat_abi::control::NameList,
    kflat_abi::control::RecipeDescribe,
    kflat_abi::control::CaptureStatus,
    kflat_abi::control::EnableAlso,
    kflat_abi::control::Version
);

/// An address of the calling process, not trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UserAddress(pub(crate) u64);

impl UserAddress {
    /// `self` plus `offset` bytes; `EFAULT` past the end of all addresses.
    pub(crate) fn offset(self, offset: usize) -> Result<Self> {
        let address = self.0.checked_add(offset as u64);
        address.map(Self).ok_or(Error::EFAULT)
    }

    /// Fills `bytes`. `EFAULT`.
    pub(crate) fn read_bytes(self, bytes: &mut [u8]) -> Result {
        let into = bytes.as_mut_ptr().cast();
        // SAFETY: `into` has room for that many bytes; the kernel checks the
        // user's address.
        match unsafe { ffi::kflat_shim_user_read(into, self.0, bytes.len() as u64) } {
            0 => Ok(()),
            _ => Err(Error::EFAULT),
        }
    }

    /// Writes all of `bytes`. `EFAULT`.
    pub(crate) fn write_bytes(self, bytes: &[u8]) -> Result {
        let from = bytes.as_ptr().cast();
        // SAFETY: `from` has that many bytes; the kernel checks the user's address.
        match unsafe { ffi::kflat_shim_user_write(self.0, from, bytes.len() as u64) } {
            0 => Ok(()),
            _ => Err(Error::EFAULT),
        }
    }

    /// Copies `size` bytes to memory of our own. `EFAULT`, `ENOMEM`.
    pub(crate) fn read_buffer(self, size: usize) -> Result<Buffer<u8>> {
        let mut buffer = Buffer::new(size)?;
        self.read_bytes(&mut buffer)?;
        Ok(buffer)
    }

    /// A struct of a fixed layout. `EFAULT`.
    pub(crate) fn read<T: Plain>(self, mut value: T) -> Result<T> {
        self.read_bytes(as_bytes_mut(&mut value))?;
        Ok(value)
    }

    /// Writes a struct of a fixed layout. `EFAULT`.
    pub(crate) fn write<T: Plain>(self, value: &T) -> Result {
        self.write_bytes(as_bytes(value))
    }

    /// A struct that begins with its own size as the caller knows it, over
    /// `zeroed`: what the caller does not know is zero, what we do not know has
    /// to be. `EINVAL` smaller than any version had, `E2BIG`, `EFAULT`.
    pub(crate) fn read_sized<T: Plain>(self, mut zeroed: T) -> Result<Sized<T>> {
        let size = self.read(0u32)? as usize;
        if size < MIN_SIZE {
            return Err(Error::EINVAL);
        }
        if size > MAX_SIZE {
            return Err(Error::E2BIG);
        }
        let known = as_bytes_mut(&mut zeroed);
        let common = size.min(known.len());
        if let Some(bytes) = known.get_mut(..common) {
            self.read_bytes(bytes)?;
        }
        let mut chunk = [0; 64];
        let mut at = common;
        while at < size {
            let part = (size - at).min(chunk.len());
            let bytes = chunk.get_mut(..part).ok_or(Error::EINVAL)?;
            self.offset(at)?.read_bytes(bytes)?;
            if bytes.iter().any(|byte| *byte != 0) {
                return Err(Error::E2BIG);
            }
            at += part;
        }
        Ok(Sized {
            value: zeroed,
            common,
        })
    }

    /// Writes the part of `sized` that the caller knows. `EFAULT`.
    pub(crate) fn write_sized<T: Plain>(self, sized: &Sized<T>) -> Result {
        match as_bytes(&sized.value).get(..sized.common) {
            Some(bytes) => self.write_bytes(bytes),
            None => Err(Error::EFAULT),
        }
    }
}

/// Every struct of ours begins with size and flags.
const MIN_SIZE: usize = 8;
/// As `copy_struct_from_user` is used elsewhere: one page.
const MAX_SIZE: usize = 4096;

/// A struct that grows, and how much of it the caller knows.
pub(crate) struct Sized<T> {
    pub(crate) value: T,
    common: usize,
}

fn as_bytes<T: Plain>(value: &T) -> &[u8] {
    let bytes: *const u8 = core::ptr::from_ref(value).cast();
    // SAFETY: A `Plain` value is that many initialised bytes.
    unsafe { core::slice::from_raw_parts(bytes, size_of::<T>()) }
}

fn as_bytes_mut<T: Plain>(value: &mut T) -> &mut [u8] {
    let bytes: *mut u8 = core::ptr::from_mut(value).cast();
    // SAFETY: As above; and any bytes written are a value.
    unsafe { core::slice::from_raw_parts_mut(bytes, size_of::<T>()) }
}
