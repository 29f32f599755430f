//! The image as tables.

use std::collections::HashMap;
use std::io;

use kflat_btf::TypeId;
use kflat_image::Extension;
use kflat_image::abi::extension::{self as abi, Hit};
use kflat_image::abi::program::Program;
use kflat_image::describe::{reason, sentence, trail};
use kflat_image::typed::Typed;
use serde::Serialize;
use serde_json::{Value as Json, json};

use super::pack::Columns;
use super::types::Types;
use crate::json::register_names;
use crate::model::{Links, Model, cut, shown};

/// Instead of a number where there is none.
const NONE: u32 = u32::MAX;

/// What is not a column of numbers.
#[derive(Serialize)]
struct Head<'a, T: Serialize> {
    name: String,
    target: Option<String>,
    typed: bool,
    types: T,
    kinds: Vec<Json>,
    roots: Vec<Json>,
    titles: Vec<String>,
    links: Vec<String>,
    symbols: Vec<String>,
    diagnostics: Vec<Json>,
    warnings: Vec<String>,
    context: Vec<(String, String)>,
    hit: Option<Json>,
    recipe: Option<&'a str>,
}

/// Texts by number, each once.
#[derive(Default)]
struct Texts {
    numbers: HashMap<String, u32>,
    all: Vec<String>,
}

impl Texts {
    fn number(&mut self, text: String) -> u32 {
        let next = self.all.len() as u32;
        *self.numbers.entry(text).or_insert_with_key(|text| {
            self.all.push(text.clone());
            next
        })
    }
}

/// All that the page shows of an image.
pub(super) fn packed(model: &Model<'_>, name: &str) -> io::Result<Vec<u8>> {
    let links = model.links();
    let mut columns = Columns::default();
    memory(model, &mut columns);
    let titles = objects(model, &mut columns);
    pointers(&links, &mut columns);
    let symbols = functions(model, &mut columns);

    let extension = model.image.extension();
    let btf = model.typed.as_ref().map(Typed::btf);
    let mut types = btf.map(Types::of);
    let kinds = (model.kinds.iter())
        .map(|kind| {
            let (of, size) = (number(&mut types, kind.of), kind.size);
            json!({"name": kind.name, "type": of, "size": size, "rank": kind.rank})
        })
        .collect();
    let roots = (model.roots().iter())
        .map(|root| {
            let declared = (types.as_mut().zip(root.to)).map(|(types, to)| types.declaration(to));
            json!({
                "name": shown(&root.name),
                "type": root.to.and_then(|to| number(&mut types, to)),
                "declared": declared,
                "target": root.target,
                "object": root.object,
                "reason": root.reason,
            })
        })
        .collect();
    let by = lists(model, &links, &mut types, &mut columns);
    let context = extension.map_or(&[][..], |extension| extension.context());
    let program = extension.and_then(Extension::program);
    let head = Head {
        name: shown(name),
        target: program.as_ref().and_then(Program::target).map(shown),
        typed: model.typed.is_some(),
        kinds,
        roots,
        titles,
        links: by,
        symbols,
        diagnostics: diagnostics(model),
        warnings: model
            .image
            .warnings()
            .iter()
            .map(|text| cut(text, 1000))
            .collect(),
        context: (context.iter())
            .map(|(key, value)| (shown(key), cut(value, 1000)))
            .collect(),
        hit: extension.and_then(|extension| extension.hit()).map(hit),
        recipe: extension.and_then(|extension| extension.source()),
        types: types.map(Types::finish),
    };
    columns.pack(&head)
}

/// The bytes, and where they were.
fn memory(model: &Model<'_>, columns: &mut Columns) {
    let image = model.image;
    columns.bytes("memory", &model.original());
    columns.offsets("fragment.offset", image.fragments().map(|one| one.offset));
    columns.offsets("fragment.size", image.fragments().map(|one| one.size));
    let (origins, changes) = match image.extension() {
        Some(extension) => (extension.origins(), extension.changes()),
        None => (&[][..], &[][..]),
    };
    columns.addresses("fragment.origin", origins.iter().copied());
    columns.offsets("change.offset", changes.iter().map(|range| range.offset));
    columns.offsets("change.size", changes.iter().map(|range| range.size));
}

/// The objects; their titles.
fn objects(model: &Model<'_>, columns: &mut Columns) -> Vec<String> {
    let nodes = &model.nodes;
    columns.offsets("object.offset", nodes.iter().map(|node| node.offset));
    columns.offsets("object.end", nodes.iter().map(|node| node.end));
    columns.numbers("object.kind", nodes.iter().map(|node| node.kind));
    columns.numbers("object.count", nodes.iter().map(|node| node.count));
    let parents = nodes.iter().map(|node| node.parent.unwrap_or(NONE));
    columns.numbers("object.parent", parents);
    let all = model.titles();
    let mut titles = Texts::default();
    let title: Vec<u32> = (0..)
        .take(nodes.len())
        .map(|index| all.get(index).map_or(NONE, |title| titles.number(title)))
        .collect();
    columns.numbers("object.title", title.into_iter());
    let mut order: Vec<u32> = (0..).take(nodes.len()).collect();
    order.sort_by_key(|index| model.node(*index).map(|node| (node.offset, node.end)));
    columns.numbers("object.order", order.into_iter());
    titles.all
}

