//! The roots of an image.

use kflat_image::Image as Opened;
use pyo3::exceptions::{PyIndexError, PyKeyError};
use pyo3::prelude::*;

use crate::image::Image;
use crate::place::Place;
use crate::value::Value;

/// The roots of an image: a mapping by name, and by position.
#[pyclass(frozen, module = "kflat")]
pub(crate) struct Roots {
    image: Py<Image>,
}

impl Roots {
    pub(crate) fn new(image: Py<Image>) -> Self {
        Self { image }
    }

    fn opened<'py>(&'py self, py: Python<'py>) -> &'py Opened {
        self.image.get().opened(py).image()
    }

    fn names(&self, py: Python<'_>) -> Vec<Option<String>> {
        let roots = self.opened(py).roots();
        roots.map(|root| root.name.map(str::to_owned)).collect()
    }
}

/// What a root is asked for by.
#[derive(FromPyObject)]
enum Key {
    Index(isize),
    Name(String),
}

#[pymethods]
impl Roots {
    fn __len__(&self, py: Python<'_>) -> usize {
        self.opened(py).roots().count()
    }

    fn __contains__(&self, py: Python<'_>, name: &str) -> bool {
        self.opened(py).root(name).is_some()
    }

    fn __getitem__(&self, py: Python<'_>, key: Key) -> PyResult<Value> {
        let index = match key {
            Key::Index(index) => {
                let count = self.__len__(py);
                let from_end = if index < 0 { count } else { 0 };
                from_end
                    .checked_add_signed(index)
                    .filter(|index| *index < count)
                    .ok_or_else(|| {
                        PyIndexError::new_err(format!(
                            "there is no root {index}: the image has {count}"
                        ))
                    })?
            }
            Key::Name(name) => match self.opened(py).root(&name) {
                Some(root) => root.index,
                None => {
                    let names = self.names(py).into_iter().flatten().collect::<Vec<_>>();
                    return Err(PyKeyError::new_err(format!(
                        "no root is called {name:?}; there are: {}",
                        names.join(", ")
                    )));
                }
            },
        };
        // That there are types is better found out here than at the first member.
        self.image.get().opened(py).types()?;
        Ok(Value::new(self.image.clone_ref(py), Place::Root(index)))
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.keys(py).into_pyobject(py)?.call_method0("__iter__")
    }

    /// The names, `None` for a root without one.
    fn keys(&self, py: Python<'_>) -> Vec<Option<String>> {
        self.names(py)
    }

    /// The roots, in the recipe's order.
    fn values(&self, py: Python<'_>) -> PyResult<Vec<Value>> {
        (0..self.__len__(py))
            .map(|index| self.__getitem__(py, Key::Index(index.cast_signed())))
            .collect()
    }

    /// Names and roots.
    fn items(&self, py: Python<'_>) -> PyResult<Vec<(Option<String>, Value)>> {
        Ok(self.names(py).into_iter().zip(self.values(py)?).collect())
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let names = self.names(py).into_iter().map(|name| match name {
            Some(name) => name,
            None => "(no name)".to_owned(),
        });
        format!("<kflat.Roots: {}>", names.collect::<Vec<_>>().join(", "))
    }
}
