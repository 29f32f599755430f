//! The events.

use kflat_image::abi::extension::{self as abi, Diagnostic, Hit};
use kflat_image::abi::program::Program;
use kflat_image::describe::reason;
use kflat_image::typed::{Argument, Typed, Value};
use serde::Serialize;
use serde_json::{Map, Value as Json, json};

use super::SCHEMA;
use super::value::{ArgumentValue, Budget, ObjectValue, Shown};
use crate::model::{Model, Node, RootNode};

/// A line of the stream.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub(super) enum Event<'a> {
    Image {
        schema: u32,
        bytes: u64,
        memory: u64,
        fragments: u64,
        pointers: u64,
        function_pointers: u64,
        roots: u64,
        objects: usize,
        typed: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        target: Option<String>,
        context: Map<String, Json>,
        #[serde(skip_serializing_if = "Option::is_none")]
        hit: Option<Json>,
        #[serde(skip_serializing_if = "Option::is_none")]
        recipe: Option<&'a str>,
    },
    Warning {
        message: &'a str,
    },
    Argument {
        name: &'a str,
        #[serde(rename = "type")]
        of: String,
        value: ArgumentValue<'a, 'a>,
    },
    Root {
        index: usize,
        name: &'a str,
        #[serde(rename = "type")]
        of: Option<String>,
        offset: Option<u64>,
        address: Option<String>,
        object: Option<u32>,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'static str>,
    },
    Value {
        path: &'a str,
        #[serde(rename = "type")]
        of: String,
        offset: u64,
        address: Option<String>,
        size: Option<u64>,
        object: Option<u32>,
        value: &'a Shown<'a, 'a>,
    },
    Object {
        object: u32,
        #[serde(rename = "type")]
        of: &'a str,
        path: &'a str,
        parent: Option<u32>,
        offset: u64,
        address: Option<String>,
        size: u64,
        count: u32,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        changed: Vec<(u64, u64)>,
        value: ObjectValue<'a>,
    },
    Diagnostic {
        code: u32,
        reason: &'static str,
        detail: u64,
        address: Option<String>,
        object: Option<u32>,
        path: Option<String>,
    },
    Error {
        message: &'a str,
    },
    End {
        objects: u64,
        cut: bool,
    },
}

/// An address, as a string: JSON numbers lose the low bits in many readers.
pub(super) fn hex(address: u64) -> String {
    format!("{address:#x}")
}

impl<'a> Event<'a> {
    pub(super) fn image(model: &Model<'a>) -> Self {
        let image = model.image;
        let header = image.header();
        let extension = image.extension();
        let target = extension.and_then(|extension| {
            let program = extension.program();
            program
                .as_ref()
                .and_then(Program::target)
                .map(str::to_owned)
        });
        let context = extension.map_or(&[][..], |extension| extension.context());
        Self::Image {
            schema: SCHEMA,
            bytes: header.image_size,
            memory: header.memory_size,
            fragments: header.mcount,
            pointers: header.ptr_count,
            function_pointers: header.fptr_count,
            roots: header.root_addr_count,
            objects: model.nodes.len(),
            typed: model.typed.is_some(),
            target,
            context: (context.iter())
                .map(|(key, value)| (key.clone(), Json::from(value.as_str())))
                .collect(),
            hit: extension.and_then(|extension| extension.hit()).map(hit),
            recipe: extension.and_then(|extension| extension.source()),
        }
    }

    pub(super) fn argument(
        model: &'a Model<'_>,
        typed: &'a Typed<'_>,
        argument: Argument<'a>,
    ) -> Self {
        Self::Argument {
            name: argument.name,
            of: typed.btf().type_name(argument.of),
            value: ArgumentValue {
                model,
                typed,
                argument,
            },
        }
    }

    pub(super) fn root(model: &Model<'_>, index: usize, root: &'a RootNode) -> Self {
        Self::Root {
            index,
            name: &root.name,
            of: (root.to)
                .zip(model.typed.as_ref())
                .map(|(to, typed)| typed.btf().declaration(to, "*")),
            offset: root.target,
            address: root.target.and_then(|at| model.image.address(at)).map(hex),
            object: root.object,
            reason: root.reason,
        }
    }

