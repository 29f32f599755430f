//! An image and its types, which refer to it.

use kflat_image::Image;
use kflat_image::typed::Typed;
use pyo3::PyErr;
use self_cell::self_cell;

use crate::errors::ImageError;

/// `None`: the image has no types.
struct Types<'i>(Option<Typed<'i>>);

self_cell!(
    /// An image that was checked, with its types beside it.
    pub(crate) struct Opened {
        owner: Image,
        #[covariant]
        dependent: Types,
    }
);

impl Opened {
    /// Takes `image`, and finds its types.
    pub(crate) fn of(image: Image) -> Self {
        Self::new(image, |image| Types(Typed::new(image)))
    }

    /// The image.
    pub(crate) fn image(&self) -> &Image {
        self.borrow_owner()
    }

    /// Its types.
    ///
    /// # Errors
    /// If it has none.
    pub(crate) fn types(&self) -> Result<&Typed<'_>, PyErr> {
        self.borrow_dependent().0.as_ref().ok_or_else(|| {
            ImageError::new_err(
                "the image has no types: save it with kflat capture, which adds them",
            )
        })
    }
}
