//! Commands of our own, from number 32 on. Each argument starts with its own
//! `size`, so that it can grow: the kernel accepts a larger one whose excess
//! is zero (`E2BIG` otherwise) and reads a smaller one as if zero-extended.
//! `flags` and `reserved` must be zero (`EINVAL`).

use crate::uapi::{NAME_SIZE, iow, iowr};

/// Bytes that a recipe program may have.
pub const MAX_PROGRAM_SIZE: u64 = 4 << 20;
/// Bytes that a recipe's attachment may have.
pub const MAX_ATTACHMENT_SIZE: u64 = 16 << 20;
/// Recipes that may be loaded at once.
pub const MAX_RECIPES: usize = 1024;

c_struct! {
    /// Argument of `KFLAT_RECIPE_LOAD`: verifies a recipe program and keeps it.
    ///
    /// Errors: `EINVAL` the program was rejected (see `rejection`), `EEXIST` a
    /// recipe of that name is loaded, `EFBIG` a size over its limit, `ENOSPC`
    /// too many recipes, `ENOMEM`, `EFAULT`.
    pub struct RecipeLoad = "kflat_recipe_load", 64 bytes {
        /// Bytes of this struct.
        size: u32 = 0 => "__u32 size",
        /// Zero.
        flags: u32 = 0 => "__u32 flags",
        /// Address of the program.
        program: u64 = 0 => "__u64 program",
        /// Its bytes, at most 4 MiB.
        program_size: u64 = 0 => "__u64 program_size",
        /// Address of what user space wants kept with it (types, source text).
        attachment: u64 = 0 => "__u64 attachment",
        /// Its bytes, at most 16 MiB; may be 0.
        attachment_size: u64 = 0 => "__u64 attachment_size",
        /// Out: why the verifier rejected the program; 0: it did not.
        rejection: u32 = 0 => "__u32 rejection",
        /// Out: the byte of the program that the rejection is about.
        rejected_at: u32 = 0 => "__u32 rejected_at",
        /// Zero.
        reserved: [u64; 2] = [0; 2] => "__u64 reserved[2]",
    }
}

c_struct! {
    /// Argument of `KFLAT_RECIPE_UNLOAD`: forgets a recipe.
    ///
    /// Errors: `ENOENT` no such recipe, `EBUSY` it is enabled.
    pub struct RecipeUnload = "kflat_recipe_unload", 152 bytes {
        /// Bytes of this struct.
        size: u32 = 0 => "__u32 size",
        /// Zero.
        flags: u32 = 0 => "__u32 flags",
        /// The recipe; NUL-terminated.
        name: [u8; NAME_SIZE] = [0; NAME_SIZE] => "char name[128]",
        /// Zero.
        reserved: [u64; 2] = [0; 2] => "__u64 reserved[2]",
    }
}

c_struct! {
    /// Argument of `KFLAT_RECIPE_LIST` and `KFLAT_TEST_LIST`: all names, each
    /// ended by a NUL, in order.
    ///
    /// Errors: `ENOSPC` the buffer is too small (`needed` says how much),
    /// `EFAULT`.
    pub struct NameList = "kflat_name_list", 48 bytes {
        /// Bytes of this struct.
        size: u32 = 0 => "__u32 size",
        /// Zero.
        flags: u32 = 0 => "__u32 flags",
        /// Address of the buffer.
        buffer: u64 = 0 => "__u64 buffer",
        /// Its bytes.
        buffer_size: u64 = 0 => "__u64 buffer_size",
        /// Out: the bytes that all names take.
        needed: u64 = 0 => "__u64 needed",
        /// Out: how many names there are.
        count: u64 = 0 => "__u64 count",
        /// Zero.
        reserved: u64 = 0 => "__u64 reserved",
    }
}

c_struct! {
    /// Argument of `KFLAT_RECIPE_DESCRIBE`: gives back what was loaded.
    ///
    /// Errors: `ENOENT` no such recipe, `ENOSPC` a buffer is too small (both
    /// sizes are filled in), `EFAULT`.
    pub struct RecipeDescribe = "kflat_recipe_describe", 184 bytes {
        /// Bytes of this struct.
        size: u32 = 0 => "__u32 size",
        /// Zero.
        flags: u32 = 0 => "__u32 flags",
        /// The recipe; NUL-terminated.
        name: [u8; NAME_SIZE] = [0; NAME_SIZE] => "char name[128]",
        /// Address of the buffer for the program.
        program: u64 = 0 => "__u64 program",
        /// In: its bytes. Out: the program's bytes.
        program_size: u64 = 0 => "__u64 program_size",
        /// Address of the buffer for the attachment.
        attachment: u64 = 0 => "__u64 attachment",
        /// In: its bytes. Out: the attachment's bytes.
        attachment_size: u64 = 0 => "__u64 attachment_size",
        /// Zero.
        reserved: [u64; 2] = [0; 2] => "__u64 reserved[2]",
    }
}

