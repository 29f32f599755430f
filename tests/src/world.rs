//! The test module's data (`tests/kmod/kflat_test.h`): recipes for it, and what
//! an image of it must hold.

use anyhow::{Result, ensure};

use crate::facts::fact;
use crate::image::Image;
use crate::program::{Recipe, counted, function, list, pointer, string};
use crate::session::{Mapping, Options, Session};

/// The function that is called with the world as its first argument.
pub(crate) const TARGET: &str = "kflat_test:kflat_test_target";
/// `KFLAT_TEST_MAGIC`.
pub(crate) const MAGIC: u64 = 0x6b66_6c61_7421_2121;
const AREA: u64 = 1 << 20;
const NAMES: [&str; 5] = ["zero", "one", "two", "three", "four"];

// Offsets in `struct kflat_test_world` and `struct kflat_test_node`.
const ROOT: u32 = 8;
const NODES: u32 = 16;
const DANGLING: u32 = 32;
const DEVICE: u32 = 40;
const TEXT: u32 = 48;
const LEFT: u32 = 8;
const RIGHT: u32 = 16;
const LINK: u32 = 24;
const NAME: u32 = 40;
const NUMBER_COUNT: u32 = 48;
const NUMBERS: u32 = 56;
const SECOND: u32 = 64;
const CALLBACK: u32 = 72;

/// All of the world, at a function whose first argument it is.
pub(crate) fn recipe(target: &str) -> Recipe {
    types(Recipe::new(target)).argument("world", 0, 0)
}

/// All of the world, found by its symbol.
pub(crate) fn recipe_by_symbol(target: &str) -> Recipe {
    types(Recipe::new(target)).global("world", "kflat_test:kflat_test_world", 0)
}

fn types(recipe: Recipe) -> Recipe {
    let (node, bytes, text, number) = (1, 2, 3, 4);
    let world = [
        pointer(ROOT, node),
        list(NODES, node, LINK),
        pointer(DANGLING, bytes),
        pointer(DEVICE, bytes),
        string(TEXT, text),
    ];
    let members = [
        pointer(LEFT, node),
        pointer(RIGHT, node),
        string(NAME, text),
        counted(NUMBERS, number, NUMBER_COUNT),
        pointer(SECOND, number),
        function(CALLBACK),
    ];
    recipe
        .ty("struct kflat_test_world", 64, &world)
        .ty("struct kflat_test_node", 80, &members)
        .ty("u64", 8, &[])
        .ty("char", 1, &[])
        .ty("u32", 4, &[])
}

/// A session with an area, and a recipe that is unloaded at its end.
pub(crate) struct Scene {
    pub(crate) session: Session,
    pub(crate) area: Mapping,
    target: String,
}

impl Scene {
    /// With the world's recipe at a function.
    pub(crate) fn at(target: &str) -> Result<Self> {
        Self::with(target, &recipe(target))
    }

    /// With a recipe for a function.
    pub(crate) fn with(target: &str, recipe: &Recipe) -> Result<Self> {
        let session = Session::open()?;
        let area = session.map(AREA, kflat_abi::uapi::KFLAT_MMAP_FLATTEN)?;
        session.load(&recipe.build())?;
        Ok(Self {
            session,
            area,
            target: target.to_owned(),
        })
    }

    /// Enables the recipe.
    pub(crate) fn enable(&self, options: Options) -> Result<()> {
        Ok(self.session.enable(&self.target, options)?)
    }

    /// Disables it; there must be an image of all that was asked for but the
    /// two pointers to nowhere.
    pub(crate) fn captured(&self) -> Result<Image> {
        let report = self.session.disable()?;
        let status = self.session.status()?;
        ensure!(report.invoked == 1, "the probe was not hit");
        ensure!(
            report.size > 0,
            "no image: error {}, reason {}",
            report.error,
            status.reason
        );
        Image::read(&self.area)
    }

    /// Disables it; it must not have been hit.
    pub(crate) fn not_hit(&self) -> Result<()> {
        let report = self.session.disable()?;
        ensure!(
            (report.invoked, report.size, report.error) == (0, 0, 0),
            "hit although it should not: {report:?}"
        );
        Ok(())
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = self.session.disable();
        let _ = self.session.unload(&self.target);
    }
}

/// The image holds the world as it is.
pub(crate) fn check(image: &Image) -> Result<()> {
    let world = image.root(0)?;
    let member = |object: u64, offset: u32| object + u64::from(offset);
    ensure!(image.word(world)? == MAGIC, "the magic number differs");
    let text = image.string(image.follow(member(world, TEXT))?)?;
    ensure!(text == "kflat was here", "the text is {text:?}");

    // The list holds all nodes in order, and leads back to its head.
    let mut nodes = Vec::new();
    let mut link = image.follow(member(world, NODES))?;
    while link != member(world, NODES) {
        ensure!(nodes.len() < NAMES.len(), "the list has no end");
        nodes.push(link - u64::from(LINK));
        link = image.follow(link)?;
    }
    ensure!(nodes.len() == NAMES.len(), "{} nodes", nodes.len());
    let [zero, one, two, three, _] = nodes[..] else {
        return Ok(());
    };
    for ((id, node), name) in (0..).zip(&nodes).zip(NAMES) {
        check_node(image, id, *node, name)?;
    }

    // 0 -> 1, 2; 1 -> 3; 2 -> 3 (shared); 3 -> 0 (cycle).
    for (from, offset, to) in [
        (world, ROOT, zero),
        (zero, LEFT, one),
        (zero, RIGHT, two),
        (one, LEFT, three),
        (two, RIGHT, three),
        (three, LEFT, zero),
    ] {
        let leads = image.follow(member(from, offset))?;
        ensure!(leads == to, "{from}+{offset} leads to {leads}, not to {to}");
    }

    // What leads nowhere keeps its value.
    for (offset, name) in [(DANGLING, "dangling"), (DEVICE, "device")] {
        let place = member(world, offset);
        ensure!(!image.is_pointer(place), "{name} was followed");
        ensure!(image.word(place)? == fact(name)?, "{name} lost its value");
    }
    Ok(())
}

fn check_node(image: &Image, id: u64, node: u64, name: &str) -> Result<()> {
    let member = |offset: u32| node + u64::from(offset);
    ensure!(image.word(node)? == id, "node {id} has another number");
    let found = image.string(image.follow(member(NAME))?)?;
    ensure!(found == name, "node {id} is named {found}");
    let numbers = image.follow(member(NUMBERS))?;
    for k in 0..=id {
        let expected = u32::try_from(100 * id + k)?.to_le_bytes();
        let number = image.bytes(numbers + 4 * k, 4)?;
        ensure!(number == expected, "number {k} of node {id} is {number:?}");
    }
    if id == 0 {
        ensure!(
            image.word(member(SECOND))? == 0,
            "node 0 has no second number"
        );
    } else {
        let second = image.follow(member(SECOND))?;
        ensure!(second == numbers + 4, "an interior pointer leads elsewhere");
    }
    let callback = image.function(member(CALLBACK))?;
    ensure!(
        callback.starts_with("callback") && callback.ends_with("[kflat_test]"),
        "the function is named {callback}"
    );
    Ok(())
}
