//! The recipe programs of the shapes.

use kflat_abi::program::{
    Action, Header, Limits, MAGIC, NONE, OP_POINTER, OP_STRING, OPERAND_CONSTANT, Operand,
    ROOT_ARGUMENT, Root, TYPE_HAS_POINTERS, Table, Type, VERSION,
};
use kflat_abi::record::Record;

use crate::shapes::{Kind, NODE, SMALL, Shape};

fn follow(op: u8, offset: u32, target: u32, count: usize) -> Action {
    Action {
        op,
        offset,
        target,
        count: Operand {
            kind: OPERAND_CONSTANT,
            value: count as u32,
            ..Operand::default()
        },
        ..Action::BARE
    }
}

fn view(size: usize, first_action: u32, action_count: u32) -> Type {
    Type {
        size: size as u32,
        align: 1,
        first_action,
        action_count,
        flags: if action_count > 0 {
            TYPE_HAS_POINTERS
        } else {
            0
        },
        ..Type::BARE
    }
}

/// The program that captures `shape` from argument 0.
pub(crate) fn of(shape: Shape) -> Vec<u8> {
    let (types, actions) = match shape.kind {
        Kind::List => (
            vec![view(NODE, 1, 1)],
            vec![follow(OP_POINTER, 0, 0, 1), follow(OP_POINTER, 0, 0, 1)],
        ),
        Kind::Tree => (
            vec![view(NODE, 1, 2)],
            vec![
                follow(OP_POINTER, 0, 0, 1),
                follow(OP_POINTER, 0, 0, 1),
                follow(OP_POINTER, 8, 0, 1),
            ],
        ),
        Kind::Pointers | Kind::Strings => {
            let (op, size, count) = match shape.kind {
                Kind::Strings => (OP_STRING, 1, 0),
                _ => (OP_POINTER, SMALL, 1),
            };
            (
                vec![view(8, 1, 1), view(size, 0, 0)],
                vec![
                    follow(OP_POINTER, 0, 0, shape.count),
                    follow(op, 0, 1, count),
                ],
            )
        }
        Kind::Array => (
            vec![view(4096, 0, 0)],
            vec![follow(OP_POINTER, 0, 0, (shape.count << 20) / 4096)],
        ),
    };
    let roots = [Root {
        source: ROOT_ARGUMENT,
        name: NONE,
        ..Root::default()
    }];
    let mut bytes = vec![0; Header::SIZE];
    let types = table(&mut bytes, &types);
    let actions = table(&mut bytes, &actions);
    let roots = table(&mut bytes, &roots);
    let strings = Table {
        offset: bytes.len() as u32,
        count: 8,
    };
    // The empty name at 7.
    bytes.extend_from_slice(b"target\0\0");
    let header = Header {
        magic: MAGIC,
        version: VERSION,
        size: bytes.len() as u32,
        types,
        actions,
        roots,
        strings,
        limits: Limits {
            time_ns: 60_000_000_000,
            ..Limits::default()
        },
        ..Header::default()
    };
    header.encode(&mut bytes).expect("room for the header");
    bytes
}

fn table<R: Record>(bytes: &mut Vec<u8>, records: &[R]) -> Table {
    let offset = bytes.len() as u32;
    for record in records {
        let at = bytes.len();
        bytes.resize(at + R::SIZE, 0);
        record.encode(&mut bytes[at..]).expect("room for a record");
    }
    Table {
        offset,
        count: records.len() as u32,
    }
}
