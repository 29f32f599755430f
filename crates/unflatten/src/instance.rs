//! What a handle stands for: settings, an image if one is loaded, and how the last
//! call ended.

#![expect(unsafe_code, reason = "loads files and calls a resolver of C")]

use std::ffi::{CStr, CString, c_char, c_void};
use std::fs::File;
use std::os::unix::fs::FileExt as _;

use kflat_abi::image::Header as ImageHeader;
use kflat_abi::record::Record as _;
use kflat_image::Image;
use kflat_image::describe::describe;
use kflat_image::load::{Loaded, Options, POISON, Place};

use crate::catalogue::{Catalogue, Object};
use crate::status::{Failure, Status};

/// Finds the address of a function by its name; 0: it has none. `NULL`: none has.
pub type Resolver = Option<unsafe extern "C" fn(*const c_char) -> usize>;

/// An image's header as C sees it: `struct unflatten_image_header`.
#[derive(Debug)]
#[repr(C)]
pub struct Header {
    /// The bytes `FLATTEN\0`.
    pub magic: u64,
    /// 2.
    pub version: u32,
    /// 0.
    pub reserved: u32,
    /// The address that the file is linked for, or 0.
    pub last_load_addr: u64,
    /// What the file's pointers are relative to.
    pub last_mem_addr: u64,
    /// Bytes of the image.
    pub image_size: u64,
    /// Bytes of its memory.
    pub memory_size: u64,
    /// How many pointers.
    pub ptr_count: u64,
    /// How many function pointers.
    pub fptr_count: u64,
    /// How many roots.
    pub root_addr_count: u64,
    /// How many roots have names.
    pub root_addr_extended_count: u64,
    /// Bytes of the names.
    pub root_addr_extended_size: u64,
    /// Bytes of the function symbols.
    pub fptrmapsz: u64,
    /// How many fragments.
    pub mcount: u64,
}

/// How an image is to be loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Each fragment an allocation.
    Fragments,
    /// All in one.
    Continuous,
    /// All in one, and as it was linked if it lies there.
    Prelinked,
}

/// What a handle stands for.
#[derive(Debug)]
pub(crate) struct Instance {
    level: i32,
    poison: u64,
    current: Option<Current>,
    status: Status,
    error: CString,
}

/// A loaded image.
#[derive(Debug)]
struct Current {
    loaded: Loaded,
    header: Box<Header>,
    next_root: usize,
    /// Made when asked for.
    catalogue: Option<Catalogue>,
}

const NOT_LOADED: Failure = Failure::Status(Status::UninitializedFlctrl);

impl Instance {
    /// From `level` 1 on what is done and what fails is told on stderr.
    pub(crate) fn new(level: i32) -> Self {
        Self {
            level,
            poison: POISON,
            current: None,
            status: Status::Ok,
            error: CString::default(),
        }
    }

    /// A call went well.
    pub(crate) fn succeeded(&mut self) {
        self.status = Status::Ok;
        self.error = CString::default();
    }

    /// A call failed.
    pub(crate) fn failed(&mut self, failure: &Failure) -> Status {
        let text = failure.text();
        if self.level >= 1 {
            eprintln!("unflatten: {text}");
        }
        self.status = failure.status();
        self.error = CString::new(text.replace('\0', " ")).unwrap_or_default();
        self.status
    }

    /// How the last call ended.
    pub(crate) fn status(&self) -> (Status, &CStr) {
        (self.status, &self.error)
    }

    /// The value of function pointers that nothing resolves, from the next load on.
    pub(crate) fn set_poison(&mut self, poison: u64) {
        self.poison = poison;
    }

