//! From what the user names to a recipe that can be loaded.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use kflat_abi::extension::{KIND_PROGRAM, KIND_SOURCE, KIND_TYPES, MAGIC as CONTAINER};
use kflat_abi::image::MAGIC as IMAGE;
use kflat_abi::program::{Header, Program};
use kflat_abi::record::Record;
use kflat_btf::Btf;
use kflat_device::{Device, Error};
use kflat_image::container::{Builder, Container};
use kflat_recipe::{GenerateError, check_layout, compile_all, generate_with, module_of};

use crate::automatic::Automatic;
use crate::failure;
use crate::size;
use crate::type_source::TypeSource;

/// Stands where a module would in the name of a tracepoint.
const TRACEPOINT: &str = "tracepoint";

/// A recipe, compiled.
#[derive(Debug)]
pub(crate) struct Recipe {
    /// Its name: the function that it waits for.
    pub(crate) target: String,
    pub(crate) program: Vec<u8>,
    /// BTF of its types; empty if nobody kept it.
    pub(crate) types: Vec<u8>,
    /// Its text; empty if nobody kept it.
    pub(crate) source: String,
    /// The module has it already.
    pub(crate) is_loaded: bool,
    /// Nobody wrote it.
    pub(crate) is_generated: bool,
}

/// Of a recipe file (text or compiled), a loaded recipe or a function.
pub(crate) fn find(
    named: &str,
    device: Option<&Device>,
    types: &TypeSource,
    automatic: &Automatic,
) -> Result<Vec<Recipe>> {
    let path = Path::new(named);
    if path.is_file() || named.contains('/') || path.extension().is_some_and(|end| end == "kflat") {
        no_options(named, automatic)?;
        return read_all(path, types);
    }
    match device.map(|device| device.describe(named)) {
        Some(Ok(stored)) => {
            no_options(named, automatic)?;
            let found = described(&stored.program, &stored.attachment, true)?;
            return Ok(vec![found]);
        }
        None | Some(Err(Error::UnknownRecipe { .. } | Error::BadName { .. })) => {}
        Some(Err(error)) => return Err(error.into()),
    }
    let text = generated(named, types, automatic)?;
    let mut recipes = compiled(&text, &format!("recipe for {named}"), types)?;
    for recipe in &mut recipes {
        recipe.is_generated = true;
    }
    Ok(recipes)
}

/// A recipe says itself what it follows.
fn no_options(named: &str, automatic: &Automatic) -> Result<()> {
    if automatic.is_given() {
        bail!(
            "{named} is a recipe, which says itself what to capture: --when, --depth, --max-bytes, \
             --max-objects, --arg, --global, --type, --follow and --skip are for functions"
        );
    }
    Ok(())
}

/// The recipes' text in a file, and the types that it is about.
pub(crate) fn text(path: &Path, types: &TypeSource) -> Result<(String, Btf)> {
    let name = path.display().to_string();
    let text = fs::read_to_string(path).with_context(|| format!("can't read recipe {name}"))?;
    let module = module_of(&text, &name)?;
    Ok((text, types.load(module.as_deref())?))
}

/// A recipe from a function's name.
pub(crate) fn generated(
    function: &str,
    types: &TypeSource,
    automatic: &Automatic,
) -> Result<String> {
    let module = function.split_once(':').map(|(module, _)| module);
    let btf = types.load(module.filter(|module| *module != TRACEPOINT))?;
    let text = generate_with(function, &btf, &automatic.options(function));
    text.map_err(|error| match error {
        // It has a place in the text.
        GenerateError::NoCondition(diagnostics) => diagnostics.into(),
        error => error.into(),
    })
}

/// The one recipe in a file, text or compiled.
pub(crate) fn read(path: &Path, types: &TypeSource) -> Result<Recipe> {
    let mut all = read_all(path, types)?;
    match (all.pop(), all.is_empty()) {
        (Some(recipe), true) => Ok(recipe),
        _ => bail!(
            "there are several recipes in {}: put them into files of their own",
            path.display()
        ),
    }
}

