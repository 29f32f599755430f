//! An image whose structures are walked as the kernel walks them, with the layouts
//! that the image itself brings along.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result, ensure};
use kflat_btf::{Btf, NamedKind};
use kflat_image::{Extension, Image};

use crate::kflat::{Folder, kflat};

/// An image of which some words were looked at.
pub(crate) struct Captured {
    image: Image,
    path: String,
    _folder: Folder,
}

impl Captured {
    /// What `recipe` captures while `script` runs.
    pub(crate) fn new(name: &str, recipe: &str, script: &str) -> Result<Self> {
        let folder = Folder::new(name)?;
        let file = folder.write("recipe.kflat", recipe)?;
        let path = folder.file("captured.img");
        kflat(&["capture", &file, "-o", &path, "--", "sh", "-c", script])?.succeeds()?;
        let image = Image::open(fs::read(&path)?)?;
        Ok(Self {
            image,
            path,
            _folder: folder,
        })
    }

    /// The image's file.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    fn types(&self) -> Result<&Btf> {
        let extension = self.image.extension();
        extension
            .and_then(Extension::types)
            .context("the image has no types")
    }

    /// Where the root of this name is in memory.
    pub(crate) fn root(&self, name: &str) -> Result<u64> {
        let root = self.image.root(name).context("no such root")?;
        root.offset.context("nothing was captured for the root")
    }

    /// Offset of a member, `a.b.c`, of a structure.
    pub(crate) fn member(&self, of: &str, path: &str) -> Result<u64> {
        let btf = self.types()?;
        let found = btf.find(NamedKind::Struct, of);
        let mut id = found.with_context(|| format!("the image has no struct {of}"))?;
        let mut offset = 0;
        for name in path.split('.') {
            let field = btf.field(id, name);
            let field = field.with_context(|| format!("no {name} of {path} in struct {of}"))?;
            offset += field.offset().context("a bit field")?;
            id = field.of;
        }
        Ok(offset)
    }

    /// Bytes of memory.
    pub(crate) fn bytes(&self, at: u64, length: usize) -> Result<&[u8]> {
        let tail = self.image.memory().get(usize::try_from(at)?..);
        let bytes = tail.and_then(|tail| tail.get(..length));
        bytes.with_context(|| format!("{length} bytes at {at:#x} are not in the image"))
    }

    /// The word at an offset, as it is.
    pub(crate) fn word(&self, at: u64) -> Result<u64> {
        Ok(u64::from_le_bytes(self.bytes(at, 8)?.try_into()?))
    }

    /// The 32-bit number at an offset.
    pub(crate) fn half_word(&self, at: u64) -> Result<u32> {
        Ok(u32::from_le_bytes(self.bytes(at, 4)?.try_into()?))
    }

    /// Where the pointer at an offset leads; `None`: it is NULL.
    pub(crate) fn follow(&self, at: u64) -> Result<Option<u64>> {
        let target = self.image.target(at);
        let word = self.word(at)?;
        ensure!(
            target.is_some() || word == 0,
            "the word {word:#x} at {at:#x} was not followed"
        );
        Ok(target)
    }

    /// Where the pointer at an offset leads, which is not NULL.
    pub(crate) fn lead(&self, at: u64) -> Result<u64> {
        self.follow(at)?
            .with_context(|| format!("the word at {at:#x} is NULL"))
    }

    /// Whether the word at an offset was followed.
    pub(crate) fn is_pointer(&self, at: u64) -> bool {
        self.image.is_pointer(at)
    }

    /// The NUL-terminated text at an offset.
    pub(crate) fn text(&self, at: u64) -> Result<String> {
        let tail = self.image.memory().get(usize::try_from(at)?..);
        let bytes = tail.context("outside of the image")?;
        let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
        Ok(String::from_utf8(text.to_vec())?)
    }

    /// Offsets of the objects of a type, each once.
    pub(crate) fn objects(&self, name: &str) -> Result<BTreeSet<u64>> {
        let extension = self.image.extension().context("no extension")?;
        let program = extension.program().context("no program")?;
        let objects = extension.objects().iter();
        let named = objects.filter(|object| {
            let view = program.type_at(object.type_index);
            view.and_then(|view| program.string_at(view.name)) == Some(name)
        });
        Ok(named.map(|object| object.offset).collect())
    }

    /// How many bytes were captured behind an offset, up to a gap.
    pub(crate) fn rest(&self, at: u64) -> Result<u64> {
        let (_, fragment) = self.image.fragment(at).context("in no fragment")?;
        Ok(fragment.offset + fragment.size - at)
    }

    /// Bytes of the object that begins at an offset.
    pub(crate) fn length(&self, at: u64) -> Result<u64> {
        let extension = self.image.extension().context("no extension")?;
        let program = extension.program().context("no program")?;
        let here = extension.objects().iter().filter(|one| one.offset == at);
        here.map(|one| program.object_size(one.type_index, one.count))
            .max()
            .with_context(|| format!("no object begins at {at:#x}"))
    }

    /// Reasons of what is not in the image.
    pub(crate) fn missing(&self) -> Vec<u32> {
        let extension = self.image.extension().into_iter();
        let all = extension.flat_map(Extension::diagnostics);
        all.map(|diagnostic| diagnostic.reason).collect()
    }

    /// Nothing is missing.
    pub(crate) fn is_whole(&self) -> Result<()> {
        let missing = self.missing();
        ensure!(missing.is_empty(), "something is missing: {missing:?}");
        Ok(())
    }
}
