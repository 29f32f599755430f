//! The native part of the Python package `kflat`: images with attribute access by
//! their types. `python/kflat/` is what users import.

#![deny(unsafe_code)]

mod errors;
mod image;
mod opened;
mod place;
mod plain;
mod roots;
mod text;
mod value;

use pyo3::prelude::*;

/// The native part of kflat; import `kflat` instead.
#[pymodule]
mod _kflat {
    #[pymodule_export]
    use super::errors::{ImageError, NotCaptured};
    #[pymodule_export]
    use super::image::Image;
    #[pymodule_export]
    use super::roots::Roots;
    #[pymodule_export]
    use super::value::Value;
}
