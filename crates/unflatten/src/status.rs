//! How a call ended, in numbers and in words.

use std::ffi::CStr;

use kflat_image::load::LoadError;
use kflat_image::{ImageError, Section};

macro_rules! statuses {
    ($($(#[doc = $doc:literal])+ $name:ident = $value:literal, $text:literal;)*) => {
        /// How a call ended: `UnflattenStatus`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(C)]
        pub enum Status {
            $($(#[doc = $doc])+ $name = $value,)*
        }

        impl Status {
            /// All there are, ascending.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// What it means.
            #[must_use]
            pub fn text(self) -> &'static CStr {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

statuses! {
    /// All went well.
    Ok = 0, c"no error";
    /// A root can't be.
    InvalidRootPointer = 1, c"a root of the image is not one";
    /// What was handed over is not what the call takes.
    InvalidArgument = 2, c"an argument is not what the call takes";
    /// A place is outside of the image.
    InvalidOffset = 3, c"a record goes beyond its section";
    /// Not an image.
    InvalidMagic = 4, c"the file is not a flattened image";
    /// The place of a pointer can't be.
    InvalidFixLocation = 5, c"the place of a pointer is outside of the image's memory or overlaps another";
    /// The target of a pointer can't be.
    InvalidFixDestination = 6, c"a pointer leads out of the image's memory";
    /// An address is not of this image.
    InvalidAddressPointee = 7, c"an address does not belong to the image";
    /// All roots were handed out.
    NoNextRootPointer = 8, c"there is no further root";
    /// No root of that name.
    NotFoundNamedRootPointer = 9, c"there is no root of this name";
    /// Nothing is loaded.
    UninitializedFlctrl = 10, c"no image is loaded";
    /// Beyond the last.
    IndexOutOfRange = 11, c"there is none of this index";
    /// Never returned: files are not locked.
    FileLocked = 12, c"the file is locked";
    /// Never returned: there are no modes.
    UnexpectedOpenMode = 13, c"the file is opened in another way than expected";
    /// The header contradicts itself.
    DifferentImageSize = 14, c"the sections do not make the size that the header says";
    /// Never returned: the sections' sizes are checked together.
    MemorySizeBiggerThanImage = 15, c"the memory is bigger than the image";
    /// A fragment can't be.
    MemoryFragmentDoesNotFit = 16, c"a fragment is outside of the image's memory or overlaps another";
    /// The end is missing.
    TruncatedFile = 17, c"the end of the file is missing";
    /// Another version.
    UnsupportedMagic = 18, c"the image has a version that is not known";
    /// A number is too large.
    Overflow = 19, c"a number in the image is impossibly large";
    /// No memory.
    AllocationFailed = 20, c"no memory";
    /// Never returned: there are no intervals.
    IntervalExtractionFailed = 21, c"no interval";
    /// Never returned: that is no error.
    AlreadyFixed = 22, c"the image is used as it was linked";
    /// The file can't be read or mapped.
    Io = 23, c"the file can't be read or mapped";
    /// Symbols or the extension contradict themselves.
    Damaged = 24, c"function symbols or what follows the image is damaged";
    /// The image does not tell.
    NotFound = 25, c"the image holds no such object or address, or does not tell";
    /// The library is wrong.
    Internal = 26, c"the library failed; this is a bug";
}

impl Status {
    /// The status of that number.
    #[must_use]
    pub fn of(number: i32) -> Option<Self> {
        let all = Self::ALL.iter();
        all.copied().find(|status| *status as i32 == number)
    }
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The status says it all.
    #[error("{}", .0.text().to_string_lossy())]
    Status(Status),
    /// An image can't be loaded, or reset.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// An image can't be described.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The stream can't be used.
    #[error("can't read the file")]
    Stream(#[source] std::io::Error),
}

impl Failure {
    /// The number for it.
    pub(crate) fn status(&self) -> Status {
        match self {
            Self::Status(status) => *status,
            Self::Stream(_) | Self::Load(LoadError::Map(_)) => Status::Io,
            Self::Load(LoadError::Image(error)) | Self::Image(error) => of_image(error),
            Self::Load(LoadError::Memory { .. }) => Status::AllocationFailed,
            Self::Load(LoadError::TooMany { .. }) => Status::Overflow,
            Self::Load(LoadError::Straddles { .. }) => Status::InvalidFixLocation,
        }
    }

    /// What was wrong, and why.
    pub(crate) fn text(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(&format!(": {error}"));
            cause = error.source();
        }
        text
    }
}

fn of_image(error: &ImageError) -> Status {
    match error {
        ImageError::Read { .. } => Status::Io,
        ImageError::File { source, .. } => of_image(source),
        ImageError::NoHeader { .. } | ImageError::Truncated { .. } => Status::TruncatedFile,
        ImageError::Magic { .. } => Status::InvalidMagic,
        ImageError::Version { .. } => Status::UnsupportedMagic,
        ImageError::Count { .. } => Status::Overflow,
        ImageError::Size { .. } => Status::DifferentImageSize,
        ImageError::Target { .. } => Status::InvalidFixDestination,
        ImageError::Outside { section, .. } | ImageError::Order { section, .. } => match section {
            Section::Roots | Section::NamedRoots => Status::InvalidRootPointer,
            Section::Fragments => Status::MemoryFragmentDoesNotFit,
            _ => Status::InvalidFixLocation,
        },
        ImageError::Both { .. } => Status::InvalidFixLocation,
        ImageError::Records { section, .. } | ImageError::Name { section, .. } => match section {
            Section::NamedRoots => Status::InvalidOffset,
            _ => Status::Damaged,
        },
        ImageError::Padding { .. } => Status::InvalidOffset,
        ImageError::Duplicate { .. } | ImageError::NoSuchRoot { .. } => Status::InvalidRootPointer,
        ImageError::Symbol { .. }
        | ImageError::SymbolCount { .. }
        | ImageError::Extension(_)
        | ImageError::ContextKey { .. } => Status::Damaged,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_each_other_and_have_words() {
        for (number, status) in (0..).zip(Status::ALL) {
            assert_eq!(Status::of(number), Some(*status));
            assert!(!status.text().is_empty());
        }
        assert_eq!(Status::of(-1), None);
        assert_eq!(Status::of(Status::ALL.len() as i32), None);
    }
}
