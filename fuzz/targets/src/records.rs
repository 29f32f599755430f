//! Records, containers and programs as they are found.

use kflat_abi::program::Program;
use kflat_abi::program::code::Instruction;
use kflat_abi::record::Record;
use kflat_abi::{extension, image, program};
use kflat_image::container::{Builder, Container};

/// Decodes the bytes as everything that they can be.
///
/// # Panics
/// If what was decoded is not what is encoded.
pub fn records(data: &[u8]) {
    both_ways::<image::Header>(data);
    both_ways::<image::Fragment>(data);
    both_ways::<extension::Header>(data);
    both_ways::<extension::Entry>(data);
    both_ways::<extension::Object>(data);
    both_ways::<extension::Diagnostic>(data);
    both_ways::<extension::Hit>(data);
    both_ways::<extension::SurroundingRange>(data);
    both_ways::<program::Header>(data);
    both_ways::<program::Type>(data);
    both_ways::<program::Action>(data);
    both_ways::<program::Extra>(data);
    both_ways::<program::Case>(data);
    both_ways::<program::Root>(data);
    both_ways::<Instruction>(data);
    if let Ok(container) = Container::parse(data) {
        let mut builder = Builder::new();
        for (kind, payload) in container.entries() {
            builder.add(kind, payload);
        }
        let again = builder.finish();
        let again = Container::parse(&again).expect("a container");
        assert!(again.entries().eq(container.entries()));
    }
    if let Some(program) = Program::find(data) {
        walk(&program);
    }
}

fn both_ways<R: Record>(data: &[u8]) {
    let decoded = R::decode(data);
    assert_eq!(decoded.is_some(), data.len() >= R::SIZE);
    if let Some(record) = decoded {
        let mut bytes = [0; 1024];
        assert_eq!(record.encode(&mut bytes), Some(()));
        assert_eq!(bytes.get(..R::SIZE), data.get(..R::SIZE));
    }
}

fn walk(program: &Program<'_>) {
    let (types, actions, roots) = program.counts();
    let _ = program.target();
    let _ = program.limits();
    for index in (0..types).chain([u32::MAX]) {
        if let Some(view) = program.type_at(index) {
            let _ = program.string_at(view.name);
        }
    }
    for index in (0..actions).chain([u32::MAX]) {
        if let Some(action) = program.action_at(index) {
            let _ = program.string_at(action.path);
            let _ = program.extra_at(action.target);
            let _ = program.case_at(action.target);
            let _ = program.instruction_at(action.target);
        }
    }
    for index in (0..roots).chain([u32::MAX]) {
        if let Some(root) = program.root_at(index) {
            let _ = program.string_at(root.name);
            let _ = program.global_at(root.value);
        }
    }
}
