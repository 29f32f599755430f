//! A small kernel to capture from: files, directory entries, a task and its
//! children.

#![allow(dead_code, reason = "not every suite needs all of it")]

use std::collections::BTreeMap;

use kflat_btf::{Assembler, Btf, TypeId};
use kflat_engine::{Clock, Inputs, Memory, Quiet, State, Symbols, Unreadable, put_bytes};
use kflat_image::abi::extension::{ARCHITECTURE_X86_64, Hit};
use kflat_image::{Additions, Image, save};
use kflat_recipe::compile;

/// Where things are.
pub(crate) const FILE: u64 = 0xffff_8880_0010_0000;
pub(crate) const DENTRY: u64 = 0xffff_8880_0020_0000;
pub(crate) const PARENT: u64 = 0xffff_8880_0021_0000;
pub(crate) const NAME: u64 = 0xffff_8880_0030_0003;
const MOUNT: u64 = 0xffff_8880_0040_0000;
pub(crate) const OPERATIONS: u64 = 0xffff_ffff_8200_0000;
const READ: u64 = 0xffff_ffff_8100_1000;
pub(crate) const TASK: u64 = 0xffff_8880_0050_0000;
pub(crate) const FIRST: u64 = 0xffff_8880_0051_0000;
pub(crate) const SECOND: u64 = 0xffff_8880_0052_0000;
/// Never mapped.
pub(crate) const ELSEWHERE: u64 = 0xffff_8880_0fff_0000;

/// The recipe that captures all of it.
pub(crate) const RECIPE: &str = r"
recipe visit {
    file;
    arg 1 as task: as struct task;
    arg 2 as nothing: bytes 8;
}
struct file { f_path; f_op; table: array count; private: as struct file; lost; }
struct path { mnt: container of struct mount by mnt; dentry; }
struct dentry { d_parent; }
struct qstr { name: string; }
struct task { children: list of struct task by sibling; }
";

/// The kernel's types, encoded.
pub(crate) fn types() -> Vec<u8> {
    let mut a = Assembler::default();
    let int = a.int("int", 4, true);
    let unsigned = a.int("unsigned int", 4, false);
    let long = a.int("unsigned long", 8, false);
    let char_ = a.int("char", 1, true);
    let byte = a.int("unsigned char", 1, false);
    let constant = a.constant(byte);
    let text = a.pointer(constant);
    let void = a.pointer(TypeId::VOID);
    let comm = a.array(char_, 16);
    let numbers = a.array(unsigned, 8);
    let state = a.enumeration("state", &[("RUNNING", 0), ("SLEEPING", 1), ("STOPPED", 4)]);
    let list = a.next_id();
    let link = TypeId(list.0 + 1);
    a.structure("list_head", 16, &[("next", link, 0), ("prev", link, 8)]);
    a.pointer(list);
    let qstr = a.structure("qstr", 16, &[("len", unsigned, 0), ("name", text, 8)]);
    let dentry = a.next_id();
    let dentry_pointer = TypeId(dentry.0 + 1);
    a.structure(
        "dentry",
        40,
        &[
            ("d_parent", dentry_pointer, 0),
            ("d_name", qstr, 8),
            ("d_count", int, 24),
        ],
    );
    a.pointer(dentry);
    let vfsmount = a.structure(
        "vfsmount",
        16,
        &[("mnt_flags", int, 0), ("mnt_id", long, 8)],
    );
    let vfsmount_pointer = a.pointer(vfsmount);
    a.structure("mount", 32, &[("mnt_hash", long, 0), ("mnt", vfsmount, 16)]);
    let path = a.structure(
        "path",
        16,
        &[("mnt", vfsmount_pointer, 0), ("dentry", dentry_pointer, 8)],
    );
    let file = a.next_id();
    let file_pointer = TypeId(file.0 + 1);
    let read = TypeId(file.0 + 2);
    let operations = TypeId(file.0 + 4);
    let operations_pointer = TypeId(file.0 + 5);
    let either = TypeId(file.0 + 6);
    let flags = TypeId(file.0 + 7);
    a.structure(
        "file",
        112,
        &[
            ("f_path", path, 0),
            ("f_op", operations_pointer, 16),
            ("f_mode", unsigned, 24),
            ("count", int, 28),
            ("table", dentry_pointer, 32),
            ("private", void, 40),
            ("lost", file_pointer, 48),
            ("", either, 56),
            ("bits", flags, 64),
            ("numbers", numbers, 72),
            ("never", file_pointer, 104),
        ],
    );
    a.pointer(file);
    a.prototype(int, &[("file", file_pointer)]);
    let read_pointer = a.pointer(read);
    a.structure(
        "operations",
        16,
        &[("read", read_pointer, 0), ("write", read_pointer, 8)],
    );
    a.pointer(operations);
    a.union("", 8, &[("number", long), ("halves", unsigned)]);
    a.bit_structure(
        "flags",
        8,
        &[("low", unsigned, 0, 3), ("high", unsigned, 3, 5)],
    );
    let task = a.next_id();
    a.structure(
        "task",
        72,
        &[
            ("state", state, 0),
            ("pid", int, 4),
            ("comm", comm, 8),
            ("children", list, 24),
            ("sibling", list, 40),
            ("file", file_pointer, 56),
            ("grade", char_, 64),
        ],
    );
    assert!(task.0 > 0);
    a.function(
        "visit",
        int,
        &[
            ("file", file_pointer),
            ("task", void),
            ("nothing", void),
            ("mode", unsigned),
            ("wanted", state),
            ("other", void),
        ],
    );
    a.finish()
}

