//! The open device: recipes, tests, the memory layout, the log, versions.

use std::io;

use kflat_abi::control::{
    MAX_ATTACHMENT_SIZE, MAX_PROGRAM_SIZE, NameList, RecipeDescribe, RecipeLoad, RecipeUnload,
    Version,
};
use kflat_abi::program;
use kflat_abi::uapi::NAME_SIZE;

use crate::access;
use crate::channel::{Channel, Request};
use crate::error::{Error, Rejection};
use crate::kernel::Kernel;
use crate::place::place;
use crate::session::Session;

/// An open device.
pub struct Device {
    pub(crate) channel: Box<dyn Channel>,
    versions: Versions,
}

/// What the loaded module speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    /// Version of the encoding of recipe programs.
    pub program: u32,
    /// Version of the image format.
    pub image: u32,
    /// Version of the extension behind the image.
    pub extension: u32,
    /// Levels of the kernel's page tables.
    pub page_table_levels: u32,
}

/// A recipe as it was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The program.
    pub program: Vec<u8>,
    /// What was kept with it: a container ([`kflat_abi::extension`]) of types
    /// and source, if it was loaded by `kflat`; empty if by a client that kept
    /// nothing.
    pub attachment: Vec<u8>,
}

/// Kernel virtual memory that is backed by RAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Its first address.
    pub start: u64,
    /// Its last address.
    pub last: u64,
}

/// A call of the kernel's that failed otherwise than foreseen.
pub(crate) fn unexpected(action: &'static str) -> impl Fn(io::Error) -> Error {
    move |source| match source.kind() {
        io::ErrorKind::Interrupted => Error::Interrupted,
        _ => Error::Unexpected { action, source },
    }
}

/// The errno of a failed call.
pub(crate) fn errno(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(0)
}

/// The bytes of an argument, which begins with them.
pub(crate) fn size_of_argument<T>() -> u32 {
    // They have some hundred bytes.
    size_of::<T>() as u32
}

/// A name as an argument has it.
pub(crate) fn field(name: &str, what: &'static str) -> Result<[u8; NAME_SIZE], Error> {
    let mut field = [0; NAME_SIZE];
    if name.is_empty() || name.len() >= NAME_SIZE || name.contains('\0') {
        return Err(Error::BadName {
            name: name.to_owned(),
            what,
        });
    }
    for (into, byte) in field.iter_mut().zip(name.bytes()) {
        *into = byte;
    }
    Ok(field)
}

impl Device {
    /// Opens the device of the loaded module.
    ///
    /// # Errors
    /// If there is no device, it may not be opened, or the module is of another
    /// version.
    pub fn open() -> Result<Self, Error> {
        Self::over(Box::new(Kernel(access::open()?)))
    }

    pub(crate) fn over(channel: Box<dyn Channel>) -> Result<Self, Error> {
        let mut version = Version {
            size: size_of_argument::<Version>(),
            ..Version::zeroed()
        };
        let other = |module| Error::OtherVersion {
            module,
            program: program::VERSION,
        };
        channel
            .carry_out(Request::Version(&mut version))
            .map_err(|_| other(0))?;
        if version.program_version != program::VERSION {
            return Err(other(version.program_version));
        }
        Ok(Self {
            channel,
            versions: Versions {
                program: version.program_version,
                image: version.image_version,
                extension: version.extension_version,
                page_table_levels: version.page_table_levels,
            },
        })
    }

    /// A session with an area of `area` bytes, up to the next page.
    ///
    /// # Errors
    /// If the kernel has no memory for it.
    pub fn session(self, area: u64) -> Result<Session, Error> {
        Session::new(self, area)
    }

    /// What the module speaks.
    #[must_use]
    pub fn versions(&self) -> Versions {
        self.versions
    }

    /// Has a recipe program verified and kept under the name of its target,
    /// together with `attachment`, which [`Device::describe`] gives back.
    ///
    /// # Errors
    /// If the program is rejected, or a recipe of that name is loaded.
    pub fn load_recipe(&self, program: &[u8], attachment: &[u8]) -> Result<(), Error> {
        let mut argument = RecipeLoad {
            size: size_of_argument::<RecipeLoad>(),
            ..RecipeLoad::zeroed()
        };
        let request = Request::Load(&mut argument, program, attachment);
        let Err(error) = self.channel.carry_out(request) else {
            return Ok(());
        };
        if argument.rejection != 0 {
            return Err(Error::Rejected(Rejection {
                code: argument.rejection,
                at: argument.rejected_at,
                place: place(program, argument.rejected_at),
            }));
        }
        let target = program::Program::find(program).and_then(|program| program.target());
        Err(match errno(&error) {
            libc::EEXIST => Error::AlreadyLoaded {
                name: target.unwrap_or_default().to_owned(),
            },
            libc::ENOSPC => Error::TooManyRecipes,
            libc::ENOMEM => Error::NoMemory {
                what: "the recipe".to_owned(),
            },
            libc::EFBIG if program.len() as u64 > MAX_PROGRAM_SIZE => Error::TooLarge {
                what: "its program",
                size: program.len() as u64,
                limit: MAX_PROGRAM_SIZE,
            },
            libc::EFBIG => Error::TooLarge {
                what: "its types and text",
                size: attachment.len() as u64,
                limit: MAX_ATTACHMENT_SIZE,
            },
            _ => unexpected("load the recipe")(error),
        })
    }

