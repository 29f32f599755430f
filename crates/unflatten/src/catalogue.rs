//! What the extension tells of an image: its objects, their types, and where they
//! were in the kernel.

use std::ffi::{CStr, CString, c_char, c_void};

use kflat_abi::program::Program;
use kflat_image::Extension;
use kflat_image::load::Loaded;

/// An object of a loaded image: `struct unflatten_object`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Object {
    /// Where it is.
    pub pointer: *mut c_void,
    /// Its bytes, all elements together.
    pub size: usize,
    /// How many elements it has.
    pub count: usize,
    /// The name of their type, or NULL.
    pub type_name: *const c_char,
    /// Where it was in the kernel, or 0.
    pub address: u64,
}

/// Tables to look up by index, offset and address.
#[derive(Debug)]
pub(crate) struct Catalogue {
    objects: Vec<Extent>,
    /// Objects by their start, and the farthest end up to each.
    by_offset: Vec<(u64, u32)>,
    farthest: Vec<u64>,
    /// Fragments: offset, bytes, original address.
    fragments: Vec<Range>,
    /// The same by original address.
    by_address: Vec<Range>,
    type_names: Vec<CString>,
    root_names: Vec<Option<CString>>,
}

/// An object of the image's memory.
#[derive(Clone, Copy, Debug)]
struct Extent {
    offset: u64,
    size: u64,
    count: u32,
    type_index: u32,
}

impl Extent {
    fn end(&self) -> u64 {
        self.offset + self.size
    }
}

/// A fragment.
#[derive(Clone, Copy, Debug)]
struct Range {
    offset: u64,
    size: u64,
    address: u64,
}

impl Catalogue {
    /// Of an image; without an extension it knows of no objects.
    pub(crate) fn of(loaded: &Loaded) -> Self {
        let extension = loaded.extension().unwrap_or_default();
        let program = extension.program();
        let objects = objects(&extension, program.as_ref());
        let mut by_offset: Vec<(u64, u32)> = (objects.iter().zip(0..))
            .map(|(object, index)| (object.offset, index))
            .collect();
        by_offset.sort_unstable();
        let mut end = 0;
        let farthest = (by_offset.iter())
            .map(|(_, index)| {
                end = end.max(objects.get(*index as usize).map_or(0, Extent::end));
                end
            })
            .collect();
        let fragments: Vec<Range> = (loaded.fragment_records().zip(extension.origins()))
            .map(|(fragment, address)| Range {
                offset: fragment.offset,
                size: fragment.size,
                address: *address,
            })
            .collect();
        let mut by_address = fragments.clone();
        by_address.sort_unstable_by_key(|range| range.address);
        let (types, ..) = program.as_ref().map_or((0, 0, 0), Program::counts);
        let type_name = |index| {
            let program = program.as_ref()?;
            program.string_at(program.type_at(index)?.name)
        };
        Self {
            objects,
            by_offset,
            farthest,
            fragments,
            by_address,
            type_names: (0..types)
                .map(|index| CString::new(type_name(index).unwrap_or("")).unwrap_or_default())
                .collect(),
            root_names: (0..loaded.header().root_addr_count as usize)
                .map(|index| CString::new(loaded.root_name(index)?).ok())
                .collect(),
        }
    }

    /// The name of root `index`.
    pub(crate) fn root_name(&self, index: usize) -> Option<&CStr> {
        self.root_names.get(index)?.as_deref()
    }

    pub(crate) fn object_count(&self) -> usize {
        self.objects.len()
    }

    /// Object `index` where it was loaded.
    pub(crate) fn object(&self, loaded: &Loaded, index: usize) -> Option<Object> {
        let object = self.objects.get(index)?;
        let name = self.type_names.get(object.type_index as usize);
        let name = name.filter(|name| !name.is_empty());
        Some(Object {
            pointer: loaded.pointer(object.offset)?.cast(),
            size: object.size as usize,
            count: object.count as usize,
            type_name: name.map_or(std::ptr::null(), |name| name.as_ptr()),
            address: self.address(object.offset).unwrap_or(0),
        })
    }

    /// The smallest object around an offset.
    pub(crate) fn around(&self, offset: u64) -> Option<usize> {
        let after = self
            .by_offset
            .partition_point(|(start, _)| *start <= offset);
        let before = (self.by_offset.get(..after)?.iter()).zip(self.farthest.get(..after)?);
        before
            .rev()
            .take_while(|(_, farthest)| **farthest > offset)
            .filter_map(|((_, index), _)| {
                let object = self.objects.get(*index as usize)?;
                (object.end() > offset).then_some((object.size, *index as usize))
            })
            .min()
            .map(|(_, index)| index)
    }

    /// Where an offset was in the kernel.
    pub(crate) fn address(&self, offset: u64) -> Option<u64> {
        let after = (self.fragments).partition_point(|fragment| fragment.offset <= offset);
        let fragment = self.fragments.get(after.checked_sub(1)?)?;
        let inside = offset - fragment.offset;
        (inside < fragment.size).then(|| fragment.address.wrapping_add(inside))
    }

    /// The offset of what was at an address in the kernel.
    pub(crate) fn offset(&self, address: u64) -> Option<u64> {
        let after = (self.by_address).partition_point(|fragment| fragment.address <= address);
        let fragment = self.by_address.get(after.checked_sub(1)?)?;
        let inside = address - fragment.address;
        (inside < fragment.size).then(|| fragment.offset + inside)
    }
}

fn objects(extension: &Extension, program: Option<&Program<'_>>) -> Vec<Extent> {
    let size = |index| {
        let view = program.and_then(|program| program.type_at(index));
        view.map_or(0, |view| u64::from(view.size))
    };
    (extension.objects().iter())
        .map(|object| Extent {
            offset: object.offset,
            size: size(object.type_index) * u64::from(object.count),
            count: object.count,
            type_index: object.type_index,
        })
        .collect()
}