/// Memory that is mapped in places.
#[derive(Default)]
pub(crate) struct Kernel(BTreeMap<u64, Vec<u8>>);

impl Kernel {
    pub(crate) fn put(&mut self, address: u64, words: &[u64]) -> &mut Vec<u8> {
        let bytes = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.0.entry(address).or_insert(bytes)
    }

    /// Changes bytes that are there.
    pub(crate) fn set(&mut self, address: u64, bytes: &[u8]) {
        let (start, region) = self.0.range_mut(..=address).next_back().expect("mapped");
        let at = (address - start) as usize;
        region[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// Files and tasks.
    pub(crate) fn example() -> Self {
        let mut kernel = Self::default();
        let two = |low: u64, high: u64| low | high << 32;
        kernel.put(
            FILE,
            &[
                MOUNT + 16,
                DENTRY,
                OPERATIONS,
                two(0x4_801d, 2),
                DENTRY,
                FILE,
                ELSEWHERE,
                0x1_0000_0007,
                0b1011_0101,
                two(1, 1),
                two(1, 1),
                two(1, 2),
                0,
                DENTRY,
            ],
        );
        kernel.put(MOUNT, &[7, 0, 33, 12]);
        // Two dentries in a row.
        kernel.put(DENTRY, &[PARENT, 8, NAME, 1, 0, DENTRY, 0, 0, 3, 0]);
        kernel.put(PARENT, &[PARENT, 1, NAME + 9, 2, 0]);
        let mut names = b"hostname\0/\0".to_vec();
        names.resize(4096 - 3, b'x');
        kernel.0.insert(NAME, names);
        kernel.put(OPERATIONS, &[READ, 0]);
        let task = |state: u64, pid: u64, name: &[u8; 8], children: [u64; 2], sibling: [u64; 2]| {
            let [next, prev] = children;
            let [forth, back] = sibling;
            let name = u64::from_le_bytes(*name);
            [
                state | pid << 32,
                name,
                0,
                next,
                prev,
                forth,
                back,
                FILE,
                u64::from(b'A'),
            ]
        };
        let (head, links) = (TASK + 24, [FIRST + 40, SECOND + 40]);
        kernel.put(TASK, &task(0, 1, b"init\0\0\0\0", links, [0; 2]));
        let childless = |at: u64| [at + 24; 2];
        kernel.put(
            FIRST,
            &task(1, 2, b"sh\0\0\0\0\0\0", childless(FIRST), [links[1], head]),
        );
        kernel.put(
            SECOND,
            &task(5, 3, b"cat\0\0\0\0\0", childless(SECOND), [head, links[0]]),
        );
        kernel
    }
}

impl Memory for Kernel {
    fn read(&mut self, address: u64, length: usize, words: &mut [u64]) -> Result<(), Unreadable> {
        let (start, region) = self.0.range(..=address).next_back().ok_or(Unreadable)?;
        let at = (address - start) as usize;
        let bytes = region.get(at..at + length).ok_or(Unreadable)?;
        put_bytes(words, address, bytes);
        Ok(())
    }
}

impl Symbols for Kernel {
    fn name(&mut self, address: u64, name: &mut [u8]) -> Option<usize> {
        let text = (address == READ).then_some("example_read")?;
        name.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Some(text.len())
    }
}

struct NoTime;

impl Clock for NoTime {
    fn now_ns(&self) -> u64 {
        0
    }
}

/// What the module would write: an image and its container.
pub(crate) fn capture(program: &[u8], kernel: &mut Kernel, arguments: &[u64]) -> Vec<u8> {
    let program = kflat_engine::verify(program).expect("a right program");
    let (mut work, mut area) = (vec![0u64; 1 << 16], vec![0u64; 1 << 16]);
    let mut state = State::default();
    let inputs = Inputs {
        arguments,
        ..Inputs::default()
    };
    let regions = (&mut work[..], &mut area[..], &mut state);
    kflat_engine::capture(&program, regions, &inputs, kernel, &NoTime, &mut Quiet).expect("room");
    let mut hit = Hit {
        architecture: ARCHITECTURE_X86_64,
        pid: 42,
        tid: 43,
        boot_ns: 5_000_000_001,
        capture_ns: 7_000,
        ..Hit::default()
    };
    hit.comm[..3].copy_from_slice(b"cat");
    hit.register_count = 20;
    // `rcx`, `r8`, `r9`.
    [hit.registers[11], hit.registers[9], hit.registers[8]] = [0xdead_0000_0007, 5, DENTRY];
    let regions = (&mut work[..], &mut area[..], &mut state);
    let report = kflat_engine::write(&program, regions, &hit, kernel, &kflat_engine::AnyProcessor);
    let mut bytes: Vec<u8> = area.iter().flat_map(|word| word.to_le_bytes()).collect();
    bytes.truncate(report.total_size as usize);
    assert!(!bytes.is_empty());
    bytes
}

/// The example captured by [`RECIPE`], as the module leaves it.
pub(crate) fn captured() -> (Vec<u8>, kflat_recipe::Compiled) {
    captured_from(&mut Kernel::example())
}

fn captured_from(kernel: &mut Kernel) -> (Vec<u8>, kflat_recipe::Compiled) {
    let btf = Btf::parse(&types()).expect("types");
    let compiled = compile(RECIPE, "example", &btf).unwrap_or_else(|error| panic!("{error}"));
    let arguments = [FILE, TASK, 0];
    let bytes = capture(&compiled.program, kernel, &arguments);
    (bytes, compiled)
}

/// The example, saved.
pub(crate) fn saved() -> Vec<u8> {
    saved_from(&mut Kernel::example())
}

/// What there is of the example in `kernel`, saved.
pub(crate) fn saved_from(kernel: &mut Kernel) -> Vec<u8> {
    saved_with(kernel, &[("release", "6.12.1"), ("note", "two\nlines")])
}

/// The same, with this context.
pub(crate) fn saved_with(kernel: &mut Kernel, context: &[(&str, &str)]) -> Vec<u8> {
    let (bytes, compiled) = captured_from(kernel);
    let context: Vec<_> = (context.iter())
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    let additions = Additions {
        types: &compiled.types,
        program: &compiled.program,
        source: &compiled.source,
        context: &context,
        vmcoreinfo: "",
        surroundings: None,
    };
    save(&bytes, &additions).expect("an image")
}

/// The example, opened.
pub(crate) fn image() -> Image {
    Image::open(saved()).expect("an image")
}
