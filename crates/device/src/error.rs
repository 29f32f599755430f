//! What can go wrong, in people's words.

use std::fmt;
use std::io;

use kflat_abi::program::rejection_text;
use kflat_abi::uapi::DEVICE_PATH;

use crate::target::Obstacle;

/// Why the module did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The module is not there.
    #[error(
        "the kflat module is not loaded; load it: insmod kflat.ko (or modprobe kflat, where it \
         is installed){}", mount_too(*also_mount)
    )]
    NotLoaded {
        /// Debugfs has to be mounted as well.
        also_mount: bool,
    },
    /// The module is there, its device is not to be seen.
    #[error(
        "debugfs is not mounted, so that {DEVICE_PATH} can't be reached; mount it: \
         mount -t debugfs none /sys/kernel/debug"
    )]
    DebugfsNotMounted,
    /// The kernel has no place to mount debugfs at.
    #[error(
        "this kernel has no debugfs (/sys/kernel/debug is missing): it needs CONFIG_DEBUG_FS=y, \
         and no debugfs=off on its command line"
    )]
    KernelWithoutDebugfs,
    /// The process may not open the device.
    #[error("no permission to open {DEVICE_PATH}: run as root, with the capability CAP_SYS_RAWIO")]
    NoPermission,
    /// The kernel was told to keep its memory to itself.
    #[error(
        "the kernel's lockdown ({mode}) forbids reading its memory; boot without secure boot or \
         without lockdown= on the kernel's command line"
    )]
    LockedDown {
        /// `integrity` or `confidentiality`.
        mode: String,
    },
    /// The device can't be opened for another reason.
    #[error("can't open {DEVICE_PATH}")]
    Open(#[source] io::Error),
    /// The module speaks another version of the interface.
    #[error(
        "the loaded module is of another version than this program: it speaks version {module} \
         of recipe programs, this program version {program}; load the module that came with it"
    )]
    OtherVersion {
        /// The module's; 0: it does not say.
        module: u32,
        /// This crate's.
        program: u32,
    },
    /// A name that no recipe or test can have.
    #[error("`{name}` is no name of a {what}: it has 1 to 127 bytes, and no NUL")]
    BadName {
        /// The name.
        name: String,
        /// A recipe or a test.
        what: &'static str,
    },
    /// No recipe of that name is loaded.
    #[error("no recipe `{name}` is loaded{}", known("loaded", loaded))]
    UnknownRecipe {
        /// The name.
        name: String,
        /// Those that are.
        loaded: Vec<String>,
    },
    /// The module has no such test.
    #[error("the module has no test `{name}`{}", known("it has", tests))]
    UnknownTest {
        /// The name.
        name: String,
        /// Those that it has.
        tests: Vec<String>,
    },
    /// A test can't be run while all other CPUs are halted.
    #[error(
        "the test `{test}` captures memory of the process, which can't be read while all other \
         CPUs are halted; run it without stop_machine"
    )]
    NeedsProcess {
        /// The test.
        test: String,
    },
    /// There is a recipe of that name.
    #[error("a recipe `{name}` is loaded already; unload it first: kflat unload {name}")]
    AlreadyLoaded {
        /// The name.
        name: String,
    },
    /// A recipe that is enabled can't be unloaded.
    #[error("recipe `{name}` is enabled by a session; it can be unloaded when that has ended")]
    RecipeInUse {
        /// The name.
        name: String,
    },
    /// This session or the process has an enabled recipe.
    #[error(
        "process {pid} has a recipe enabled already: each can have one at a time; wait for the \
         other capture, or end it"
    )]
    ProcessBusy {
        /// The process.
        pid: i32,
    },
    /// This session has an enabled recipe.
    #[error("this session has a recipe enabled already: disable it first")]
    SessionBusy,
    /// There is no such process.
    #[error("there is no process {pid}")]
    NoProcess {
        /// The process.
        pid: i32,
    },
    /// The function can't be probed.
    #[error("can't probe `{target}`: {obstacle}")]
    Unprobeable {
        /// The function.
        target: String,
        /// Why.
        obstacle: Obstacle,
    },
    /// Where it waits, the options make no sense.
    #[error(
        "`{target}` can't be captured so: at a tracepoint and at a return the function's body \
         can't be skipped, nor the other CPUs be halted"
    )]
    NotSo {
        /// The recipe.
        target: String,
    },
    /// More recipes than a session can have enabled.
    #[error("a session can have {most} recipes enabled at once, no more")]
    TooManyEnabled {
        /// How many it can have.
        most: usize,
    },
    /// The verifier says no.
    #[error("the module's verifier rejects the recipe program: {0}; compile the recipe anew")]
    Rejected(Rejection),
    /// More bytes than the module takes.
    #[error("the recipe is too large: {size} bytes of {what}, where the module takes {limit}")]
    TooLarge {
        /// Program or attachment.
        what: &'static str,
        /// Its bytes.
        size: u64,
        /// The most.
        limit: u64,
    },
    /// The module's table of recipes is full.
    #[error("too many recipes are loaded; unload some (kflat list, kflat unload NAME)")]
    TooManyRecipes,
    /// The kernel has no memory left for this.
    #[error("the kernel has no memory for {what}; choose a smaller area, or free memory")]
    NoMemory {
        /// For what.
        what: String,
    },
    /// The area can't hold a test's image.
    #[error("the area is too small for the test's image")]
    AreaTooSmall,
    /// A call that was waiting was interrupted by a signal.
    #[error("interrupted")]
    Interrupted,
    /// What the module has no business to answer.
    #[error("the module can't {action}")]
    Unexpected {
        /// What it was asked for.
        action: &'static str,
        /// Its answer.
        source: io::Error,
    },
}

fn mount_too(also_mount: bool) -> &'static str {
    match also_mount {
        true => ", and mount debugfs: mount -t debugfs none /sys/kernel/debug",
        false => "",
    }
}

fn known(what: &str, names: &[String]) -> String {
    match names {
        [] => String::new(),
        names => format!(" ({what}: {})", names.join(", ")),
    }
}

/// Why a program was rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// One of `REJECTED_*` of [`kflat_abi::program`].
    pub code: u32,
    /// The byte of the program that it is about.
    pub at: u32,
    /// What that byte belongs to, in words.
    pub place: String,
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, at {}", rejection_text(self.code), self.place)
    }
}
