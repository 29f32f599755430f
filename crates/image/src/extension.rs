//! What the module and user space added to an image. An image without it can be
//! used all the same.

use kflat_abi::extension::{self as abi, ChangedRange, Diagnostic, Hit, Object};
use kflat_abi::program::Program;
use kflat_abi::record::Record;
use kflat_btf::Btf;

use crate::container::Container;
use crate::context;
use crate::sections::Sections;
use crate::surroundings::Surroundings;

/// The extension of an image. What is missing or damaged is empty.
#[derive(Clone, Debug, Default)]
pub struct Extension {
    origins: Vec<u64>,
    objects: Vec<Object>,
    hit: Option<Hit>,
    diagnostics: Vec<Diagnostic>,
    changes: Vec<ChangedRange>,
    types: Option<Btf>,
    program: Vec<u8>,
    context: Vec<(String, String)>,
    source: Option<String>,
    vmcoreinfo: Option<String>,
    surroundings: Surroundings,
}

impl Extension {
    /// The original address of each fragment, in their order.
    #[must_use]
    pub fn origins(&self) -> &[u64] {
        &self.origins
    }

    /// The captured objects, in the order in which they were captured. Each lies
    /// inside of the memory if its type's size is known.
    #[must_use]
    pub fn objects(&self) -> &[Object] {
        &self.objects
    }

    /// Where, when and by whom the capture was triggered.
    #[must_use]
    pub fn hit(&self) -> Option<&Hit> {
        self.hit.as_ref()
    }

    /// What was not captured, in the order in which it was met.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// What changed while the capture ran, where that was checked.
    #[must_use]
    pub fn changes(&self) -> &[ChangedRange] {
        &self.changes
    }

    /// The types of the objects.
    #[must_use]
    pub fn types(&self) -> Option<&Btf> {
        self.types.as_ref()
    }

    /// The recipe program that captured the image.
    #[must_use]
    pub fn program(&self) -> Option<Program<'_>> {
        Program::find(&self.program)
    }

    /// Keys and values: kernel release, architecture, …
    #[must_use]
    pub fn context(&self) -> &[(String, String)] {
        &self.context
    }

    /// The recipe's text.
    #[must_use]
    pub fn source(&self) -> Option<&str> {
        self.source.as_deref()
    }

    /// The kernel's VMCOREINFO note: `KEY=VALUE` lines.
    #[must_use]
    pub fn vmcoreinfo(&self) -> Option<&str> {
        self.vmcoreinfo.as_deref()
    }

    /// Kernel memory beside the objects, read when the image was saved.
    #[must_use]
    pub fn surroundings(&self) -> &Surroundings {
        &self.surroundings
    }

    /// The extension behind the image in `bytes`.
    pub(crate) fn find(
        bytes: &[u8],
        sections: &Sections,
        warnings: &mut Vec<String>,
    ) -> Option<Self> {
        let start = sections.end().next_multiple_of(abi::ALIGNMENT as usize);
        Self::read(bytes.get(start..)?, sections, warnings)
    }

    /// Kind and bytes of each entry of the extension behind the image in `bytes`.
    pub(crate) fn sizes(bytes: &[u8], sections: &Sections) -> Vec<(u32, u64)> {
        let start = sections.end().next_multiple_of(abi::ALIGNMENT as usize);
        let container = bytes
            .get(start..)
            .and_then(|tail| Container::parse(tail).ok());
        (container.iter())
            .flat_map(Container::entries)
            .map(|(kind, payload)| (kind, payload.len() as u64))
            .collect()
    }

    /// The extension at the start of `bytes`.
    pub(crate) fn read(
        bytes: &[u8],
        sections: &Sections,
        warnings: &mut Vec<String>,
    ) -> Option<Self> {
        if !bytes.starts_with(&abi::MAGIC.to_le_bytes()) {
            return None;
        }
        let container = match Container::parse(bytes) {
            Ok(container) => container,
            Err(error) => {
                warnings.push(format!("the extension can't be used: {error}"));
                return None;
            }
        };
        for kind in container.damaged() {
            let name = kind_name(*kind);
            warnings.push(format!(
                "the extension's {name} are damaged (their checksum does not match) and left out"
            ));
        }
        Some(Self::unpack(&container, sections, warnings))
    }

    fn unpack(container: &Container<'_>, sections: &Sections, warnings: &mut Vec<String>) -> Self {
        let mut warn = |kind: u32, what: String| {
            let name = kind_name(kind);
            warnings.push(format!("the extension's {name} are left out: {what}"));
        };
        let mut extension = Self {
            origins: records(container, abi::KIND_ORIGIN, &mut warn),
            objects: records(container, abi::KIND_OBJECTS, &mut warn),
            hit: records(container, abi::KIND_HIT, &mut warn)
                .first()
                .copied(),
            diagnostics: records(container, abi::KIND_DIAGNOSTICS, &mut warn),
            changes: records(container, abi::KIND_CHANGES, &mut warn),
            ..Self::default()
        };
        let (origins, fragments) = (extension.origins.len() as u64, sections.header.mcount);
        if origins != fragments && origins != 0 {
            extension.origins.clear();
            let what = format!("{origins} for {fragments} fragments");
            warn(abi::KIND_ORIGIN, what);
        }
        if let Some(bytes) = container.get(abi::KIND_TYPES) {
            match Btf::parse(bytes) {
                Ok(types) => extension.types = Some(types),
                Err(error) => warn(abi::KIND_TYPES, error.to_string()),
            }
        }
        if let Some(bytes) = container.get(abi::KIND_PROGRAM) {
            if is_sound(bytes) {
                extension.program = bytes.to_vec();
            } else {
                let what = "not a recipe program of this version, or damaged";
                warn(abi::KIND_PROGRAM, what.to_owned());
            }
        }
        if let Some(text) = text(container, abi::KIND_CONTEXT, &mut warn) {
            extension.context = context::parse(text);
        }
        extension.source = text(container, abi::KIND_SOURCE, &mut warn).map(str::to_owned);
        extension.vmcoreinfo = text(container, abi::KIND_VMCOREINFO, &mut warn).map(str::to_owned);
        if let Some(payload) = container.get(abi::KIND_SURROUNDINGS) {
            match Surroundings::decode(payload) {
                Ok(surroundings) => extension.surroundings = surroundings,
                Err(what) => warn(abi::KIND_SURROUNDINGS, what),
            }
        }
        let all = extension.objects.len();
        extension.keep_objects_inside(sections.header.memory_size);
        if extension.objects.len() < all {
            warn(
                abi::KIND_OBJECTS,
                "one of them lies outside of the memory".to_owned(),
            );
        }
        extension
    }

    /// Drops all objects if one of them can't be: they refer to each other.
    fn keep_objects_inside(&mut self, memory_size: u64) {
        let program = self.program();
        let inside = |object: &Object| {
            let length = (program.as_ref()).map_or(0, |program| {
                program.object_size(object.type_index, object.count)
            });
            (object.offset.checked_add(length)).is_some_and(|end| end <= memory_size)
        };
        if !self.objects.iter().all(inside) {
            self.objects.clear();
        }
    }
}

