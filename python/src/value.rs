//! `kflat.Value`.

use kflat_image::typed::{Pointer, Shape, Typed};
use pyo3::exceptions::{PyAttributeError, PyIndexError, PyTypeError};
use pyo3::prelude::*;
use pyo3::pyclass::CompareOp;
use pyo3::types::{PyBool, PyBytes, PyMemoryView, PySlice};

use crate::errors::NotCaptured;
use crate::image::Image;
use crate::place::{Lost, Place, Sequence};
use crate::{plain, text};

/// A place in an image, with its type.
///
/// Members are attributes, through pointers too: `file.f_path.dentry`. All else
/// ends in an underscore so that no member is hidden, but for `string()` and
/// `to_dict()`; `value["string"]` is a member whatever its name.
#[pyclass(frozen, module = "kflat")]
pub(crate) struct Value {
    image: Py<Image>,
    place: Place,
}

impl Value {
    pub(crate) fn new(image: Py<Image>, place: Place) -> Self {
        Self { image, place }
    }

    fn typed<'py>(&'py self, py: Python<'py>) -> PyResult<&'py Typed<'py>> {
        self.image.get().opened(py).types()
    }

    fn sibling(&self, py: Python<'_>, place: Place) -> Self {
        Self::new(self.image.clone_ref(py), place)
    }

    /// Why the way from here ends.
    fn lost(&self, typed: &Typed<'_>, lost: &Lost) -> PyErr {
        NotCaptured::new_err(format!("{}: {lost}", self.place.type_name(typed)))
    }

    fn wrong(&self, typed: &Typed<'_>, what: &str) -> PyErr {
        PyTypeError::new_err(format!("{} {what}", self.place.type_name(typed)))
    }

    fn sequence(&self, typed: &Typed<'_>) -> PyResult<Sequence> {
        match self.place.sequence(typed) {
            Some(sequence) => sequence.map_err(|lost| self.lost(typed, &lost)),
            None => Err(self.wrong(typed, "has no elements: it is no array, list or pointer")),
        }
    }

    fn member(&self, py: Python<'_>, name: &str) -> PyResult<Self> {
        let typed = self.typed(py)?;
        let btf = typed.btf();
        let of = self.place.holder_type(typed);
        let no_member = |of| {
            let names: Vec<&str> = btf.fields(of).into_iter().map(|(name, _)| name).collect();
            let has = match names.is_empty() {
                true => "it is no structure".to_owned(),
                false => format!("it has {}", names.join(", ")),
            };
            PyAttributeError::new_err(format!(
                "{} has no member {name:?}: {has}",
                btf.type_name(of)
            ))
        };
        // A `void *` has the members of what it leads to.
        if btf.composite(of).is_some() && btf.field(of, name).is_none() {
            return Err(no_member(of));
        }
        match self.place.holder(typed) {
            Ok(holder) => match typed.member(&holder, name) {
                Some(value) => Ok(self.sibling(py, Place::At(value))),
                None => Err(no_member(holder.of)),
            },
            // What asks objects for optional attributes is told that it has none.
            Err(_) if name.starts_with('_') && btf.field(of, name).is_none() => Err(no_member(of)),
            Err(lost) => Err(self.lost(typed, &lost)),
        }
    }

    fn element(&self, py: Python<'_>, index: i64) -> PyResult<Self> {
        let typed = self.typed(py)?;
        let sequence = self.sequence(typed)?;
        let wanted = match u64::try_from(index) {
            Ok(index) => Some(index),
            Err(_) => sequence.count(typed).checked_add_signed(index),
        };
        match wanted.and_then(|index| sequence.get(typed, index)) {
            Some(value) => Ok(self.sibling(py, Place::At(value))),
            None => Err(PyIndexError::new_err(format!(
                "there is no element {index}: {} has {}",
                self.place.type_name(typed),
                sequence.count(typed)
            ))),
        }
    }

    fn scalar<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let typed = self.typed(py)?;
        plain::scalar(py, typed, &self.place.shape(typed))
    }

    /// Its bytes: where they begin, and how many there are.
    fn extent(&self, typed: &Typed<'_>) -> PyResult<(u64, u64)> {
        let Some(value) = self.place.value() else {
            return Err(self.wrong(typed, "is a root, which has no bytes: deref_() it"));
        };
        let size = match typed.shape(value) {
            Shape::Array { count: 0, .. } => value.end.saturating_sub(value.offset),
            _ => typed.btf().size(value.of).unwrap_or(0),
        };
        match typed.bytes(value, size) {
            Some(_) => Ok((value.offset, size)),
            None => Err(self.lost(typed, &Lost::Cut)),
        }
    }
}