fn pointers(links: &Links, columns: &mut Columns) {
    const STRING: u8 = 1;
    const CHAIN: u8 = 2;
    let all = &links.pointers;
    columns.offsets("link.at", all.iter().map(|link| link.location));
    columns.offsets("link.to", all.iter().map(|link| link.target));
    let object = |object: Option<u32>| object.unwrap_or(NONE);
    columns.numbers("link.source", all.iter().map(|link| object(link.source)));
    columns.numbers("link.object", all.iter().map(|link| object(link.object)));
    let flags = (all.iter())
        .map(|link| (u8::from(link.is_string) * STRING) | (u8::from(link.is_chain) * CHAIN));
    columns.small("link.flags", flags);
}

/// The function pointers; their symbols.
fn functions(model: &Model<'_>, columns: &mut Columns) -> Vec<String> {
    let mut symbols = Texts::default();
    let (at, symbol): (Vec<u64>, Vec<u32>) = (model.image.functions())
        .map(|(location, symbol)| (location, symbols.number(shown(symbol))))
        .unzip();
    columns.offsets("function.at", at.into_iter());
    columns.numbers("function.symbol", symbol.into_iter());
    symbols.all
}

/// The number of a type, if there are types.
fn number(types: &mut Option<Types<'_>>, of: TypeId) -> Option<u32> {
    types.as_mut().map(|types| types.number(of))
}

/// The lists; the members that link their elements.
fn lists(
    model: &Model<'_>,
    links: &Links,
    types: &mut Option<Types<'_>>,
    columns: &mut Columns,
) -> Vec<String> {
    let all = &links.lists;
    columns.offsets("list.head", all.iter().map(|list| list.head));
    columns.numbers(
        "list.type",
        all.iter()
            .map(|list| number(types, list.of).unwrap_or(NONE)),
    );
    let source = |head| model.object_around(head).unwrap_or(NONE);
    columns.numbers("list.source", all.iter().map(|list| source(list.head)));
    columns.small(
        "list.complete",
        all.iter().map(|list| u8::from(list.is_complete)),
    );
    let mut first = 0u32;
    let firsts = all.iter().map(|list| {
        let this = first;
        first = first.saturating_add(list.elements.len() as u32);
        this
    });
    columns.numbers("list.first", firsts);
    let elements = || all.iter().flat_map(|list| &list.elements);
    columns.offsets("element.at", elements().map(|(offset, _)| *offset));
    columns.numbers(
        "element.object",
        elements().map(|(_, object)| object.unwrap_or(NONE)),
    );
    let mut by = Texts::default();
    let links: Vec<u32> = (all.iter())
        .map(|list| by.number(list.by.as_deref().map_or_else(String::new, shown)))
        .collect();
    columns.numbers("list.by", links.into_iter());
    by.all
}

fn diagnostics(model: &Model<'_>) -> Vec<Json> {
    let Some(extension) = model.image.extension() else {
        return Vec::new();
    };
    (extension.diagnostics().iter())
        .map(|diagnostic| {
            let typed = model.typed.as_ref();
            json!({
                "reason": reason(diagnostic.reason),
                "what": sentence(diagnostic),
                "path": trail(extension, diagnostic).map(|path| cut(&path, 1000)),
                "object": model.node(diagnostic.object).map(|_| diagnostic.object),
                "at": typed.and_then(|typed| typed.location(diagnostic)),
            })
        })
        .collect()
}

fn hit(hit: &Hit) -> Json {
    let end = hit.comm.iter().position(|byte| *byte == 0);
    let comm = hit.comm.get(..end.unwrap_or(hit.comm.len())).unwrap_or(&[]);
    let names = register_names(hit.architecture);
    let registers: Vec<(String, String)> = (hit.registers.iter().enumerate())
        .take(hit.register_count as usize)
        .map(|(index, value)| {
            let name = names
                .get(index)
                .map_or_else(|| index.to_string(), |name| (*name).to_owned());
            (name, format!("{value:#x}"))
        })
        .collect();
    json!({
        "comm": shown(&String::from_utf8_lossy(comm)),
        "pid": hit.pid,
        "tid": hit.tid,
        "cpu": hit.cpu,
        "boot_ns": hit.boot_ns,
        "wall_ms": hit.wall_ns / 1_000_000,
        "capture_ns": hit.capture_ns,
        "pause_ns": hit.pause_ns,
        "stop_machine": hit.mode & abi::MODE_STOP_MACHINE != 0,
        "registers": registers,
    })
}
