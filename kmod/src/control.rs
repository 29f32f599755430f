//! The ioctls of our own: `crates/abi/src/control.rs`. They are known by their
//! number and direction; their arguments say how large they are, and grow.

use kflat_abi::control::{
    CaptureStatus, EnableAlso, KFLAT_CAPTURE_STATUS, KFLAT_ENABLE_ALSO, KFLAT_RECIPE_DESCRIBE,
    KFLAT_RECIPE_LIST, KFLAT_RECIPE_LOAD, KFLAT_RECIPE_UNLOAD, KFLAT_TEST_LIST, KFLAT_VERSION,
    MAX_ATTACHMENT_SIZE, MAX_PROGRAM_SIZE, NameList, RecipeDescribe, RecipeLoad, RecipeUnload,
    Version,
};
use kflat_abi::{extension, image, program};

use crate::alloc::Buffer;
use crate::commands::name;
use crate::error::{Error, Result};
use crate::module::module;
use crate::ram;
use crate::registry::Recipe;
use crate::session::Session;
use crate::user::UserAddress;

/// The argument's size, as `_IOC` has it.
const SIZE_BITS: u32 = 0x3fff << 16;

/// A command without the size that it had when its client was compiled.
const fn sizeless(command: u32) -> u32 {
    command & !SIZE_BITS
}

const LOAD: u32 = sizeless(KFLAT_RECIPE_LOAD);
const UNLOAD: u32 = sizeless(KFLAT_RECIPE_UNLOAD);
const LIST: u32 = sizeless(KFLAT_RECIPE_LIST);
const DESCRIBE: u32 = sizeless(KFLAT_RECIPE_DESCRIBE);
const STATUS: u32 = sizeless(KFLAT_CAPTURE_STATUS);
const TESTS: u32 = sizeless(KFLAT_TEST_LIST);
const VERSION: u32 = sizeless(KFLAT_VERSION);
const ALSO: u32 = sizeless(KFLAT_ENABLE_ALSO);

/// Carries out `command`; what its success returns. `ENOTTY` there is none.
pub(crate) fn carry_out(session: &Session, command: u32, argument: UserAddress) -> Result<u64> {
    match sizeless(command) {
        LOAD => load(argument),
        UNLOAD => unload(argument),
        LIST => list(argument, |f| module().registry.names(f)),
        DESCRIBE => describe(argument),
        STATUS => status(session, argument),
        TESTS => list(argument, |f| {
            kflat_self_tests::all().for_each(|test| f(test.name));
        }),
        VERSION => version(argument),
        ALSO => also(session, argument),
        _ => return Err(Error::ENOTTY),
    }?;
    Ok(0)
}

/// `EINVAL` unless `zero`: a part of an argument that has no meaning yet.
fn demand_zero(flags: u32, reserved: &[u64]) -> Result {
    if flags != 0 || reserved.iter().any(|word| *word != 0) {
        return Err(Error::EINVAL);
    }
    Ok(())
}

/// `size` bytes of a client. `EFBIG` more than `limit`, `EFAULT`, `ENOMEM`.
fn blob(address: u64, size: u64, limit: u64) -> Result<Buffer<u8>> {
    if size > limit {
        return Err(Error::EFBIG);
    }
    let size = usize::try_from(size).map_err(|_| Error::EFBIG)?;
    UserAddress(address).read_buffer(size)
}

fn load(argument: UserAddress) -> Result {
    let mut sized = argument.read_sized(RecipeLoad::zeroed())?;
    let request = sized.value;
    demand_zero(request.flags, &request.reserved)?;
    let program = blob(request.program, request.program_size, MAX_PROGRAM_SIZE)?;
    let (attachment, size) = (request.attachment, request.attachment_size);
    let attachment = blob(attachment, size, MAX_ATTACHMENT_SIZE)?;
    let recipe = Recipe::new(program, attachment);
    let rejection = recipe.as_ref().err();
    sized.value.rejection = rejection.map_or(0, |rejection| rejection.code);
    sized.value.rejected_at = rejection.map_or(0, |rejection| rejection.at);
    argument.write_sized(&sized)?;
    module().registry.load(recipe.map_err(|_| Error::EINVAL)?)
}

fn unload(argument: UserAddress) -> Result {
    let request = argument.read_sized(RecipeUnload::zeroed())?.value;
    demand_zero(request.flags, &request.reserved)?;
    module().registry.unload(name(&request.name)?)
}

/// Gives the client all the names that `each` calls its argument with.
fn list(argument: UserAddress, each: impl Fn(&mut dyn FnMut(&str))) -> Result {
    let mut sized = argument.read_sized(NameList::zeroed())?;
    let request = sized.value;
    demand_zero(request.flags, &[request.reserved])?;
    let (mut needed, mut count) = (0, 0);
    each(&mut |name| {
        needed += name.len() + 1;
        count += 1;
    });
    // Names that were loaded since then do not fit, and are told next time.
    let mut names = Buffer::new(needed)?;
    let mut used = 0;
    each(&mut |name| {
        let end = used + name.len() + 1;
        if let Some(room) = names.get_mut(used..end) {
            for (into, byte) in room.iter_mut().zip(name.bytes()) {
                *into = byte;
            }
            used = end;
        }
    });
    sized.value.needed = needed as u64;
    sized.value.count = count;
    argument.write_sized(&sized)?;
    if needed as u64 > request.buffer_size {
        return Err(Error::ENOSPC);
    }
    UserAddress(request.buffer).write_bytes(names.get(..used).unwrap_or(&[]))
}

fn describe(argument: UserAddress) -> Result {
    let mut sized = argument.read_sized(RecipeDescribe::zeroed())?;
    let request = sized.value;
    demand_zero(request.flags, &request.reserved)?;
    let recipe = module().registry.find(name(&request.name)?)?;
    let (program, attachment) = (recipe.program(), recipe.attachment());
    sized.value.program_size = program.len() as u64;
    sized.value.attachment_size = attachment.len() as u64;
    argument.write_sized(&sized)?;
    if request.program_size < program.len() as u64
        || request.attachment_size < attachment.len() as u64
    {
        return Err(Error::ENOSPC);
    }
    UserAddress(request.program).write_bytes(program)?;
    UserAddress(request.attachment).write_bytes(attachment)
}

fn status(session: &Session, argument: UserAddress) -> Result {
    let mut sized = argument.read_sized(CaptureStatus::zeroed())?;
    demand_zero(sized.value.flags, &[])?;
    let size = sized.value.size;
    sized.value = session.status();
    sized.value.size = size;
    argument.write_sized(&sized)
}

fn also(session: &Session, argument: UserAddress) -> Result {
    let request = argument.read_sized(EnableAlso::zeroed())?.value;
    demand_zero(request.flags, &request.reserved)?;
    session.enable_also(name(&request.name)?)
}

fn version(argument: UserAddress) -> Result {
    let mut sized = argument.read_sized(Version::zeroed())?;
    demand_zero(sized.value.flags, &sized.value.reserved)?;
    sized.value.program_version = program::VERSION;
    sized.value.image_version = image::VERSION;
    sized.value.extension_version = extension::VERSION;
    sized.value.page_table_levels = ram::page_table_levels();
    argument.write_sized(&sized)
}