    pub(super) fn value(
        model: &Model<'_>,
        typed: &Typed<'_>,
        path: &'a str,
        value: &Value,
        shown: &'a Shown<'a, 'a>,
    ) -> Self {
        Self::Value {
            path,
            of: typed.btf().type_name(value.of),
            offset: value.offset,
            address: model.image.address(value.offset).map(hex),
            size: typed.btf().size(value.of),
            object: (model.object_of_value(value)).or_else(|| model.object_around(value.offset)),
            value: shown,
        }
    }

    pub(super) fn object(
        model: &'a Model<'_>,
        index: u32,
        node: &'a Node,
        path: &'a str,
        budget: &'a Budget,
    ) -> Self {
        let changes = (model.image.extension()).map_or(&[][..], |extension| extension.changes());
        let first =
            changes.partition_point(|range| range.offset.saturating_add(range.size) <= node.offset);
        let changed = (changes.iter().skip(first))
            .take_while(|range| range.offset < node.end)
            .map(|range| (range.offset, range.size));
        Self::Object {
            object: index,
            of: model.kind_of(index).map_or("bytes", |kind| &kind.name),
            path,
            parent: node.parent,
            offset: node.offset,
            address: model.image.address(node.offset).map(hex),
            size: node.end.saturating_sub(node.offset),
            count: node.count,
            changed: changed.collect(),
            value: ObjectValue {
                model,
                node,
                budget,
            },
        }
    }

    pub(super) fn diagnostic(
        model: &Model<'_>,
        diagnostic: &Diagnostic,
        path: Option<String>,
    ) -> Self {
        Self::Diagnostic {
            code: diagnostic.reason,
            reason: reason(diagnostic.reason),
            detail: diagnostic.detail,
            address: (diagnostic.address != 0).then(|| hex(diagnostic.address)),
            object: model.node(diagnostic.object).map(|_| diagnostic.object),
            path,
        }
    }
}

fn hit(hit: &Hit) -> Json {
    let end = hit.comm.iter().position(|byte| *byte == 0);
    let comm = hit.comm.get(..end.unwrap_or(hit.comm.len())).unwrap_or(&[]);
    let names = register_names(hit.architecture);
    let registers: Map<String, Json> = (hit.registers.iter().enumerate())
        .take(hit.register_count as usize)
        .map(|(index, value)| {
            let name = names
                .get(index)
                .map_or_else(|| index.to_string(), |name| (*name).to_owned());
            (name, Json::from(hex(*value)))
        })
        .collect();
    json!({
        "comm": String::from_utf8_lossy(comm),
        "pid": hit.pid,
        "tid": hit.tid,
        "cpu": hit.cpu,
        "probe": hex(hit.probe),
        "boot_ns": hit.boot_ns,
        "wall_ns": hit.wall_ns,
        "capture_ns": hit.capture_ns,
        "pause_ns": hit.pause_ns,
        "stop_machine": hit.mode & abi::MODE_STOP_MACHINE != 0,
        "run_now": hit.mode & abi::MODE_RUN_NOW != 0,
        "skip_body": hit.mode & abi::MODE_SKIP_BODY != 0,
        "test": hit.mode & abi::MODE_TEST != 0,
        "registers": registers,
    })
}

/// What the registers of a hit are called, in their order.
pub(crate) fn register_names(architecture: u32) -> &'static [&'static str] {
    match architecture {
        abi::ARCHITECTURE_X86_64 => &[
            "r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx",
            "rdx", "rsi", "rdi", "orig_rax", "rip", "cs", "rflags", "rsp", "ss",
        ],
        abi::ARCHITECTURE_ARM64 => &[
            "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13",
            "x14", "x15", "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25",
            "x26", "x27", "x28", "x29", "x30", "sp", "pc", "pstate",
        ],
        _ => &[],
    }
}
