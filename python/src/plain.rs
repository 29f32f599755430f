//! Values as plain Python objects.

use std::collections::HashSet;

use kflat_image::typed::{Pointer, Shape, Typed, Value};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString};

use crate::place::{Place, Sequence};
use crate::text;

/// The original address that a pointer holds; `None` for a function.
pub(crate) fn address(typed: &Typed<'_>, pointer: &Pointer<'_>) -> Option<u64> {
    match pointer {
        Pointer::Null => Some(0),
        Pointer::Outside(address) => Some(*address),
        Pointer::Inside { target, .. } => typed.image().address(*target),
        Pointer::Function(_) => None,
    }
}

/// Bytes of a kernel string as `str`: what is no UTF-8 is kept by
/// `surrogateescape`, as Python does with file names.
pub(crate) fn decoded<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(PyString::new(py, text).into_any()),
        Err(_) => PyBytes::new(py, bytes).call_method1("decode", ("utf-8", "surrogateescape")),
    }
}

/// A scalar: number, `bool`, address, or the symbol of a function. `None`: it is
/// none.
pub(crate) fn scalar<'py>(
    py: Python<'py>,
    typed: &Typed<'_>,
    shape: &Shape<'_>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    Ok(Some(match shape {
        Shape::Number { value, .. } | Shape::Enum { value, .. } => {
            value.into_pyobject(py)?.into_any()
        }
        Shape::Char(value) => value.into_pyobject(py)?.into_any(),
        Shape::Bool(value) => value.into_pyobject(py)?.to_owned().into_any(),
        Shape::Float(value) => value.into_pyobject(py)?.into_any(),
        Shape::Pointer(Pointer::Function(symbol)) => PyString::new(py, symbol).into_any(),
        Shape::Pointer(pointer) => match address(typed, pointer) {
            Some(address) => address.into_pyobject(py)?.into_any(),
            None => py.None().into_bound(py),
        },
        _ => return Ok(None),
    }))
}

/// Makes dictionaries and lists of structures and arrays, each object once.
pub(crate) struct Plain<'py, 't, 'i> {
    py: Python<'py>,
    typed: &'t Typed<'i>,
    /// Where objects begin that were told already, and their types.
    told: HashSet<(u64, u32)>,
}

impl<'py, 't, 'i> Plain<'py, 't, 'i> {
    pub(crate) fn new(py: Python<'py>, typed: &'t Typed<'i>) -> Self {
        Self {
            py,
            typed,
            told: HashSet::new(),
        }
    }

    /// `place` as a plain object; pointers are followed `depth` times.
    pub(crate) fn of(&mut self, place: &Place, depth: u32) -> PyResult<Bound<'py, PyAny>> {
        let (py, typed) = (self.py, self.typed);
        if let Some(Ok(string)) = text::string(typed, place) {
            return decoded(py, string);
        }
        if let Some(value) = place.value()
            && let Some(elements) = typed.list(value)
        {
            return self.sequence(Sequence::List(elements), depth);
        }
        let shape = place.shape(typed);
        match (&shape, place) {
            (Shape::Pointer(Pointer::Inside { aim: Some(aim), .. }), _) if depth > 0 => {
                let key = (aim.value.offset, typed.btf().resolve(aim.value.of).0);
                if self.told.insert(key) {
                    return if aim.count == 1 {
                        self.of(&Place::At(aim.value), depth - 1)
                    } else {
                        self.sequence(Sequence::Pointed(*aim), depth - 1)
                    };
                }
            }
            (Shape::Enum { names, .. }, _) if !names.is_empty() => {
                return Ok(PyString::new(py, &names.join(" | ")).into_any());
            }
            (Shape::Composite { .. }, Place::At(value)) => {
                self.told
                    .insert((value.offset, typed.btf().resolve(value.of).0));
                let dict = PyDict::new(py);
                self.members(value, depth, &dict)?;
                return Ok(dict.into_any());
            }
            (Shape::Array { .. }, _) => {
                if let Some(Ok(sequence)) = place.sequence(typed) {
                    return self.sequence(sequence, depth);
                }
            }
            (Shape::Bytes(size), Place::At(value)) => {
                if let Some(bytes) = typed.bytes(value, *size) {
                    return Ok(PyBytes::new(py, bytes).into_any());
                }
            }
            _ => {}
        }
        Ok(scalar(py, typed, &shape)?.unwrap_or_else(|| py.None().into_bound(py)))
    }

    fn sequence(&mut self, mut sequence: Sequence, depth: u32) -> PyResult<Bound<'py, PyAny>> {
        let list = PyList::empty(self.py);
        let mut taken = 0;
        while let Some(element) = sequence.next(self.typed, &mut taken) {
            list.append(self.of(&Place::At(element), depth)?)?;
        }
        Ok(list.into_any())
    }

    /// Members of structures and unions without a name are their holder's.
    fn members(&mut self, holder: &Value, depth: u32, dict: &Bound<'py, PyDict>) -> PyResult<()> {
        for member in self.typed.members(holder) {
            if member.name.is_empty() {
                self.members(&member.value, depth, dict)?;
            } else {
                dict.set_item(member.name, self.of(&Place::At(member.value), depth)?)?;
            }
        }
        Ok(())
    }
}
