//! Where in a program a byte lies, in words.

use kflat_abi::program::{Action, Header, NONE, Program, Root, Table, Type};
use kflat_abi::record::Record;

/// The part of `program` that the byte `at` belongs to.
pub(crate) fn place(program: &[u8], at: u32) -> String {
    if (at as usize) < Header::SIZE {
        return "the header".to_owned();
    }
    found(program, at).unwrap_or_else(|| format!("byte {at}"))
}

fn found(bytes: &[u8], at: u32) -> Option<String> {
    let program = Program::find(bytes)?;
    let header = program.header();
    if let Some(index) = index_in(header.types, Type::SIZE, at) {
        return Some(format!(
            "type {index}{}",
            quoted(type_name(&program, index))
        ));
    }
    if let Some(index) = index_in(header.actions, Action::SIZE, at) {
        let path = program.string_at(program.action_at(index)?.path);
        let owner = owner(&program, index).map_or(String::new(), |name| format!(" of `{name}`"));
        return Some(format!("action {index}{}{owner}", quoted(path)));
    }
    if let Some(index) = index_in(header.roots, Root::SIZE, at) {
        let name = program.root_at(index)?.name;
        let name = if name == NONE {
            None
        } else {
            program.string_at(name)
        };
        return Some(format!("root {index}{}", quoted(name)));
    }
    index_in(header.strings, 1, at).map(|offset| format!("the strings, at {offset}"))
}

fn quoted(name: Option<&str>) -> String {
    match name {
        None | Some("") => String::new(),
        Some(name) => format!(" (`{name}`)"),
    }
}

fn index_in(table: Table, record: usize, at: u32) -> Option<u32> {
    let index = at.checked_sub(table.offset)? / u32::try_from(record).ok()?;
    (index < table.count).then_some(index)
}

fn type_name<'p>(program: &Program<'p>, index: u32) -> Option<&'p str> {
    program.string_at(program.type_at(index)?.name)
}

/// The type whose action it is.
fn owner<'p>(program: &Program<'p>, action: u32) -> Option<&'p str> {
    let (types, _, _) = program.counts();
    let owner = (0..types).find(|index| {
        program.type_at(*index).is_some_and(|view| {
            action
                .checked_sub(view.first_action)
                .is_some_and(|within| within < view.action_count)
        })
    })?;
    type_name(program, owner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kflat_abi::program::{MAGIC, VERSION};

    /// One type, one action, one root, and their names.
    fn program() -> Vec<u8> {
        let strings = b"f\0struct file\0f_inode\0file\0";
        let [types, actions, roots] = [128, 160, 200];
        let header = Header {
            magic: MAGIC,
            version: VERSION,
            size: 232 + strings.len() as u32,
            types: Table {
                offset: types,
                count: 1,
            },
            actions: Table {
                offset: actions,
                count: 1,
            },
            roots: Table {
                offset: roots,
                count: 1,
            },
            strings: Table {
                offset: 232,
                count: strings.len() as u32,
            },
            ..Header::ZERO
        };
        let view = Type {
            name: 2,
            action_count: 1,
            ..Type::ZERO
        };
        let action = Action {
            path: 14,
            ..Action::ZERO
        };
        let root = Root {
            name: 22,
            ..Root::ZERO
        };
        let mut bytes = vec![0; 232];
        header.encode(&mut bytes).unwrap();
        view.encode(&mut bytes[types as usize..]).unwrap();
        action.encode(&mut bytes[actions as usize..]).unwrap();
        root.encode(&mut bytes[roots as usize..]).unwrap();
        bytes.extend(strings);
        bytes
    }

    #[test]
    fn a_byte_is_in_something_with_a_name() {
        let program = program();
        assert_eq!(place(&program, 8), "the header");
        assert_eq!(place(&program, 130), "type 0 (`struct file`)");
        assert_eq!(
            place(&program, 160),
            "action 0 (`f_inode`) of `struct file`"
        );
        assert_eq!(place(&program, 231), "root 0 (`file`)");
        assert_eq!(place(&program, 234), "the strings, at 2");
        assert_eq!(place(&program, 4000), "byte 4000");
        assert_eq!(place(&[], 4000), "byte 4000");
    }
}