/// A member's name, or an element's position.
#[derive(FromPyObject)]
enum Key {
    Index(i64),
    Name(String),
}

#[pymethods]
impl Value {
    fn __getattr__(&self, py: Python<'_>, name: &str) -> PyResult<Self> {
        self.member(py, name)
    }

    fn __getitem__(&self, py: Python<'_>, key: Key) -> PyResult<Self> {
        match key {
            Key::Index(index) => self.element(py, index),
            Key::Name(name) => self.member(py, &name),
        }
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        let typed = self.typed(py)?;
        let count = self.sequence(typed)?.count(typed);
        usize::try_from(count).map_err(|_| self.wrong(typed, "has too many elements to count"))
    }

    fn __iter__(&self, py: Python<'_>) -> PyResult<Iterator> {
        Ok(Iterator {
            image: self.image.clone_ref(py),
            sequence: self.sequence(self.typed(py)?)?,
            taken: 0,
        })
    }

    fn __dir__(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        let mut names = self.members_(py)?;
        for own in [
            "address_", "buffer_", "bytes_", "deref_", "kind_", "members_", "names_", "offset_",
            "size_", "string", "symbol_", "to_dict", "type_", "value_",
        ] {
            names.push(own.to_owned());
        }
        Ok(names)
    }

    fn __int__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let typed = self.typed(py)?;
        match self.place.shape(typed) {
            Shape::Pointer(Pointer::Function(symbol)) => Err(self.wrong(
                typed,
                &format!("is the function {symbol}, whose address the image does not tell"),
            )),
            shape => match plain::scalar(py, typed, &shape)? {
                Some(number) => Ok(number),
                None => Err(self.wrong(typed, "is no number")),
            },
        }
    }

    fn __index__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.__int__(py)
    }

    fn __float__(&self, py: Python<'_>) -> PyResult<f64> {
        self.__int__(py)?.extract()
    }

    /// Whether a pointer is not NULL or a number is not 0; anything else is true.
    fn __bool__(&self, py: Python<'_>) -> PyResult<bool> {
        let typed = self.typed(py)?;
        Ok(match self.place.shape(typed) {
            Shape::Number { value, .. } | Shape::Enum { value, .. } => value != 0,
            Shape::Bool(value) => value,
            Shape::Char(value) => value != 0,
            Shape::Float(value) => value != 0.0,
            Shape::Pointer(pointer) => !matches!(pointer, Pointer::Null),
            _ => true,
        })
    }

    /// Numbers and pointers compare by their value, with numbers too; what has no
    /// number is equal to itself.
    fn __richcmp__<'py>(
        &self,
        py: Python<'py>,
        other: &Bound<'py, PyAny>,
        operator: CompareOp,
    ) -> PyResult<Py<PyAny>> {
        let (own, same) = (self.scalar(py)?, other.cast::<Self>().ok());
        let theirs = match same {
            Some(other) => other.get().scalar(py)?,
            None => Some(other.clone()),
        };
        if let (Some(own), Some(theirs)) = (&own, theirs) {
            return Ok(own.rich_compare(theirs, operator)?.unbind());
        }
        let is_same = own.is_none()
            && same.is_some_and(|other| {
                let other = other.get();
                self.image.is(&other.image) && self.place == other.place
            });
        let answer = match operator {
            CompareOp::Eq => is_same,
            CompareOp::Ne => !is_same,
            _ => return Ok(py.NotImplemented()),
        };
        Ok(PyBool::new(py, answer).to_owned().into_any().unbind())
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let typed = self.typed(py)?;
        let mut text = format!("<kflat.Value {}", self.place.type_name(typed));
        match self.place.shape(typed) {
            Shape::Pointer(Pointer::Function(symbol)) => text.push_str(&format!(" = {symbol}")),
            Shape::Pointer(pointer) => {
                if let Some(address) = plain::address(typed, &pointer) {
                    text.push_str(&format!(" = {address:#x}"));
                }
            }
            Shape::Enum { names, .. } if !names.is_empty() => {
                text.push_str(&format!(" = {}", names.join(" | ")));
            }
            shape => {
                if let Some(number) = plain::scalar(py, typed, &shape)? {
                    text.push_str(&format!(" = {number}"));
                } else if let Some(address) = self.place.address(typed) {
                    text.push_str(&format!(" at {address:#x}"));
                }
            }
        }
        text.push('>');
        Ok(text)
    }

    /// The string it is, or leads to, up to its NUL; of `char` or any bytes. Those that are no UTF-8 are
    /// kept as `surrogateescape` does.
    fn string<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let typed = self.typed(py)?;
        match text::octets(typed, &self.place) {
            Some(Ok(bytes)) => plain::decoded(py, bytes),
            Some(Err(lost)) => Err(self.lost(typed, &lost)),
            None => Err(self.wrong(typed, "is no string")),
        }
    }

    /// All of it as `dict`, `list`, `str`, `int`, …
    ///
    /// Pointers are followed `depth` times, each object once; others are their
    /// address, functions their symbol, what was not captured is `None`.
    #[pyo3(signature = (depth = 3))]
    fn to_dict<'py>(&self, py: Python<'py>, depth: u32) -> PyResult<Bound<'py, PyAny>> {
        /// Deeper, the way through a long chain would fill the stack.
        const DEEPEST: u32 = 64;
        let typed = self.typed(py)?;
        // A root is only a name for what it leads to.
        let place = match (&self.place, self.place.aim(typed)) {
            (Place::Root(_), Some(Ok(aim))) if aim.count == 1 && !aim.is_string => {
                Place::At(aim.value)
            }
            _ => self.place,
        };
        plain::Plain::new(py, typed).of(&place, depth.min(DEEPEST))
    }

    /// Its type, as C writes it.
    #[getter]
    fn type_(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.place.type_name(self.typed(py)?))
    }

    /// What it is: `struct`, `union`, `array`, `list`, `int`, `bool`, `char`,
    /// `enum`, `float`, `pointer`, `bytes`, or `missing` if it was not captured.
    #[getter]
    fn kind_(&self, py: Python<'_>) -> PyResult<&'static str> {
        let typed = self.typed(py)?;
        if (self.place.value()).is_some_and(|value| typed.list(value).is_some()) {
            return Ok("list");
        }
        Ok(match self.place.shape(typed) {
            Shape::Composite { is_union: false } => "struct",
            Shape::Composite { is_union: true } => "union",
            Shape::Array { .. } => "array",
            Shape::Number { .. } => "int",
            Shape::Bool(_) => "bool",
            Shape::Char(_) => "char",
            Shape::Enum { .. } => "enum",
            Shape::Float(_) => "float",
            Shape::Pointer(_) => "pointer",
            Shape::Bytes(_) => "bytes",
            Shape::Missing => "missing",
        })
    }

    /// A number, `bool`, address or function's symbol as Python has it.
    fn value_<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let typed = self.typed(py)?;
        match plain::scalar(py, typed, &self.place.shape(typed))? {
            Some(value) => Ok(value),
            None => Err(self.wrong(
                typed,
                "is no single value: to_dict(), bytes_() and string() show it",
            )),
        }
    }

    /// The names that an enum's value is made of.
    fn names_(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        let typed = self.typed(py)?;
        match self.place.shape(typed) {
            Shape::Enum { names, .. } => Ok(names.into_iter().map(str::to_owned).collect()),
            _ => Err(self.wrong(typed, "is no enum")),
        }
    }

    /// The symbol of a function pointer, `None` of anything else.
    #[getter]
    fn symbol_(&self, py: Python<'_>) -> PyResult<Option<String>> {
        Ok(match self.place.shape(self.typed(py)?) {
            Shape::Pointer(Pointer::Function(symbol)) => Some(symbol.to_owned()),
            _ => None,
        })
    }

    /// What a pointer leads to.
    fn deref_(&self, py: Python<'_>) -> PyResult<Self> {
        let typed = self.typed(py)?;
        match self.place.aim(typed) {
            Some(Ok(aim)) => Ok(self.sibling(py, Place::At(aim.value))),
            Some(Err(lost)) => Err(self.lost(typed, &lost)),
            None => Err(self.wrong(typed, "is no pointer")),
        }
    }

    /// The address it had in the kernel; `None` for a root, which lies nowhere.
    #[getter]
    fn address_(&self, py: Python<'_>) -> PyResult<Option<u64>> {
        Ok(self.place.address(self.typed(py)?))
    }

    /// Where it is in `Image.memory`; `None` for a root.
    #[getter]
    fn offset_(&self) -> Option<u64> {
        self.place.value().map(|value| value.offset)
    }

    /// Its bytes, how many.
    #[getter]
    fn size_(&self, py: Python<'_>) -> PyResult<u64> {
        Ok(match self.place.value() {
            None => 8,
            Some(_) => self.extent(self.typed(py)?)?.1,
        })
    }

    /// The names of its members, or of those of what it points to.
    fn members_(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        let typed = self.typed(py)?;
        let of = match self.place.holder(typed) {
            Ok(holder) => holder.of,
            Err(_) => self.place.holder_type(typed),
        };
        let fields = typed.btf().fields(of).into_iter();
        Ok(fields.map(|(name, _)| name.to_owned()).collect())
    }

    /// A copy of its bytes, as they are in the image.
    fn bytes_<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let typed = self.typed(py)?;
        let (offset, size) = self.extent(typed)?;
        let memory = typed.image().memory();
        let end = offset.saturating_add(size);
        let bytes = usize::try_from(offset)
            .ok()
            .zip(usize::try_from(end).ok())
            .and_then(|(start, end)| memory.get(start..end));
        Ok(PyBytes::new(py, bytes.unwrap_or_default()))
    }

    /// Its bytes as a read-only `memoryview`, without a copy.
    fn buffer_<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let (offset, size) = self.extent(self.typed(py)?)?;
        let whole = PyMemoryView::from(self.image.bind(py).as_any())?;
        let start = isize::try_from(offset).unwrap_or(isize::MAX);
        let end = isize::try_from(offset.saturating_add(size)).unwrap_or(isize::MAX);
        whole.get_item(PySlice::new(py, start, end, 1))
    }
}

/// Goes through elements.
#[pyclass(module = "kflat")]
struct Iterator {
    image: Py<Image>,
    sequence: Sequence,
    taken: u64,
}

#[pymethods]
impl Iterator {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&mut self, py: Python<'_>) -> PyResult<Option<Value>> {
        let image = self.image.clone_ref(py);
        let typed = image.get().opened(py).types()?;
        let next = self.sequence.next(typed, &mut self.taken);
        Ok(next.map(|value| Value::new(self.image.clone_ref(py), Place::At(value))))
    }
}