/// Whether a reader can go through the program's types without surprises. The
/// engine's verifier, which is stricter, has passed the program of every image
/// from a kernel.
fn is_sound(bytes: &[u8]) -> bool {
    let Some(program) = Program::find(bytes) else {
        return false;
    };
    let (types, actions, _) = program.counts();
    // Each action belongs to one type: the sum of all is bounded.
    let mut sum = 0u64;
    for view in (0..types).filter_map(|index| program.type_at(index)) {
        sum += u64::from(view.action_count);
        let end = u64::from(view.first_action) + u64::from(view.action_count);
        if view.size == 0 || end > u64::from(actions) {
            return false;
        }
    }
    sum <= u64::from(actions)
}

/// All records of a payload.
fn records<R: Record>(
    container: &Container<'_>,
    kind: u32,
    warn: &mut impl FnMut(u32, String),
) -> Vec<R> {
    let payload = container.get(kind).unwrap_or(&[]);
    if !payload.len().is_multiple_of(R::SIZE) {
        let what = format!("{} bytes are no multiple of {}", payload.len(), R::SIZE);
        warn(kind, what);
        return Vec::new();
    }
    payload
        .chunks_exact(R::SIZE)
        .filter_map(R::decode)
        .collect()
}

fn text<'a>(
    container: &Container<'a>,
    kind: u32,
    warn: &mut impl FnMut(u32, String),
) -> Option<&'a str> {
    let text = std::str::from_utf8(container.get(kind)?);
    if text.is_err() {
        warn(kind, "not UTF-8".to_owned());
    }
    text.ok()
}

/// What a kind of entry is called, in the plural.
pub(crate) fn kind_name(kind: u32) -> String {
    match kind {
        abi::KIND_ORIGIN => "original addresses",
        abi::KIND_OBJECTS => "objects",
        abi::KIND_HIT => "registers and times of the hit",
        abi::KIND_DIAGNOSTICS => "diagnostics",
        abi::KIND_CHANGES => "changed ranges",
        abi::KIND_TYPES => "types",
        abi::KIND_PROGRAM => "instructions of the recipe program",
        abi::KIND_CONTEXT => "context lines",
        abi::KIND_SOURCE => "lines of the recipe",
        abi::KIND_VMCOREINFO => "lines of VMCOREINFO",
        abi::KIND_SURROUNDINGS => "surroundings of the objects",
        kind => return format!("entries of kind {kind}"),
    }
    .to_owned()
}