/// The recipes in a file, text or compiled.
fn read_all(path: &Path, types: &TypeSource) -> Result<Vec<Recipe>> {
    let bytes = fs::read(path).with_context(|| format!("can't read recipe {}", path.display()))?;
    let name = path.display();
    if bytes.starts_with(&IMAGE.to_le_bytes()) {
        bail!("{name} is an image, not a recipe; look at it: kflat show {name}");
    }
    if bytes.starts_with(&CONTAINER.to_le_bytes()) {
        let container = Container::parse(&bytes);
        let container = container.with_context(|| format!("can't use {name}"))?;
        let program = container.get(KIND_PROGRAM);
        let program = program.with_context(|| format!("{name} has no usable recipe program"))?;
        let recipe = described(program, &bytes, false)?;
        recipe.fits(types)?;
        return Ok(vec![recipe]);
    }
    let Ok(text) = String::from_utf8(bytes) else {
        bail!("{name} is no recipe: it is not text");
    };
    compiled(&text, &name.to_string(), types)
}

fn compiled(text: &str, name: &str, types: &TypeSource) -> Result<Vec<Recipe>> {
    let module = module_of(text, name)?;
    let btf = types.load(module.as_deref())?;
    let all = compile_all(text, name, &btf)?.into_iter();
    let recipes = all.map(|compiled| Recipe {
        target: compiled.target,
        program: compiled.program,
        types: compiled.types,
        source: compiled.source,
        is_loaded: false,
        is_generated: false,
    });
    Ok(recipes.collect())
}

/// Of a program and the container that accompanies it.
fn described(program: &[u8], attachment: &[u8], is_loaded: bool) -> Result<Recipe> {
    let found = Program::find(program).and_then(|program| program.target());
    let target = found.context("the recipe program is damaged: compile the recipe anew")?;
    let container = Container::parse(attachment).ok();
    let entry = |kind| container.as_ref().and_then(|container| container.get(kind));
    if entry(KIND_TYPES).is_none() {
        failure::warn(format!(
            "no types came with recipe {target}: the image will show bytes only"
        ));
    }
    Ok(Recipe {
        target: target.to_owned(),
        program: program.to_vec(),
        types: entry(KIND_TYPES).unwrap_or_default().to_vec(),
        source: String::from_utf8_lossy(entry(KIND_SOURCE).unwrap_or_default()).into_owned(),
        is_loaded,
        is_generated: false,
    })
}

impl Recipe {
    /// Whether it fits the kernel whose types are given: a program goes by offsets.
    fn fits(&self, types: &TypeSource) -> Result<()> {
        if self.types.is_empty() {
            return Ok(());
        }
        let module = self.target.split_once(':').map(|(module, _)| module);
        match types.load(module.filter(|module| *module != TRACEPOINT)) {
            Ok(kernel) => Ok(check_layout(&self.program, &self.types, &kernel)?),
            Err(error) => {
                failure::warn(format!(
                    "whether {} fits this kernel is not known: {error}",
                    self.target
                ));
                Ok(())
            }
        }
    }

    /// Makes it ask for the `nth` of the calls that fit.
    pub(crate) fn set_nth(&mut self, nth: u32) -> Result<()> {
        if self.is_loaded {
            bail!(
                "{} is loaded already and can't be changed: --nth is for recipes that are not",
                self.target
            );
        }
        let header = Header::decode(&self.program).map(|header| Header { nth, ..header });
        let set = header.and_then(|header| header.encode(&mut self.program));
        set.context("the recipe program is damaged: compile the recipe anew")
    }

    /// Whether it does not take the first call that comes.
    pub(crate) fn asks_for_a_call(&self) -> bool {
        let program = Program::find(&self.program);
        program.is_some_and(|program| program.when().is_some() || program.nth() > 1)
    }

    /// What is kept with it in the module, so that another process finds it.
    pub(crate) fn attachment(&self) -> Vec<u8> {
        let mut builder = Builder::new();
        builder.add(KIND_TYPES, &self.types);
        builder.add(KIND_SOURCE, self.source.as_bytes());
        builder.finish()
    }

    /// The whole of it as a file, which [`read`] reads.
    pub(crate) fn file(&self) -> Vec<u8> {
        let mut builder = Builder::new();
        builder.add(KIND_PROGRAM, &self.program);
        builder.add(KIND_TYPES, &self.types);
        builder.add(KIND_SOURCE, self.source.as_bytes());
        builder.finish()
    }

    /// How much it is, in words.
    pub(crate) fn summary(&self) -> String {
        let counts = Program::find(&self.program).map(|program| program.counts());
        let (types, actions, roots) = counts.unwrap_or_default();
        let [roots, types, actions] = [(roots, "root"), (types, "type"), (actions, "member")]
            .map(|(count, what)| size::counted(count.into(), what));
        format!("{roots}, {types}, {actions} to follow")
    }
}