    /// Loads the image in `file` in place of the one that was.
    ///
    /// # Safety
    /// The file must not be changed until the image is unloaded, and `resolver` must
    /// be right to call.
    pub(crate) unsafe fn load(
        &mut self,
        file: &File,
        resolver: Resolver,
        way: Way,
    ) -> Result<(), Failure> {
        self.unload();
        let resolve = |name: &str| {
            let (resolver, name) = (resolver?, CString::new(name).ok()?);
            // SAFETY: The caller's promise; the name ends in NUL.
            let address = unsafe { resolver(name.as_ptr()) };
            (address != 0).then_some(address as u64)
        };
        let options = Options {
            resolver: resolver.is_some().then_some(&resolve),
            poison: self.poison,
            trust_linked: way == Way::Prelinked,
        };
        let loaded = match way {
            // Some writers tell of no fragments.
            // SAFETY: The caller's promise.
            Way::Fragments if is_undivided(file) => unsafe { Loaded::map(file, &options) },
            // SAFETY: As above.
            Way::Fragments => unsafe { Loaded::fragments(file, &options) },
            // SAFETY: As above.
            Way::Continuous | Way::Prelinked => unsafe { Loaded::map(file, &options) },
        }?;
        let header = loaded.header();
        if self.level >= 1 {
            eprintln!(
                "unflatten: loaded {} bytes in {} fragments with {} pointers and {} function pointers",
                header.memory_size, header.mcount, header.ptr_count, header.fptr_count
            );
        }
        self.current = Some(Current {
            header: Box::new(header_of(header)),
            loaded,
            next_root: 0,
            catalogue: None,
        });
        Ok(())
    }

    /// Lets go of the image, if there is one.
    pub(crate) fn unload(&mut self) {
        self.current = None;
    }

    fn current(&mut self) -> Result<&mut Current, Failure> {
        self.current.as_mut().ok_or(NOT_LOADED)
    }

    /// The loaded image.
    pub(crate) fn loaded(&mut self) -> Result<&mut Loaded, Failure> {
        Ok(&mut self.current()?.loaded)
    }

    /// The header; it stays where it is until the image is unloaded.
    pub(crate) fn header(&mut self) -> Result<&Header, Failure> {
        Ok(&self.current()?.header)
    }

    /// How many roots there are.
    pub(crate) fn root_count(&mut self) -> Result<usize, Failure> {
        Ok(self.current()?.header.root_addr_count as usize)
    }

    /// The root behind the one that was handed out last.
    pub(crate) fn next_root(&mut self) -> Result<*mut c_void, Failure> {
        let (count, next) = (self.root_count()?, self.current()?.next_root);
        if next >= count {
            return Err(Failure::Status(Status::NoNextRootPointer));
        }
        self.root(next)
    }

    /// Root `index`; NULL if it was, or nothing was captured under it.
    pub(crate) fn root(&mut self, index: usize) -> Result<*mut c_void, Failure> {
        if index >= self.root_count()? {
            return Err(Failure::Status(Status::IndexOutOfRange));
        }
        let current = self.current()?;
        current.next_root = index + 1;
        Ok(pointer(current.loaded.root(index)))
    }

    /// The root of that name, and its bytes.
    pub(crate) fn named_root(&mut self, name: &CStr) -> Result<(*mut c_void, usize), Failure> {
        let current = self.current()?;
        let index = (0..current.header.root_addr_count as usize).find(|index| {
            current.loaded.root_name(*index).map(str::as_bytes) == Some(name.to_bytes())
        });
        let index = index.ok_or(Failure::Status(Status::NotFoundNamedRootPointer))?;
        let place = current.loaded.root(index);
        Ok((pointer(place), place.map_or(0, |place| place.size as usize)))
    }

    /// Goes back to the state after the load.
    ///
    /// # Safety
    /// Nobody else may use the image's memory at the same time.
    pub(crate) unsafe fn reset(&mut self) -> Result<(), Failure> {
        let current = self.current()?;
        current.next_root = 0;
        // SAFETY: The caller's promise.
        let result = unsafe { current.loaded.reset() };
        if result.is_err() {
            // It must no longer be used.
            self.unload();
        }
        Ok(result?)
    }

    fn with_catalogue<T>(
        &mut self,
        ask: impl FnOnce(&mut Loaded, &Catalogue) -> T,
    ) -> Result<T, Failure> {
        let current = self.current()?;
        let catalogue = match current.catalogue.take() {
            Some(catalogue) => catalogue,
            None => Catalogue::of(&current.loaded),
        };
        let answer = ask(&mut current.loaded, &catalogue);
        current.catalogue = Some(catalogue);
        Ok(answer)
    }

