//! 10⁵ objects in one list.

use kflat_btf::{Assembler, Btf, TypeId};
use kflat_engine::{
    Clock, Inputs, Memory, Quiet, State, Symbols, Unreadable, capture, put_bytes, verify, write,
};
use kflat_image::abi::extension::Hit;
use kflat_image::{Additions, Image, save};
use kflat_recipe::compile;

/// How many.
#[allow(dead_code, reason = "not every suite counts")]
pub(crate) const COUNT: u64 = 100_000;
const SIZE: u64 = 64;
/// Between two nodes, so that each is a fragment.
const STEP: u64 = 128;
const BASE: u64 = 0xffff_8880_0000_0000;

/// A head, then so many nodes; each is made when it is read.
struct List;

impl Memory for List {
    fn read(&mut self, address: u64, length: usize, words: &mut [u64]) -> Result<(), Unreadable> {
        let at = address.checked_sub(BASE).ok_or(Unreadable)?;
        let (index, inside) = (at / STEP, at % STEP);
        if index > COUNT || inside + length as u64 > SIZE {
            return Err(Unreadable);
        }
        let link = |index: u64| BASE + index * STEP;
        let mut node = [0u8; SIZE as usize];
        let next = link((index + 1) % (COUNT + 1));
        let previous = link(index.checked_sub(1).unwrap_or(COUNT));
        node[..8].copy_from_slice(&next.to_le_bytes());
        node[8..16].copy_from_slice(&previous.to_le_bytes());
        node[16..24].copy_from_slice(&index.to_le_bytes());
        let bytes = &node[inside as usize..inside as usize + length];
        put_bytes(words, address, bytes);
        Ok(())
    }
}

impl Symbols for List {
    fn name(&mut self, _: u64, _: &mut [u8]) -> Option<usize> {
        None
    }
}

struct NoTime;

impl Clock for NoTime {
    fn now_ns(&self) -> u64 {
        0
    }
}

/// Captured, saved, opened.
pub(crate) fn image() -> Image {
    let mut types = Assembler::default();
    let int = types.int("int", 4, true);
    let long = types.int("unsigned long", 8, false);
    let list = types.next_id();
    let link = TypeId(list.0 + 1);
    types.structure("list_head", 16, &[("next", link, 0), ("prev", link, 8)]);
    types.pointer(list);
    let rest = types.array(long, 5);
    let head = types.structure("head", 16, &[("nodes", list, 0)]);
    types.structure(
        "node",
        SIZE as u32,
        &[("link", list, 0), ("number", long, 16), ("rest", rest, 24)],
    );
    let pointer = types.pointer(head);
    types.function("visit", int, &[("head", pointer)]);
    let btf = Btf::parse(&types.finish()).unwrap();
    let recipe = "recipe visit { head; } struct head { nodes: list of struct node by link; }";
    let compiled = compile(recipe, "list", &btf).unwrap_or_else(|error| panic!("{error}"));
    let program = verify(&compiled.program).unwrap();
    let (mut work, mut area) = (vec![0u64; 8 << 20], vec![0u64; 4 << 20]);
    let mut state = State::default();
    let inputs = Inputs {
        arguments: &[BASE],
        ..Inputs::default()
    };
    let regions = (&mut work[..], &mut area[..], &mut state);
    capture(&program, regions, &inputs, &mut List, &NoTime, &mut Quiet).unwrap();
    let regions = (&mut work[..], &mut area[..], &mut state);
    let report = write(
        &program,
        regions,
        &Hit::default(),
        &mut List,
        &kflat_engine::AnyProcessor,
    );
    let mut bytes: Vec<u8> = area.iter().flat_map(|word| word.to_le_bytes()).collect();
    bytes.truncate(report.total_size as usize);
    let additions = Additions {
        types: &compiled.types,
        program: &compiled.program,
        source: &compiled.source,
        context: &[],
        vmcoreinfo: "",
        surroundings: None,
    };
    Image::open(save(&bytes, &additions).unwrap()).unwrap()
}
