//! The program's bytes.

use std::collections::HashMap;

use kflat_abi::program::{
    self as abi, Action, Global, Header, Root, TYPE_HAS_POINTERS, Table, Type,
};
use kflat_abi::record::Record;

use crate::syntax;
use crate::views::View;

/// A root whose strings are not in place yet.
#[derive(Clone, Debug)]
pub(crate) struct NamedRoot {
    pub(crate) source: u8,
    pub(crate) argument: u32,
    pub(crate) name: String,
    pub(crate) symbol: Option<String>,
    pub(crate) action: Action,
}

/// What a program is made of. `ids` are the views' numbers in the subset.
pub(crate) struct Parts<'a> {
    pub(crate) target: &'a str,
    pub(crate) layout_hash: u64,
    pub(crate) views: &'a [View],
    pub(crate) ids: &'a [u32],
    pub(crate) roots: &'a [NamedRoot],
    pub(crate) limits: syntax::Limits,
}

#[derive(Default)]
struct Strings {
    bytes: Vec<u8>,
    known: HashMap<String, u32>,
}

impl Strings {
    fn add(&mut self, text: &str) -> u32 {
        if let Some(offset) = self.known.get(text) {
            return *offset;
        }
        let offset = self.bytes.len() as u32;
        self.bytes.extend(text.as_bytes());
        self.bytes.push(0);
        self.known.insert(text.to_owned(), offset);
        offset
    }
}

/// The encoding of `parts`.
pub(crate) fn encode(parts: &Parts<'_>) -> Vec<u8> {
    let mut strings = Strings::default();
    let target = strings.add(parts.target);
    let (mut types, mut actions) = (Vec::new(), Vec::new());
    let (mut roots, mut globals) = (Vec::new(), Vec::new());
    for (view, id) in parts.views.iter().zip(parts.ids) {
        types.push(Type {
            name: strings.add(&view.name),
            btf_id: *id,
            size: view.size,
            align: view.align,
            first_action: actions.len() as u32,
            action_count: view.actions.len() as u32,
            flags: if view.has_pointers {
                TYPE_HAS_POINTERS
            } else {
                0
            },
            ..Type::BARE
        });
        for found in &view.actions {
            actions.push(Action {
                path: strings.add(&found.path),
                ..found.action
            });
        }
    }
    for root in parts.roots {
        let value = match &root.symbol {
            Some(symbol) => {
                globals.push(Global {
                    symbol: strings.add(symbol),
                    ..Global::default()
                });
                globals.len() as u32 - 1
            }
            None => root.argument,
        };
        roots.push(Root {
            source: root.source,
            name: strings.add(&root.name),
            value,
            action: actions.len() as u32,
            ..Root::default()
        });
        actions.push(Action {
            path: strings.add(&root.name),
            ..root.action
        });
    }
    let mut bytes = vec![0; Header::SIZE];
    let limits = parts.limits;
    let header = Header {
        magic: abi::MAGIC,
        version: abi::VERSION,
        target,
        layout_hash: parts.layout_hash,
        types: table(&mut bytes, &types),
        actions: table(&mut bytes, &actions),
        roots: table(&mut bytes, &roots),
        globals: table(&mut bytes, &globals),
        strings: Table {
            offset: bytes.len() as u32,
            count: strings.bytes.len() as u32,
        },
        size: (bytes.len() + strings.bytes.len()) as u32,
        limits: abi::Limits {
            bytes: limits.bytes.unwrap_or(0),
            time_ns: limits.time_ns.unwrap_or(0),
            objects: limits.objects.unwrap_or(0),
            depth: limits.depth.unwrap_or(0),
            elements: limits.elements.unwrap_or(0),
            string: limits.string.unwrap_or(0),
            reserved: 0,
        },
        ..Header::default()
    };
    bytes.extend(&strings.bytes);
    let whole = header.encode(&mut bytes[..Header::SIZE]);
    debug_assert!(whole.is_some(), "the header's room was set aside");
    bytes
}

/// Appends records; all sizes are multiples of 8.
fn table<R: Record>(bytes: &mut Vec<u8>, records: &[R]) -> Table {
    let offset = bytes.len();
    for record in records {
        let at = bytes.len();
        bytes.resize(at + R::SIZE, 0);
        let whole = record.encode(&mut bytes[at..]);
        debug_assert!(whole.is_some(), "the record's room was set aside");
    }
    Table {
        offset: offset as u32,
        count: records.len() as u32,
    }
}
