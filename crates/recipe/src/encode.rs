//! The program's bytes.

use std::collections::HashMap;

use kflat_abi::program::{
    self as abi, Action, CASE_DEFAULT, Case, Extra, Global, Header, NONE, Operand, PROGRAM_WHEN,
    Root, TYPE_HAS_POINTERS, Table, Type,
};
use kflat_abi::record::Record;

use crate::pool::Pool;
use crate::syntax;
use crate::views::{PathAction, View};

/// A root whose strings are not in place yet.
#[derive(Clone, Debug)]
pub(crate) struct NamedRoot {
    pub(crate) source: u8,
    pub(crate) value: u32,
    pub(crate) name: Option<String>,
    pub(crate) action: PathAction,
}

/// What a program is made of. `ids` are the views' numbers in the subset.
pub(crate) struct Parts<'a> {
    pub(crate) target: &'a str,
    pub(crate) layout_hash: u64,
    pub(crate) views: &'a [View<'a>],
    pub(crate) ids: &'a [u32],
    pub(crate) roots: &'a [NamedRoot],
    pub(crate) pool: &'a Pool,
    pub(crate) limits: syntax::Limits,
    pub(crate) flags: u32,
    /// The expression that a call has to fit.
    pub(crate) when: Option<u32>,
    /// Which call, from 1; 0: the first.
    pub(crate) nth: u32,
    pub(crate) slabs: abi::Slabs,
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

/// Tables in the making.
#[derive(Default)]
struct Tables {
    strings: Strings,
    actions: Vec<Action>,
    extras: Vec<Extra>,
    cases: Vec<Case>,
}

impl Tables {
    /// An action with what it needs beside; the actions of its cases come behind
    /// those of all types.
    fn action(&mut self, found: &PathAction, cased: &mut Vec<(usize, PathAction)>) -> Action {
        let mut action = Action {
            path: self.strings.add(&found.path),
            ..found.action
        };
        let mut extra = found.extra;
        if !found.cases.is_empty() {
            extra.first_case = self.cases.len() as u32;
            extra.case_count = found.cases.len() as u32;
        }
        for case in &found.cases {
            if let Some(action) = &case.action {
                cased.push((self.cases.len(), (**action).clone()));
            }
            self.cases.push(Case {
                value: case.value.unwrap_or(0),
                action: NONE,
                flags: match case.value {
                    Some(_) => 0,
                    None => CASE_DEFAULT,
                },
            });
        }
        if extra != Extra::BARE {
            action.extra = self.extras.len() as u32;
            self.extras.push(extra);
        }
        action
    }
}

/// The encoding of `parts`.
pub(crate) fn encode(parts: &Parts<'_>) -> Vec<u8> {
    let mut tables = Tables::default();
    let mut cased = Vec::new();
    let target = tables.strings.add(parts.target);
    let (mut types, mut roots) = (Vec::new(), Vec::new());
    for (view, id) in parts.views.iter().zip(parts.ids) {
        let tail = view.tail;
        types.push(Type {
            name: tables.strings.add(&view.name),
            btf_id: *id,
            size: view.size,
            align: view.align,
            first_action: tables.actions.len() as u32,
            action_count: view.actions.len() as u32,
            flags: if view.has_pointers {
                TYPE_HAS_POINTERS
            } else {
                0
            },
            parameters: view.parameters.len() as u32,
            tail: tail.map_or(NONE, |tail| tail.target),
            tail_offset: tail.map_or(0, |tail| tail.offset),
            tail_count: tail.map_or(Operand::default(), |tail| tail.count),
            ..Type::BARE
        });
        for found in &view.actions {
            let action = tables.action(found, &mut cased);
            tables.actions.push(action);
        }
    }
    for root in parts.roots {
        let name = (root.name.as_ref()).map_or(NONE, |name| tables.strings.add(name));
        let action = tables.action(&root.action, &mut cased);
        roots.push(Root {
            source: root.source,
            name,
            value: root.value,
            action: tables.actions.len() as u32,
            ..Root::default()
        });
        tables.actions.push(action);
    }
    let mut next = 0;
    while let Some((case, found)) = cased.get(next).cloned() {
        let action = tables.action(&found, &mut cased);
        tables.cases[case].action = tables.actions.len() as u32;
        tables.actions.push(action);
        next += 1;
    }
    let globals: Vec<Global> = (parts.pool.globals.iter())
        .map(|symbol| Global {
            symbol: tables.strings.add(symbol),
            ..Global::default()
        })
        .collect();
    let Tables {
        strings,
        actions,
        extras,
        cases,
    } = tables;
    let mut bytes = vec![0; Header::SIZE];
    let limits = parts.limits;
    let header = Header {
        magic: abi::MAGIC,
        version: abi::VERSION,
        target,
        flags: parts.flags | parts.when.map_or(0, |_| PROGRAM_WHEN),
        when: parts.when.unwrap_or(0),
        nth: parts.nth,
        slabs: parts.slabs,
        layout_hash: parts.layout_hash,
        types: table(&mut bytes, &types),
        actions: table(&mut bytes, &actions),
        roots: table(&mut bytes, &roots),
        extras: table(&mut bytes, &extras),
        cases: table(&mut bytes, &cases),
        code: table(&mut bytes, &parts.pool.code),
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
