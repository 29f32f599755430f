//! Python's exceptions, and what becomes them.

use std::error::Error;

use pyo3::exceptions::{PyException, PyLookupError};
use pyo3::{PyErr, create_exception};

create_exception!(
    kflat,
    ImageError,
    PyException,
    "A file that is not a usable image, or lacks what was asked of it."
);
create_exception!(
    kflat,
    NotCaptured,
    PyLookupError,
    "What a pointer leads to is not in the image, and the message says why."
);

/// An error and its causes in one line.
pub(crate) fn sentence(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// `error` as an [`ImageError`].
pub(crate) fn image_error(error: &dyn Error) -> PyErr {
    ImageError::new_err(sentence(error))
}
