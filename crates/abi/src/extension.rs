//! The container that follows an image at the next multiple of 8 after
//! `image_size`, and that also serves as a loaded recipe's attachment.
//!
//! [`Header`], then `count` x [`Entry`], then the entries' payloads, each at a
//! multiple of 8. A reader skips kinds that it does not know.

pub use crate::reason::*;
use crate::record::record;

/// The bytes `KFLATEXT`, little-endian.
pub const MAGIC: u64 = u64::from_le_bytes(*b"KFLATEXT");
/// Version of the container.
pub const VERSION: u32 = 1;
/// Alignment of the container and of each payload.
pub const ALIGNMENT: u64 = 8;

record! {
    /// Start of the container.
    pub struct Header, 32 bytes {
        /// [`MAGIC`].
        magic: u64,
        /// [`VERSION`].
        version: u32,
        /// How many entries the table of contents has.
        count: u32,
        /// Bytes of the whole container, this header included.
        size: u64,
        /// CRC-32C of the table of contents.
        toc_crc: u32,
        /// Zero.
        reserved: u32,
    }
}

record! {
    /// One line of the table of contents.
    pub struct Entry, 32 bytes {
        /// One of the kinds below.
        kind: u32,
        /// Zero.
        reserved: u32,
        /// Offset of the payload from the container's start.
        offset: u64,
        /// Bytes of the payload.
        length: u64,
        /// CRC-32C of the payload.
        crc: u32,
        /// Zero.
        reserved2: u32,
    }
}

/// `u64` original address of each fragment's first byte, in the order of the
/// image's fragments. Written by the module.
pub const KIND_ORIGIN: u32 = 1;
/// [`Object`]s in the order in which they were captured. Written by the module.
pub const KIND_OBJECTS: u32 = 2;
/// One [`Hit`]. Written by the module.
pub const KIND_HIT: u32 = 3;
/// [`Diagnostic`]s in the order in which they arose. Written by the module.
pub const KIND_DIAGNOSTICS: u32 = 4;
/// [`ChangedRange`]s, ascending: what changed while the capture ran. Written by
/// the module where the recipe asks for the check.
pub const KIND_CHANGES: u32 = 5;
/// BTF of exactly the types used. Written when the image is saved.
pub const KIND_TYPES: u32 = 16;
/// The recipe program that captured the image ([`crate::program`]); objects and
/// diagnostics refer to it. Written when the image is saved.
pub const KIND_PROGRAM: u32 = 17;
/// `KEY=VALUE` lines, UTF-8: kernel release, architecture, build id, … In a value
/// `\n` and `\r` stand for line breaks, `\\` for a backslash. Written when the
/// image is saved.
pub const KIND_CONTEXT: u32 = 18;
/// The recipe's text, UTF-8. Written when the image is saved.
pub const KIND_SOURCE: u32 = 19;
/// The kernel's VMCOREINFO note, verbatim: `KEY=VALUE` lines that tell readers
/// of crash dumps about the kernel. Written when the image is saved.
pub const KIND_VMCOREINFO: u32 = 20;
/// Kernel memory beside the objects, as it was when the image was saved, which is
/// later than the capture: `u64` count, so many [`SurroundingRange`]s, ascending
/// and apart, then their bytes one after the other.
pub const KIND_SURROUNDINGS: u32 = 21;

/// In [`Object::parent`] and [`Diagnostic::object`]: a root led here.
pub const NO_OBJECT: u32 = u32::MAX;

record! {
    /// A captured object.
    pub struct Object, 24 bytes {
        /// Offset of its first byte into *memory*.
        offset: u64,
        /// Its type, an index into the program's types.
        type_index: u32,
        /// How many elements of that type it has.
        count: u32,
        /// The object that led here, or [`NO_OBJECT`].
        parent: u32,
        /// The action (index into the program's actions) that led here; for
        /// [`NO_OBJECT`] the root's index.
        via: u32,
    }
}

record! {
    /// Something that was not captured.
    pub struct Diagnostic, 40 bytes {
        /// The address in question, 0 if there is none.
        address: u64,
        /// One of `REASON_*`.
        reason: u32,
        /// The object in which the capture stood, or [`NO_OBJECT`].
        object: u32,
        /// The action (index into the program's actions) that led here; for
        /// [`NO_OBJECT`] the root's index.
        via: u32,
        /// The element of the object, where it has several.
        element: u32,
        /// What the reason is measured in: bytes, objects, elements, …
        detail: u64,
        /// Zero.
        reserved: u64,
    }
}

record! {
    /// Bytes of *memory* that changed in the kernel while the capture ran.
    pub struct ChangedRange, 16 bytes {
        /// Offset into *memory*.
        offset: u64,
        /// Bytes.
        size: u64,
    }
}

/// In [`SurroundingRange::physical`]: not known.
pub const NO_PHYSICAL: u64 = u64::MAX;

record! {
    /// Kernel memory that was saved with an image.
    pub struct SurroundingRange, 24 bytes {
        /// Its first address.
        address: u64,
        /// Bytes.
        size: u64,
        /// Physical address of the first byte, the others following it, or
        /// [`NO_PHYSICAL`].
        physical: u64,
    }
}

/// Registers in [`Hit::registers`].
pub const HIT_REGISTERS: usize = 34;
/// [`Hit::architecture`]: x86_64; registers in the order of `struct pt_regs`
/// (`r15 … rdi, orig_rax, rip, cs, rflags, rsp, ss`).
pub const ARCHITECTURE_X86_64: u32 = 1;
/// [`Hit::architecture`]: arm64; registers `x0 … x30, sp, pc, pstate`.
pub const ARCHITECTURE_ARM64: u32 = 2;
/// [`Hit::mode`]: the other CPUs were halted.
pub const MODE_STOP_MACHINE: u32 = 1 << 0;
/// [`Hit::mode`]: captured within the ioctl, without a probe.
pub const MODE_RUN_NOW: u32 = 1 << 1;
/// [`Hit::mode`]: the function's body was skipped.
pub const MODE_SKIP_BODY: u32 = 1 << 2;
/// [`Hit::mode`]: a unit test of the module.
pub const MODE_TEST: u32 = 1 << 3;

record! {
    /// Where, when and by whom the capture was triggered.
    pub struct Hit, 376 bytes {
        /// One of `ARCHITECTURE_*`.
        architecture: u32,
        /// `MODE_*` bits.
        mode: u32,
        /// Process (thread group) id, in the initial pid namespace.
        pid: u32,
        /// Thread id, in the initial pid namespace.
        tid: u32,
        /// The CPU.
        cpu: u32,
        /// How many of `registers` are meaningful.
        register_count: u32,
        /// Name of the task, zero-padded.
        comm: [u8; 16],
        /// Address of the probe.
        probe: u64,
        /// Nanoseconds since boot, suspend included (`CLOCK_BOOTTIME`).
        boot_ns: u64,
        /// Nanoseconds since 1970 (`CLOCK_REALTIME`).
        wall_ns: u64,
        /// Nanoseconds from the hit to the end of the copying.
        capture_ns: u64,
        /// Nanoseconds for which the other CPUs were halted.
        pause_ns: u64,
        /// The registers at the hit.
        registers: [u64; HIT_REGISTERS],
        /// Zero.
        reserved: [u64; 3],
    }
}
