//! The documented ioctls: `spec/uapi.md`. Those of our own are in [`control`].
//!
//! No copy from or to user space happens under a session's lock: mmap takes
//! locks of the session under that of the process's mappings, which such a copy
//! may need.

use core::mem::offset_of;

use kflat_abi::uapi::{
    Disable, Enable, KFLAT_GET_LOADED_RECIPES, KFLAT_MEMORY_MAP, KFLAT_PROC_DISABLE,
    KFLAT_PROC_ENABLE, KFLAT_TESTS, MemoryMap, NAME_SIZE, RECIPES_SIZE, Tests,
};

use crate::alloc::Buffer;
use crate::error::{Error, Result};
use crate::module::module;
use crate::ram::Layout;
use crate::session::Session;
use crate::user::UserAddress;
use crate::{control, task};

/// Carries out `command`; what its success returns.
pub(crate) fn carry_out(session: &Session, command: u32, argument: UserAddress) -> Result<u64> {
    match command {
        KFLAT_PROC_ENABLE => enable(session, argument),
        KFLAT_PROC_DISABLE => disable(session, argument),
        KFLAT_TESTS => test(session, argument),
        KFLAT_MEMORY_MAP => memory_map(argument),
        KFLAT_GET_LOADED_RECIPES => recipes(argument),
        _ => control::carry_out(session, command, argument),
    }
}

/// The name in a field of an argument. `EINVAL` it has no end or is no text.
pub(crate) fn name(field: &[u8; NAME_SIZE]) -> Result<&str> {
    let end = field.iter().position(|byte| *byte == 0);
    let name = field.get(..end.ok_or(Error::EINVAL)?);
    core::str::from_utf8(name.unwrap_or(&[])).map_err(|_| Error::EINVAL)
}

fn enable(session: &Session, argument: UserAddress) -> Result<u64> {
    let request = argument.read(Enable::zeroed())?;
    session.enable(name(&request.target_name)?, &request)?;
    Ok(0)
}

fn disable(session: &Session, argument: UserAddress) -> Result<u64> {
    if argument == UserAddress(0) {
        session.disable()?;
        return Ok(0);
    }
    if session.is_enabled() {
        // A bad address leaves the recipe enabled, so it has to be known now.
        let untouched = argument.read(Disable::zeroed())?;
        argument.write(&untouched)?;
    }
    let report = session.disable()?;
    argument.write(&report)?;
    Ok(0)
}

fn test(session: &Session, argument: UserAddress) -> Result<u64> {
    let request = argument.read(Tests::zeroed())?;
    let test = kflat_self_tests::find(name(&request.test_name)?);
    let name = argument.offset(offset_of!(Tests, test_name))?;
    session.test(test, &request, name)
}

fn memory_map(argument: UserAddress) -> Result<u64> {
    let request = argument.read(MemoryMap::zeroed())?;
    task::check_lockdown()?;
    let layout = Layout::read()?;
    let ranges = layout.ranges();
    let needed = 4 + 16 * ranges.len() as u64;
    if needed > request.size {
        return Err(Error::ENOSPC);
    }
    let buffer = UserAddress(request.buffer);
    let count = u32::try_from(ranges.len()).map_err(|_| Error::ENOSPC)?;
    buffer.write_bytes(&count.to_le_bytes())?;
    for (index, range) in ranges.iter().enumerate() {
        let place = buffer.offset(4 + 16 * index)?;
        place.write_bytes(&range.start.to_le_bytes())?;
        place.offset(8)?.write_bytes(&range.end.to_le_bytes())?;
    }
    Ok(0)
}

fn recipes(argument: UserAddress) -> Result<u64> {
    let mut names = Buffer::new(RECIPES_SIZE)?;
    let mut used = 0;
    module().registry.names(|name| {
        // One more, which is a NUL already.
        let end = used + name.len() + 1;
        let room = names.get_mut(used..end).filter(|_| end <= RECIPES_SIZE);
        if let Some(room) = room {
            for (into, byte) in room.iter_mut().zip(name.bytes()) {
                *into = byte;
            }
            used = end;
        }
    });
    argument.write_bytes(&names)?;
    Ok(used as u64)
}
