//! `kflat.Image`.

#![expect(
    unsafe_code,
    reason = "Python's buffer protocol hands out the image's own memory, without a copy"
)]

use std::ffi::c_int;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use kflat_image::describe;
use kflat_image::export::{self, Profile};
use kflat_image::original::OriginalMemory;
use pyo3::exceptions::{PyBufferError, PyOSError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyMemoryView};

use crate::errors::{NotCaptured, image_error, sentence};
use crate::opened::Opened;
use crate::place::Place;
use crate::roots::Roots;
use crate::value::Value;

/// A flattened image.
///
/// `memoryview(image)` is the captured memory, without a copy. Pointers in it are
/// offsets into it plus the image's base; `Value` knows what they lead to.
#[pyclass(frozen, module = "kflat")]
pub(crate) struct Image {
    opened: Opened,
}

impl Image {
    /// The image and its types, for as long as Python holds it.
    pub(crate) fn opened<'py>(&'py self, _py: Python<'py>) -> &'py Opened {
        &self.opened
    }

    fn original(&self) -> PyResult<OriginalMemory<'_>> {
        OriginalMemory::of(self.opened.image()).map_err(|error| image_error(&error))
    }
}

#[pymethods]
impl Image {
    /// Reads and checks the image in the file `path`.
    #[staticmethod]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "Python's arguments are owned"
    )]
    fn open(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let image = py.detach(|| kflat_image::Image::read(&path));
        match image {
            Ok(image) => Ok(Self {
                opened: Opened::of(image),
            }),
            Err(kflat_image::ImageError::Read { path, source }) => {
                // With its number, it becomes FileNotFoundError and the like.
                let number = source.raw_os_error();
                Err(PyOSError::new_err((number, "can't be read", path)))
            }
            Err(error) => Err(image_error(&error)),
        }
    }

    /// Checks the image in `data`, a bytes-like object, which is copied.
    #[staticmethod]
    fn from_bytes(data: Vec<u8>) -> PyResult<Self> {
        let image = kflat_image::Image::open(data).map_err(|error| image_error(&error))?;
        Ok(Self {
            opened: Opened::of(image),
        })
    }

    /// The roots: what the recipe began with.
    #[getter]
    fn roots(slf: Bound<'_, Self>) -> Roots {
        Roots::new(slf.unbind())
    }

    /// The captured memory, a read-only `memoryview` without a copy.
    #[getter]
    fn memory<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyMemoryView>> {
        PyMemoryView::from(slf.as_any())
    }

    /// What a path leads to: `file.f_path.dentry->d_name.name`, `roots[1].next`.
    fn path(slf: Bound<'_, Self>, text: &str) -> PyResult<Value> {
        let found = {
            let types = slf.get().opened.types()?;
            types
                .path(text)
                .map_err(|error| NotCaptured::new_err(sentence(&error)))?
        };
        let place = match found.value {
            Some(value) => Place::At(value),
            None => Place::Root(found.root.index),
        };
        Ok(Value::new(slf.unbind(), place))
    }

    /// How many objects were captured.
    fn __len__(&self) -> usize {
        let extension = self.opened.image().extension();
        extension.map_or(0, |extension| extension.objects().len())
    }

    /// The captured objects, in the order of their capture.
    #[getter]
    fn objects(slf: &Bound<'_, Self>) -> PyResult<Vec<Value>> {
        let count = slf.get().__len__();
        let types = slf.get().opened.types()?;
        Ok((0..count)
            .filter_map(|index| types.object(u32::try_from(index).ok()?))
            .map(|(value, _)| Value::new(slf.clone().unbind(), Place::At(value)))
            .collect())
    }

    /// The object that was at the original `address`, or around it.
    fn at(slf: Bound<'_, Self>, address: u64) -> PyResult<Value> {
        let found = {
            let types = slf.get().opened.types()?;
            (types.offset_of(address))
                .and_then(|offset| types.object_at(offset))
                .and_then(|index| types.object(index))
        };
        let (value, _) = found.ok_or_else(|| {
            NotCaptured::new_err(format!("what is at {address:#x} was not captured"))
        })?;
        Ok(Value::new(slf.unbind(), Place::At(value)))
    }

    /// The `size` bytes that were at the original `address`, pointers with the
    /// values they had.
    fn read<'py>(
        &self,
        py: Python<'py>,
        address: u64,
        size: usize,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let memory = self.original()?;
        let absent = || {
            NotCaptured::new_err(format!(
                "not all of the {size} bytes at {address:#x} are in the image"
            ))
        };
        // No more than there can be, before memory is taken for it.
        let most: u64 = memory.spans().iter().map(|span| span.size).sum();
        if size as u64 > most {
            return Err(absent());
        }
        PyBytes::new_with(py, size, |bytes| {
            if memory.read(address, bytes) {
                Ok(())
            } else {
                Err(absent())
            }
        })
    }

    /// Original addresses that are in the image: `(address, size)`, ascending.
    #[getter]
    fn spans(&self) -> PyResult<Vec<(u64, u64)>> {
        let memory = self.original()?;
        let spans = memory.spans().iter();
        Ok(spans.map(|span| (span.address, span.size)).collect())
    }

    /// What is known of the capture and its kernel.
    #[getter]
    fn context<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        if let Some(extension) = self.opened.image().extension() {
            for (key, value) in extension.context() {
                dict.set_item(key, value)?;
            }
            if let Some(hit) = extension.hit() {
                let comm = hit.comm.split(|byte| *byte == 0).next().unwrap_or_default();
                dict.set_item("comm", String::from_utf8_lossy(comm))?;
                dict.set_item("pid", hit.pid)?;
                dict.set_item("tid", hit.tid)?;
                dict.set_item("cpu", hit.cpu)?;
                dict.set_item("boot_ns", hit.boot_ns)?;
                dict.set_item("wall_ns", hit.wall_ns)?;
            }
        }
        Ok(dict)
    }

    /// The recipe's text.
    #[getter]
    fn recipe(&self) -> Option<&str> {
        self.opened.image().extension()?.source()
    }

    /// What debuggers want to know of the kernel: `KEY=VALUE` lines.
    #[getter]
    fn vmcoreinfo(&self) -> Option<String> {
        export::vmcoreinfo(self.opened.image())
    }

    /// What was not captured and why: dictionaries with `reason`, `address`,
    /// `detail`, `object`.
    #[getter]
    fn diagnostics<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let extension = self.opened.image().extension();
        let diagnostics = extension.map_or(&[][..], |extension| extension.diagnostics());
        diagnostics
            .iter()
            .map(|diagnostic| {
                let dict = PyDict::new(py);
                dict.set_item("reason", describe::reason(diagnostic.reason))?;
                dict.set_item("address", diagnostic.address)?;
                dict.set_item("detail", diagnostic.detail)?;
                dict.set_item("object", diagnostic.object)?;
                Ok(dict)
            })
            .collect()
    }

    /// What of the file is damaged and was passed over.
    #[getter]
    fn warnings(&self) -> Vec<String> {
        self.opened.image().warnings().to_vec()
    }

    /// Writes an ELF core to `path`, readable by its owner only; `profile` is
    /// `drgn` (for gdb too) or `crash`.
    #[pyo3(signature = (path, profile = "drgn"))]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "Python's arguments are owned"
    )]
    fn export_elf(&self, py: Python<'_>, path: PathBuf, profile: &str) -> PyResult<()> {
        let profile = match profile {
            "drgn" => Profile::Drgn,
            "crash" => Profile::Crash,
            _ => {
                return Err(PyValueError::new_err(format!(
                    "no profile {profile:?}: drgn or crash"
                )));
            }
        };
        let image = self.opened.image();
        py.detach(|| {
            let mut options = File::options();
            options.write(true).create(true).truncate(true).mode(0o600);
            let mut core = BufWriter::new(options.open(&path)?);
            export::write_elf(image, profile, &mut core).map_err(|error| image_error(&error))?;
            Ok(core.flush()?)
        })
    }

    fn __repr__(&self) -> String {
        let image = self.opened.image();
        format!(
            "<kflat.Image: {} objects, {} bytes>",
            self.__len__(),
            image.memory().len()
        )
    }

    /// Hands out the captured memory, read only.
    ///
    /// # Safety
    /// Python calls it with a view to fill.
    unsafe fn __getbuffer__(
        slf: &Bound<'_, Self>,
        view: *mut ffi::Py_buffer,
        flags: c_int,
    ) -> PyResult<()> {
        if view.is_null() {
            return Err(PyBufferError::new_err("no view to fill"));
        }
        const READ_ONLY: c_int = 1;
        let memory = slf.get().opened.image().memory();
        let length = isize::try_from(memory.len())
            .map_err(|_| PyBufferError::new_err("larger than a buffer can be"))?;
        // A writable view is refused, as READ_ONLY is said.
        // SAFETY: `view` is Python's to fill. The memory has `length` bytes and lies in
        // the frozen image, which the view keeps alive: it takes a reference to it.
        let result = unsafe {
            ffi::PyBuffer_FillInfo(
                view,
                slf.as_ptr(),
                memory.as_ptr().cast_mut().cast(),
                length,
                READ_ONLY,
                flags,
            )
        };
        if result == 0 {
            Ok(())
        } else {
            Err(PyErr::fetch(slf.py()))
        }
    }
}