c_struct! {
    /// Argument of `KFLAT_CAPTURE_STATUS`: how this session's capture stands.
    ///
    /// It stays readable after `KFLAT_PROC_DISABLE`, until the next enable.
    pub struct CaptureStatus = "kflat_capture_status", 120 bytes {
        /// Bytes of this struct.
        size: u32 = 0 => "__u32 size",
        /// Zero.
        flags: u32 = 0 => "__u32 flags",
        /// Out: one of `KFLAT_STATE_*`.
        state: u32 = 0 => "__u32 state",
        /// Out: 0, or how the capture ended, as a positive errno.
        error: u32 = 0 => "__u32 error",
        /// Out: what stopped or thinned the capture, one of `KFLAT_REASON_*`; 0: nothing.
        reason: u32 = 0 => "__u32 reason",
        /// Out: how many things were not captured (records in the diagnostics, dropped ones included).
        diagnostics: u32 = 0 => "__u32 diagnostics",
        /// Out: bytes of the image, as in the header's `image_size`.
        image_size: u64 = 0 => "__u64 image_size",
        /// Out: bytes in the area, the extension included.
        total_size: u64 = 0 => "__u64 total_size",
        /// Out: bytes the area would have needed, as far as is known.
        needed_size: u64 = 0 => "__u64 needed_size",
        /// Out: objects captured.
        objects: u64 = 0 => "__u64 objects",
        /// Out: fragments in the image.
        fragments: u64 = 0 => "__u64 fragments",
        /// Out: nanoseconds from the hit to the end of the copying.
        capture_ns: u64 = 0 => "__u64 capture_ns",
        /// Out: nanoseconds of sorting and writing the image.
        write_ns: u64 = 0 => "__u64 write_ns",
        /// Out: nanoseconds for which the other CPUs were halted.
        pause_ns: u64 = 0 => "__u64 pause_ns",
        /// Out: how often the probe was hit by a process that it was not for, or too late.
        missed: u64 = 0 => "__u64 missed",
        /// Out: which recipe was hit: 0 that of `KFLAT_PROC_ENABLE`, then those of `KFLAT_ENABLE_ALSO` in their order.
        recipe: u32 = 0 => "__u32 recipe",
        /// Out: of `unfit`, how often the condition could not be computed; no more than 2^32 - 1.
        uncomputed: u32 = 0 => "__u32 uncomputed",
        /// Out: calls by the process that were looked at and did not fit their recipe's condition.
        unfit: u64 = 0 => "__u64 unfit",
        /// Out: calls that fitted, but came before the one that the recipe asks for by number.
        early: u64 = 0 => "__u64 early",
    }
}

c_struct! {
    /// Argument of `KFLAT_ENABLE_ALSO`: arms one more recipe beside the enabled
    /// one, for the same process and with the same options. The first of them to
    /// be hit captures, then all are disarmed.
    ///
    /// Errors: `EINVAL` nothing is enabled, it was run at once, or the recipe waits
    /// where the options are impossible, `ENOENT` no such recipe, `EBUSY` one of
    /// them was hit already, `EFAULT` it can't be probed, `ENOSPC` more than 16,
    /// `ENOMEM`.
    pub struct EnableAlso = "kflat_enable_also", 152 bytes {
        /// Bytes of this struct.
        size: u32 = 0 => "__u32 size",
        /// Zero.
        flags: u32 = 0 => "__u32 flags",
        /// The recipe; NUL-terminated.
        name: [u8; NAME_SIZE] = [0; NAME_SIZE] => "char name[128]",
        /// Zero.
        reserved: [u64; 2] = [0; 2] => "__u64 reserved[2]",
    }
}

/// Recipes that a session can have enabled at once.
pub const MAX_ENABLED: usize = 16;

/// Nothing was enabled since the session began, or it was disabled before a hit.
pub const STATE_IDLE: u32 = 0;
/// Waiting for the probe to fire.
pub const STATE_ARMED: u32 = 1;
/// The probe fired; the image is not complete yet.
pub const STATE_CAPTURING: u32 = 2;
/// An image is in the area.
pub const STATE_READY: u32 = 3;
/// The capture failed; there is no image.
pub const STATE_FAILED: u32 = 4;

c_struct! {
    /// Argument of `KFLAT_VERSION`: what the loaded module speaks.
    pub struct Version = "kflat_version", 48 bytes {
        /// Bytes of this struct.
        size: u32 = 0 => "__u32 size",
        /// Zero.
        flags: u32 = 0 => "__u32 flags",
        /// Out: version of the program encoding.
        program_version: u32 = 0 => "__u32 program_version",
        /// Out: version of the image format.
        image_version: u32 = 0 => "__u32 image_version",
        /// Out: version of the extension behind the image.
        extension_version: u32 = 0 => "__u32 extension_version",
        /// Out: levels of the kernel's page tables.
        page_table_levels: u32 = 0 => "__u32 page_table_levels",
        /// Zero.
        reserved: [u64; 3] = [0; 3] => "__u64 reserved[3]",
    }
}

/// Loads a recipe program.
pub const KFLAT_RECIPE_LOAD: u32 = iowr(32, size_of::<RecipeLoad>());
/// Unloads a recipe.
pub const KFLAT_RECIPE_UNLOAD: u32 = iow(33, size_of::<RecipeUnload>());
/// Lists all recipes.
pub const KFLAT_RECIPE_LIST: u32 = iowr(34, size_of::<NameList>());
/// Gives a recipe's program and attachment back.
pub const KFLAT_RECIPE_DESCRIBE: u32 = iowr(35, size_of::<RecipeDescribe>());
/// Tells how the session's capture stands.
pub const KFLAT_CAPTURE_STATUS: u32 = iowr(36, size_of::<CaptureStatus>());
/// Lists the module's unit tests.
pub const KFLAT_TEST_LIST: u32 = iowr(37, size_of::<NameList>());
/// Arms one more recipe.
pub const KFLAT_ENABLE_ALSO: u32 = iow(39, size_of::<EnableAlso>());
/// Tells versions.
pub const KFLAT_VERSION: u32 = iowr(38, size_of::<Version>());