    /// The name of root `index`; `None` if it has none.
    pub(crate) fn root_name(&mut self, index: usize) -> Result<*const c_char, Failure> {
        if index >= self.root_count()? {
            return Err(Failure::Status(Status::IndexOutOfRange));
        }
        let name = self.with_catalogue(|_, catalogue| {
            let name = catalogue.root_name(index);
            name.map_or(std::ptr::null(), CStr::as_ptr)
        })?;
        Ok(name)
    }

    /// How many objects the image tells of.
    pub(crate) fn object_count(&mut self) -> Result<usize, Failure> {
        self.with_catalogue(|_, catalogue| catalogue.object_count())
    }

    /// Object `index`, in the order in which they were captured.
    pub(crate) fn object(&mut self, index: usize) -> Result<Object, Failure> {
        self.with_catalogue(|loaded, catalogue| catalogue.object(loaded, index))?
            .ok_or(Failure::Status(Status::IndexOutOfRange))
    }

    /// The smallest object around `pointer`.
    pub(crate) fn object_at(&mut self, pointer: *const c_void) -> Result<Object, Failure> {
        self.with_catalogue(|loaded, catalogue| {
            let offset = loaded.offset(pointer.cast());
            let offset = offset.ok_or(Failure::Status(Status::InvalidAddressPointee))?;
            let index = catalogue.around(offset);
            index
                .and_then(|index| catalogue.object(loaded, index))
                .ok_or(Failure::Status(Status::NotFound))
        })?
    }

    /// Where what is at `pointer` was in the kernel.
    pub(crate) fn original_address(&mut self, pointer: *const c_void) -> Result<u64, Failure> {
        self.with_catalogue(|loaded, catalogue| {
            let offset = loaded.offset(pointer.cast());
            let offset = offset.ok_or(Failure::Status(Status::InvalidAddressPointee))?;
            catalogue
                .address(offset)
                .ok_or(Failure::Status(Status::NotFound))
        })?
    }

    /// Where what was at `address` in the kernel is now.
    pub(crate) fn pointer_at(&mut self, address: u64) -> Result<*mut c_void, Failure> {
        self.with_catalogue(|loaded, catalogue| {
            let pointer = (catalogue.offset(address)).and_then(|offset| loaded.pointer(offset));
            pointer
                .map(<*mut u8>::cast)
                .ok_or(Failure::Status(Status::NotFound))
        })?
    }
}

/// Whether an image has memory but no fragments.
fn is_undivided(file: &File) -> bool {
    let mut bytes = [0; ImageHeader::SIZE];
    // What is wrong with the file the load says.
    let read = file.read_exact_at(&mut bytes, 0).ok();
    let header = read.and_then(|()| ImageHeader::decode(&bytes));
    header.is_some_and(|header| header.mcount == 0 && header.memory_size > 0)
}

fn pointer(place: Option<Place>) -> *mut c_void {
    place.map_or(std::ptr::null_mut(), |place| place.pointer.cast())
}

fn header_of(header: &ImageHeader) -> Header {
    Header {
        magic: header.magic,
        version: header.version,
        reserved: header.zero,
        last_load_addr: header.last_load_addr,
        last_mem_addr: header.last_mem_addr,
        image_size: header.image_size,
        memory_size: header.memory_size,
        ptr_count: header.ptr_count,
        fptr_count: header.fptr_count,
        root_addr_count: header.root_addr_count,
        root_addr_extended_count: header.root_addr_extended_count,
        root_addr_extended_size: header.root_addr_extended_size,
        fptrmapsz: header.fptrmapsz,
        mcount: header.mcount,
    }
}

/// What the image in `file` holds, in words.
pub(crate) fn description(file: &File) -> Result<Vec<u8>, Failure> {
    let read = || {
        let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
        let mut bytes = vec![0; length];
        // The stream's position stays where it is.
        file.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    };
    let image = Image::open(read().map_err(Failure::Stream)?)?;
    let mut text = Vec::new();
    describe(&image, &mut text).map_err(Failure::Stream)?;
    Ok(text)
}
