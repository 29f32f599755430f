//! BTF, the kernel's type information (`Documentation/bpf/btf.rst`).
//!
//! - [`Btf::parse`] reads the bytes of `/sys/kernel/btf/vmlinux`, and
//!   [`Btf::with_module`] adds the split BTF of a module. Bytes are not trusted:
//!   every offset and count is checked, and no shape of types makes a reader
//!   loop.
//! - [`Btf::find`] and [`Btf::field`] answer what a recipe asks; the
//!   `declaration` functions print types as C does.
//! - [`Subset`] writes the BTF of some types only, which accompanies a recipe
//!   program and the images it captures.
//! - [`Assembler`] makes BTF of made-up types.
//! - [`kernel`] loads the BTF of the running kernel.

#![forbid(unsafe_code)]

mod assembler;
mod declaration;
mod encoding;
pub mod kernel;
mod lookup;
mod parse;
mod subset;
mod types;

pub use assembler::Assembler;
pub use lookup::{Field, MAX_NESTING};
pub use parse::ParseError;
pub use subset::{Subset, layout_hash};
pub use types::{
    Btf, Composite, Enumerator, IntEncoding, Kind, Member, NamedKind, Parameter, Type, TypeId,
};