    /// Has a recipe forgotten.
    ///
    /// # Errors
    /// If there is none of that name, or it is enabled.
    pub fn unload(&self, name: &str) -> Result<(), Error> {
        let argument = RecipeUnload {
            size: size_of_argument::<RecipeUnload>(),
            name: field(name, "recipe")?,
            ..RecipeUnload::zeroed()
        };
        let unloaded = self.channel.carry_out(Request::Unload(&argument));
        unloaded.map(|_| ()).map_err(|error| match errno(&error) {
            libc::ENOENT => self.unknown_recipe(name),
            libc::EBUSY => Error::RecipeInUse {
                name: name.to_owned(),
            },
            _ => unexpected("unload the recipe")(error),
        })
    }

    pub(crate) fn unknown_recipe(&self, name: &str) -> Error {
        Error::UnknownRecipe {
            name: name.to_owned(),
            loaded: self.list_recipes().unwrap_or_default(),
        }
    }

    /// A recipe's program and what was kept with it.
    ///
    /// # Errors
    /// If there is none of that name.
    pub fn describe(&self, name: &str) -> Result<Stored, Error> {
        let name_field = field(name, "recipe")?;
        let (mut program, mut attachment) = (Vec::new(), Vec::new());
        loop {
            let mut argument = RecipeDescribe {
                size: size_of_argument::<RecipeDescribe>(),
                name: name_field,
                ..RecipeDescribe::zeroed()
            };
            let request = Request::Describe(&mut argument, &mut program, &mut attachment);
            let Err(error) = self.channel.carry_out(request) else {
                program.truncate(usize_of(argument.program_size));
                attachment.truncate(usize_of(argument.attachment_size));
                return Ok(Stored {
                    program,
                    attachment,
                });
            };
            match errno(&error) {
                libc::ENOENT => return Err(self.unknown_recipe(name)),
                libc::ENOSPC
                    if argument.program_size <= MAX_PROGRAM_SIZE
                        && argument.attachment_size <= MAX_ATTACHMENT_SIZE =>
                {
                    program.resize(usize_of(argument.program_size), 0);
                    attachment.resize(usize_of(argument.attachment_size), 0);
                }
                _ => return Err(unexpected("describe the recipe")(error)),
            }
        }
    }

    /// The names of the loaded recipes, in the order of loading.
    ///
    /// # Errors
    /// If the module does not answer.
    pub fn list_recipes(&self) -> Result<Vec<String>, Error> {
        self.list(|argument, names| Request::Recipes(argument, names))
    }

    /// The names of the module's own tests.
    ///
    /// # Errors
    /// If the module does not answer.
    pub fn list_tests(&self) -> Result<Vec<String>, Error> {
        self.list(|argument, names| Request::Tests(argument, names))
    }

    fn list(
        &self,
        request: impl for<'a> Fn(&'a mut NameList, &'a mut [u8]) -> Request<'a>,
    ) -> Result<Vec<String>, Error> {
        let mut names = vec![0; 4096];
        loop {
            let mut argument = NameList {
                size: size_of_argument::<NameList>(),
                ..NameList::zeroed()
            };
            match self.channel.carry_out(request(&mut argument, &mut names)) {
                Ok(_) => {
                    names.truncate(usize_of(argument.needed));
                    let names = String::from_utf8_lossy(&names);
                    let names = names.split_terminator('\0').map(str::to_owned);
                    return Ok(names.collect());
                }
                // More may be loaded in between.
                Err(error) if errno(&error) == libc::ENOSPC => {
                    let larger = usize_of(argument.needed).max(2 * names.len());
                    names.resize(larger, 0);
                }
                Err(error) => return Err(unexpected("list names")(error)),
            }
        }
    }

    /// The layout of kernel virtual memory that is backed by RAM, ascending.
    ///
    /// # Errors
    /// If lockdown forbids it, or memory is short.
    pub fn memory_map(&self) -> Result<Vec<Range>, Error> {
        const MOST: usize = 1 << 30;
        let mut buffer = vec![0; 1 << 16];
        loop {
            match self.channel.carry_out(Request::MemoryMap(&mut buffer)) {
                Ok(_) => return Ok(ranges(&buffer)),
                Err(error) => match errno(&error) {
                    libc::ENOSPC if buffer.len() < MOST => buffer.resize(4 * buffer.len(), 0),
                    libc::EPERM => {
                        return Err(Error::LockedDown {
                            mode: access::lockdown_now(),
                        });
                    }
                    libc::ENOMEM => {
                        return Err(Error::NoMemory {
                            what: "the layout of its memory".to_owned(),
                        });
                    }
                    _ => return Err(unexpected("tell the layout of its memory")(error)),
                },
            }
        }
    }

    /// The debug log of the latest test or capture that asked for it, read from
    /// where the last call ended.
    ///
    /// # Errors
    /// If it can't be read.
    pub fn log(&self) -> Result<String, Error> {
        let mut log = Vec::new();
        let mut chunk = [0; 4096];
        loop {
            let read = self.channel.read(&mut chunk);
            let read = read.map_err(unexpected("give its log"))?;
            match chunk.get(..read) {
                None | Some([]) => return Ok(String::from_utf8_lossy(&log).into_owned()),
                Some(bytes) => log.extend(bytes),
            }
        }
    }
}

/// Sizes that the module gives are those of buffers that fit into memory.
pub(crate) fn usize_of(size: u64) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}

fn ranges(buffer: &[u8]) -> Vec<Range> {
    let Some((count, ranges)) = buffer.split_first_chunk() else {
        return Vec::new();
    };
    let count = u32::from_le_bytes(*count) as usize;
    let (ranges, _) = ranges.as_chunks::<16>();
    let ranges = ranges.iter().take(count).map(|range| {
        let range = u128::from_le_bytes(*range);
        Range {
            start: range as u64,
            last: (range >> 64) as u64,
        }
    });
    ranges.collect()
}
