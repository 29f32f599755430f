//! A hand-made image as an ELF core: what debuggers will read in it.

#![allow(clippy::unwrap_used, reason = "these are tests")]

use kflat_image::abi::extension::{ARCHITECTURE_X86_64, Hit, KIND_HIT, KIND_ORIGIN};
use kflat_image::abi::image::{Header, MAGIC, VERSION};
use kflat_image::abi::record::Record;
use kflat_image::container::Builder;
use kflat_image::export::{ExportError, Profile, gdb_script, write_elf};
use kflat_image::original::{OriginalError, OriginalMemory, Span};
use kflat_image::{Additions, Image, Surroundings, save};

const FIRST: u64 = 0xffff_8880_0000_1010;
const SECOND: u64 = 0xffff_8880_0000_0ff0;

/// What the kernel would write: fragments of 16 and 8 bytes, the first of which
/// points into the second, and to itself.
fn captured(origins: [u64; 2]) -> Vec<u8> {
    let sections = [
        vec![0, 8],                    // locations of pointers
        vec![0, 16, 16, 8],            // fragments
        vec![20, 8, 0x1122_3344_5566], // memory
        vec![0],                       // symbols
    ];
    let bytes: Vec<u8> = sections
        .concat()
        .iter()
        .flat_map(|word: &u64| word.to_le_bytes())
        .collect();
    let header = Header {
        magic: MAGIC,
        version: VERSION,
        image_size: (Header::SIZE + bytes.len()) as u64,
        memory_size: 24,
        ptr_count: 2,
        fptrmapsz: 8,
        mcount: 2,
        ..Header::default()
    };
    let mut image = vec![0; Header::SIZE];
    header.encode(&mut image).unwrap();
    image.extend(bytes);
    let mut hit = Hit {
        architecture: ARCHITECTURE_X86_64,
        tid: 77,
        register_count: 21,
        ..Hit::default()
    };
    hit.registers[16] = 0xffff_ffff_8100_0001;
    let mut record = vec![0; Hit::SIZE];
    hit.encode(&mut record).unwrap();
    let mut builder = Builder::new();
    builder.add(KIND_ORIGIN, &origins.map(u64::to_le_bytes).concat());
    builder.add(KIND_HIT, &record);
    image.resize(image.len().next_multiple_of(8), 0);
    image.extend(builder.finish());
    image
}

fn image(additions: &Additions<'_>) -> Image {
    let captured = captured([FIRST, SECOND]);
    let image = Image::open(save(&captured, additions).unwrap()).unwrap();
    assert!(image.warnings().is_empty(), "{:?}", image.warnings());
    image
}

