//! An image of format version 2 (`spec/image-format.md`), as far as the stories
//! look into it.

use anyhow::{Context, Result, bail, ensure};
use kflat_abi::image::{Header, MAGIC, NO_ROOT, VERSION};
use kflat_abi::record::Record;

use crate::session::Mapping;

/// An image in a session's area.
pub(crate) struct Image {
    roots: Vec<u64>,
    pointers: Vec<u64>,
    memory: Vec<u8>,
    functions: Vec<(u64, String)>,
}

/// Reads one part after the other.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: u64) -> Result<&'a [u8]> {
        let count = usize::try_from(count)?;
        let (bytes, rest) = self
            .0
            .split_at_checked(count)
            .context("the image is cut off")?;
        self.0 = rest;
        Ok(bytes)
    }

    fn word(&mut self) -> Result<u64> {
        u64::decode(self.bytes(8)?).context("a word has 8 bytes")
    }

    fn words(&mut self, count: u64) -> Result<Vec<u64>> {
        (0..count).map(|_| self.word()).collect()
    }
}

impl Image {
    /// Reads the image in an area.
    pub(crate) fn read(area: &Mapping) -> Result<Self> {
        let start = area
            .copy(0, Header::SIZE)
            .context("the area is too small")?;
        let header = Header::decode(&start).context("the area is too small")?;
        ensure!(header.magic == MAGIC, "there is no image in the area");
        ensure!(header.version == VERSION, "version {}", header.version);
        let size = usize::try_from(header.image_size)?;
        let bytes = area
            .copy(0, size)
            .context("the image is larger than its area")?;
        let mut reader = Reader(&bytes);
        reader.bytes(Header::SIZE as u64)?;
        let roots = reader.words(header.root_addr_count)?;
        reader.bytes(header.root_addr_extended_size)?;
        let pointers = reader.words(header.ptr_count)?;
        reader.words(header.fptr_count)?;
        reader.words(2 * header.mcount)?;
        let memory = reader.bytes(header.memory_size)?.to_vec();
        let mut functions = Vec::new();
        if header.fptrmapsz > 0 {
            for _ in 0..reader.word()? {
                let (location, length) = (reader.word()?, reader.word()?);
                let name = String::from_utf8(reader.bytes(length)?.to_vec())?;
                functions.push((location, name));
            }
        }
        ensure!(reader.0.is_empty(), "{} bytes too many", reader.0.len());
        Ok(Self {
            roots,
            pointers,
            memory,
            functions,
        })
    }

    /// Where root `index` is in memory.
    pub(crate) fn root(&self, index: usize) -> Result<u64> {
        let offset = *self.roots.get(index).context("no such root")?;
        ensure!(offset != NO_ROOT, "nothing was captured under root {index}");
        Ok(offset)
    }

    /// The bytes at an offset into memory.
    pub(crate) fn bytes(&self, offset: u64, length: usize) -> Result<&[u8]> {
        let tail = usize::try_from(offset)
            .ok()
            .and_then(|start| self.memory.get(start..));
        let bytes = tail.and_then(|tail| tail.get(..length));
        bytes.with_context(|| format!("{length} bytes at {offset} are not in the image"))
    }

    /// The word at an offset into memory.
    pub(crate) fn word(&self, offset: u64) -> Result<u64> {
        u64::decode(self.bytes(offset, 8)?).context("a word has 8 bytes")
    }

    /// Where the pointer at an offset leads.
    pub(crate) fn follow(&self, offset: u64) -> Result<u64> {
        ensure!(
            self.is_pointer(offset),
            "the word at {offset} was not followed"
        );
        self.word(offset)
    }

    /// Whether the word at an offset was followed.
    pub(crate) fn is_pointer(&self, offset: u64) -> bool {
        self.pointers.binary_search(&offset).is_ok()
    }

    /// The string at an offset.
    pub(crate) fn string(&self, offset: u64) -> Result<String> {
        let mut text = Vec::new();
        for at in offset.. {
            match self.bytes(at, 1)? {
                [0] => return Ok(String::from_utf8(text)?),
                byte => text.extend(byte),
            }
        }
        bail!("a string has no end")
    }

    /// The symbol of the function pointer at an offset.
    pub(crate) fn function(&self, offset: u64) -> Result<&str> {
        let found = self
            .functions
            .iter()
            .find(|(location, _)| *location == offset);
        let (_, name) = found.with_context(|| format!("no function at {offset}"))?;
        Ok(name)
    }
}
