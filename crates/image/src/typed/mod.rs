//! Types on an image's memory: what lies where, and where pointers lead.
//!
//! The types come from the extension: the recipe program says which pointer leads
//! to which of its types, the BTF what these types are. [`Typed`] finds objects,
//! [`Value`] is a place with a type, and [`Shape`] what a value is.
//!
//! Nothing here loops or recurses on the contents of an image, so a hostile one
//! can't make a single call run long; whoever goes from value to value bounds
//! their number.

mod argument;
mod index;
mod list;
mod path;
mod pointer;
mod tree;
mod value;

pub use argument::Argument;
pub use list::{Elements, Order};
pub(crate) use path::root_name;
pub use path::{Path, PathError, Step};
pub use pointer::{Aim, Pointer};
pub use value::{Bits, Member, Shape, Value, View};

use std::collections::HashMap;

use kflat_abi::extension::Diagnostic;
use kflat_abi::program::Program;
use kflat_btf::{Btf, TypeId};

use crate::extension::Extension;
use crate::image::{Image, Root};
use index::{Actions, Addresses, Objects};

/// An image and its types.
#[derive(Debug)]
pub struct Typed<'i> {
    image: &'i Image,
    extension: &'i Extension,
    btf: &'i Btf,
    program: Program<'i>,
    actions: Actions,
    objects: Objects,
    addresses: Addresses,
    /// Reason of a diagnostic by the location of the word.
    missing: HashMap<u64, u32>,
}

impl<'i> Typed<'i> {
    /// The types of `image`; `None` if it has no recipe program or no BTF.
    #[must_use]
    pub fn new(image: &'i Image) -> Option<Self> {
        let extension = image.extension()?;
        let (btf, program) = (extension.types()?, extension.program()?);
        Some(Self {
            image,
            extension,
            btf,
            program,
            actions: Actions::of(&program),
            objects: Objects::of(extension.objects(), &program),
            addresses: Addresses::of(image, extension),
            missing: index::missing(extension, &program),
        })
    }

    /// The image.
    #[must_use]
    pub fn image(&self) -> &'i Image {
        self.image
    }

    /// The types.
    #[must_use]
    pub fn btf(&self) -> &'i Btf {
        self.btf
    }

    /// The recipe program.
    #[must_use]
    pub fn program(&self) -> &Program<'i> {
        &self.program
    }

    /// What a root is, and the type and name that it is declared with.
    #[must_use]
    pub fn root(&self, root: &Root<'_>) -> (Pointer<'i>, Option<TypeId>) {
        let action = u32::try_from(root.index)
            .ok()
            .and_then(|index| self.program.root_at(index))
            .and_then(|record| self.program.action_at(record.action));
        let to = action
            .and_then(|action| self.program.type_at(action.target))
            .map(|view| TypeId(view.btf_id));
        // It points to a member of what was captured.
        let member = action
            .filter(|action| action.shift != 0)
            .and_then(|_| self.parameter(root.name?));
        let to = member.map(|of| self.pointee(of)).or(to);
        let pointer = match root.offset {
            None => Pointer::Null,
            Some(target) => Pointer::Inside {
                target,
                aim: action.and_then(|action| self.aim(target, &action)),
            },
        };
        (pointer, to)
    }

    /// Object `index` as a value.
    #[must_use]
    pub fn object(&self, index: u32) -> Option<(Value, u64)> {
        let object = self.extension.objects().get(index as usize)?;
        let view = self.program.type_at(object.type_index)?;
        let length = self.program.object_size(object.type_index, object.count);
        // With a flexible array it is one, which the count is not of.
        let count = if view.tail == kflat_abi::program::NONE {
            object.count
        } else {
            1
        };
        let value = Value {
            offset: object.offset,
            of: TypeId(view.btf_id),
            bits: None,
            view: Some(View {
                index: object.type_index,
                base: object.offset,
            }),
            end: object.offset + length,
        };
        Some((value, u64::from(count)))
    }

    /// The offset of the byte that was at an original address, if it was
    /// captured.
    #[must_use]
    pub fn offset_of(&self, address: u64) -> Option<u64> {
        self.addresses.offset(address)
    }

    /// The object that begins at `offset`, or one that `offset` is inside of.
    #[must_use]
    pub fn object_at(&self, offset: u64) -> Option<u32> {
        self.objects.around(offset)
    }

    /// Why the pointer at `location` was not followed, one of
    /// `abi::extension::REASON_*`.
    #[must_use]
    pub fn missing(&self, location: u64) -> Option<u32> {
        self.missing.get(&location).copied()
    }

    /// The location of the word that a diagnostic is about, if it is about one.
    #[must_use]
    pub fn location(&self, diagnostic: &Diagnostic) -> Option<u64> {
        index::location(self.extension, &self.program, diagnostic)
    }

    /// Whether bytes of the value changed while the capture ran.
    #[must_use]
    pub fn changed(&self, offset: u64, size: u64) -> bool {
        let changes = self.extension.changes();
        let after = changes.partition_point(|range| range.offset < offset.saturating_add(size));
        after
            .checked_sub(1)
            .and_then(|index| changes.get(index))
            .is_some_and(|range| range.offset.saturating_add(range.size) > offset)
    }
}
