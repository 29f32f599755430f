//! Images whose types are damaged.

use kflat_btf::{Assembler, TypeId};
use kflat_image::container::{Builder, Container};

use crate::kernel::saved;

/// A structure of a hundred members that all lie in each other: it would unfold to
/// 100^60 values.
pub(crate) fn deep_types() -> Vec<u8> {
    let mut types = Assembler::default();
    let mut inner = types.int("unsigned long", 8, false);
    for _ in 0..60 {
        let names: Vec<String> = (0..100).map(|index| format!("m{index}")).collect();
        let members: Vec<(&str, TypeId, u32)> =
            names.iter().map(|name| (name.as_str(), inner, 0)).collect();
        inner = types.structure("deep", 8, &members);
    }
    let bytes = saved();
    let end = u64::from_le_bytes(bytes[32..40].try_into().unwrap()) as usize;
    let start = end.next_multiple_of(8);
    let mut builder = Builder::new();
    for (kind, payload) in Container::parse(&bytes[start..]).unwrap().entries() {
        let mut payload = payload.to_vec();
        match kind {
            16 => payload = types.finish(),
            17 => {
                // Every type of the program is the deepest one.
                let program = kflat_image::abi::program::Program::find(&payload).unwrap();
                let (table, count) = (program.header().types.offset, program.counts().0);
                for index in 0..count as usize {
                    let at = table as usize + index * 32 + 4;
                    payload[at..at + 4].copy_from_slice(&inner.0.to_le_bytes());
                }
            }
            _ => {}
        }
        builder.add(kind, &payload);
    }
    let mut file = bytes[..start].to_vec();
    file.extend(builder.finish());
    file
}
