//! Makes what the module wrote a self-describing file.

use kflat_abi::extension as abi;

use crate::container::{Builder, Container};
use crate::context;
use crate::error::ImageError;
use crate::sections::Sections;

/// What user space adds when an image is saved.
#[derive(Clone, Copy, Debug, Default)]
pub struct Additions<'a> {
    /// BTF of the program's types.
    pub types: &'a [u8],
    /// The recipe program.
    pub program: &'a [u8],
    /// The recipe's text.
    pub source: &'a str,
    /// Keys and values: kernel release, architecture, …
    pub context: &'a [(String, String)],
}

/// The self-describing file of what the module wrote: `captured` is an image and,
/// where there is one, its container. Entries of the module stay; empty additions
/// are left out.
///
/// # Errors
/// If `captured` is no image, its container's table of contents is damaged, or a
/// key of the context can't be written.
pub fn save(captured: &[u8], additions: &Additions<'_>) -> Result<Vec<u8>, ImageError> {
    let sections = Sections::check(captured)?;
    let image = captured.get(..sections.end()).unwrap_or(captured);
    let start = image.len().next_multiple_of(abi::ALIGNMENT as usize);
    let behind = captured.get(start..).unwrap_or(&[]);
    let context = context::write(additions.context)?;
    let added = [
        (abi::KIND_TYPES, additions.types),
        (abi::KIND_PROGRAM, additions.program),
        (abi::KIND_CONTEXT, context.as_bytes()),
        (abi::KIND_SOURCE, additions.source.as_bytes()),
    ];
    let added = added.iter().filter(|(_, payload)| !payload.is_empty());
    let mut builder = Builder::new();
    if behind.starts_with(&abi::MAGIC.to_le_bytes()) {
        for (kind, payload) in Container::parse(behind)?.entries() {
            if !added.clone().any(|(replaced, _)| *replaced == kind) {
                builder.add(kind, payload);
            }
        }
    }
    for (kind, payload) in added {
        builder.add(*kind, payload);
    }
    let mut file = image.to_vec();
    file.resize(start, 0);
    file.extend(builder.finish());
    Ok(file)
}