fn context() -> Vec<(String, String)> {
    [
        ("kernel", "6.12.1"),
        ("kernel_offset", "0x1200000"),
        ("page_table_levels", "5"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .to_vec()
}

/// Address, physical address and contents of a `PT_LOAD`.
type Load = (u64, u64, Vec<u8>);

/// The `PT_LOAD`s and the notes.
fn read(core: &[u8]) -> (Vec<Load>, Vec<u8>) {
    let word = |at: usize| u64::decode(&core[at..]).unwrap();
    assert!(core.starts_with(b"\x7fELF\x02\x01\x01"));
    assert_eq!(u16::decode(&core[16..]), Some(4), "ET_CORE");
    assert_eq!(u16::decode(&core[18..]), Some(62), "EM_X86_64");
    let count = match u16::decode(&core[56..]).unwrap() {
        0xffff => {
            let section = word(40) as usize;
            assert_eq!(u16::decode(&core[60..]), Some(1), "one section header");
            u32::decode(&core[section + 44..]).unwrap() as usize
        }
        count => usize::from(count),
    };
    let (mut loads, mut notes) = (Vec::new(), Vec::new());
    for index in 0..count {
        let at = 64 + 56 * index;
        let contents = &core[word(at + 8) as usize..][..word(at + 32) as usize];
        match u32::decode(&core[at..]).unwrap() {
            4 => {
                assert_eq!(index, 0, "the notes come first");
                notes = contents.to_vec();
            }
            1 => {
                assert_eq!(word(at + 32), word(at + 40), "p_filesz is p_memsz");
                assert_eq!(word(at + 48), 0, "p_align");
                loads.push((word(at + 16), word(at + 24), contents.to_vec()));
            }
            other => panic!("a segment of type {other}"),
        }
    }
    (loads, notes)
}

fn exported(image: &Image, profile: Profile) -> Vec<u8> {
    let mut core = Vec::new();
    write_elf(image, profile, &mut core).unwrap();
    core
}

#[test]
fn memory_is_in_its_place_with_the_pointers_that_it_had() {
    let context = context();
    let image = image(&Additions {
        context: &context,
        ..Additions::default()
    });
    let (loads, notes) = read(&exported(&image, Profile::Drgn));
    let pointers = [SECOND + 4, FIRST + 8].map(u64::to_le_bytes).concat();
    assert_eq!(
        loads,
        [
            (SECOND, u64::MAX, 0x1122_3344_5566u64.to_le_bytes().to_vec()),
            (FIRST, u64::MAX, pointers),
        ]
    );
    let text = String::from_utf8_lossy(&notes);
    for line in [
        "OSRELEASE=6.12.1\n",
        "PAGESIZE=4096\n",
        "KERNELOFFSET=1200000\n",
        "NUMBER(pgtable_l5_enabled)=1\n",
        "SYMBOL(swapper_pg_dir)=f",
    ] {
        assert!(text.contains(line), "{text}");
    }
    let status = &notes[notes.len() - 336..];
    assert_eq!(u32::decode(&status[32..]), Some(77));
    assert_eq!(
        u64::decode(&status[112 + 16 * 8..]),
        Some(0xffff_ffff_8100_0001)
    );
}

#[test]
fn surroundings_fill_what_was_not_captured_and_never_hide_it() {
    let context = context();
    let surroundings = Surroundings::of(vec![(SECOND - 16, None, vec![0xee; 0x30])]);
    let image = image(&Additions {
        context: &context,
        vmcoreinfo: "OSRELEASE=verbatim\n",
        surroundings: Some(&surroundings),
        ..Additions::default()
    });
    let memory = OriginalMemory::of(&image).unwrap();
    // It touches the other fragment, so that all is one span.
    let all = Span {
        address: SECOND - 16,
        size: 0x40,
    };
    assert_eq!(memory.spans(), [all]);
    let mut bytes = [0; 32];
    assert!(memory.read(SECOND - 16, &mut bytes));
    let mut expected = [0xee; 32];
    expected[16..24].copy_from_slice(&0x1122_3344_5566u64.to_le_bytes());
    assert_eq!(bytes, expected);
    assert!(!memory.read(SECOND - 17, &mut bytes));
    assert!(!memory.read(SECOND + 17, &mut bytes));
    // A pointer is put back when only a part of it is read.
    let mut half = [0; 3];
    assert!(memory.read(FIRST + 6, &mut half));
    assert_eq!(half, [0xff, 0xff, 0x18]);
    let (_, notes) = read(&exported(&image, Profile::Drgn));
    assert!(String::from_utf8_lossy(&notes).contains("OSRELEASE=verbatim\n"));
    assert!(!String::from_utf8_lossy(&notes).contains("KERNELOFFSET"));
}

#[test]
fn crash_gets_whole_pages_by_physical_address() {
    let bare = image(&Additions::default());
    let refused = write_elf(&bare, Profile::Crash, &mut Vec::new());
    assert!(matches!(refused, Err(ExportError::NoPages)), "{refused:?}");
    let page = SECOND & !0xfff;
    let surroundings = Surroundings::of(vec![
        (page, Some(0x5000), vec![1; 4096]),
        (page + 0x10_0000, Some(0x9000), vec![2; 4096]),
        (page + 0x20_0000, None, vec![3; 4096]),
        (page + 0x30_0000, Some(0xa000), vec![4; 100]),
    ]);
    let image = image(&Additions {
        vmcoreinfo: "OSRELEASE=6.12.1\n",
        surroundings: Some(&surroundings),
        ..Additions::default()
    });
    let mut core = Vec::new();
    let summary = write_elf(&image, Profile::Crash, &mut core).unwrap();
    assert_eq!(
        (summary.segments, summary.left_out),
        (2, 1),
        "the fragment at FIRST"
    );
    let (loads, _) = read(&core);
    assert_eq!((loads[0].0, loads[0].1), (page, 0x5000));
    assert_eq!(loads[0].2[0xff0..0xff8], 0x1122_3344_5566u64.to_le_bytes());
    assert_eq!(
        (loads[1].0, loads[1].1, loads[1].2[0]),
        (page + 0x10_0000, 0x9000, 2)
    );
}

#[test]
fn more_segments_than_a_header_can_count() {
    let context = context();
    let many = (0..70_000).map(|index| (0x1_0000 + index * 16, None, vec![index as u8; 8]));
    let surroundings = Surroundings::of(many.collect());
    let image = image(&Additions {
        context: &context,
        surroundings: Some(&surroundings),
        ..Additions::default()
    });
    let (loads, _) = read(&exported(&image, Profile::Drgn));
    assert_eq!(loads.len(), 70_002);
    assert_eq!(
        loads[69_999],
        (0x1_0000 + 69_999 * 16, u64::MAX, vec![69_999u64 as u8; 8])
    );
}

#[test]
fn impossible_places_are_refused() {
    let cases = [
        ([FIRST, FIRST + 8], "overlap"),
        ([u64::MAX - 4, SECOND], "top of memory"),
    ];
    for (origins, said) in cases {
        let image = Image::open(captured(origins)).unwrap();
        let error = write_elf(&image, Profile::Drgn, &mut Vec::new()).unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
    }
    let nameless = Image::open(captured([FIRST, SECOND])).unwrap();
    let refused = write_elf(&nameless, Profile::Drgn, &mut Vec::new());
    assert!(matches!(refused, Err(ExportError::NoRelease)));
    let plain = captured([FIRST, SECOND]);
    let size = u64::decode(&plain[32..]).unwrap() as usize;
    let plain = Image::open(plain[..size].to_vec()).unwrap();
    assert_eq!(
        OriginalMemory::of(&plain).unwrap_err(),
        OriginalError::NoAddresses
    );
}

#[test]
fn the_gdb_script_moves_the_symbols_to_where_the_kernel_was() {
    let context = context();
    let image = image(&Additions {
        context: &context,
        ..Additions::default()
    });
    let script = gdb_script(&image, "/tmp/a.core".as_ref(), None);
    assert!(
        script.contains("symbol-file $arg0 -o 0x1200000\n"),
        "{script}"
    );
    assert!(script.ends_with("core-file /tmp/a.core\n"), "{script}");
    let script = gdb_script(
        &image,
        "/tmp/a.core".as_ref(),
        Some("/boot/vmlinux".as_ref()),
    );
    assert!(script.ends_with("vmlinux /boot/vmlinux\n"), "{script}");
}
