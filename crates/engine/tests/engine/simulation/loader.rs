//! Reads an image as `spec/image-format.md` describes it, and checks all that
//! it demands.

use std::collections::BTreeMap;

use kflat_abi::crc32c::crc32c;
use kflat_abi::extension::{self as abi, ChangedRange, Diagnostic, Entry, Hit, Object};
use kflat_abi::record::Record;

/// An image that satisfies the format.
#[derive(Debug)]
pub(crate) struct Image {
    pub(crate) roots: Vec<u64>,
    pub(crate) named: BTreeMap<String, (u64, u64)>,
    pub(crate) pointers: Vec<u64>,
    pub(crate) functions: BTreeMap<u64, String>,
    pub(crate) fragments: Vec<(u64, u64)>,
    pub(crate) memory: Vec<u8>,
    pub(crate) origins: Vec<u64>,
    pub(crate) objects: Vec<Object>,
    pub(crate) diagnostics: Vec<Diagnostic>,
    pub(crate) changes: Vec<ChangedRange>,
    pub(crate) hit: Hit,
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: u64) -> &'a [u8] {
        let (head, tail) = self.0.split_at(count as usize);
        self.0 = tail;
        head
    }

    fn word(&mut self) -> u64 {
        u64::from_le_bytes(self.bytes(8).try_into().expect("8 bytes"))
    }

    fn words(&mut self, count: u64) -> Vec<u64> {
        (0..count).map(|_| self.word()).collect()
    }
}

fn ascending(list: &[u64]) -> bool {
    list.windows(2).all(|pair| pair[0] < pair[1])
}

impl Image {
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let mut reader = Reader(bytes);
        assert_eq!(reader.bytes(8), b"FLATTEN\0");
        assert_eq!(reader.word(), 2, "version, and zero");
        assert_eq!((reader.word(), reader.word()), (0, 0), "no load address");
        let [
            image_size,
            memory_size,
            pointer_count,
            function_count,
            root_count,
            named_count,
            named_size,
            map_size,
            fragment_count,
        ] = *reader.words(9)
        else {
            unreachable!("nine words");
        };
        let roots = reader.words(root_count);
        let mut records = Reader(reader.bytes(named_size));
        let mut named = BTreeMap::new();
        for _ in 0..named_count {
            let padded = records.word();
            assert_eq!(padded % 8, 0);
            let name = String::from_utf8(records.bytes(padded).to_vec()).expect("UTF-8");
            let index = records.word();
            let value = (roots[index as usize], records.word());
            let name = name.trim_end_matches('\0').to_owned();
            assert!(named.insert(name, value).is_none(), "names are unique");
        }
        assert!(records.0.is_empty());
        let pointers = reader.words(pointer_count);
        let function_locations = reader.words(function_count);
        let fragments: Vec<(u64, u64)> = (0..fragment_count)
            .map(|_| (reader.word(), reader.word()))
            .collect();
        let memory = reader.bytes(memory_size).to_vec();
        let mut map = Reader(reader.bytes(map_size));
        let mut functions = BTreeMap::new();
        assert_eq!(map.word(), function_count);
        for _ in 0..function_count {
            let location = map.word();
            let length = map.word();
            let name = String::from_utf8(map.bytes(length).to_vec()).expect("UTF-8");
            assert!(functions.insert(location, name).is_none());
        }
        assert!(map.0.is_empty());
        assert_eq!(image_size as usize, bytes.len() - reader.0.len());

        assert!(ascending(&pointers) && ascending(&function_locations));
        assert!(functions.keys().eq(&function_locations));
        assert!(pointers.iter().all(|at| at + 8 <= memory_size));
        assert!(
            functions
                .keys()
                .all(|at| at + 8 <= memory_size && !pointers.contains(at))
        );
        for pair in fragments.windows(2) {
            assert_eq!(
                pair[0].0 + pair[0].1,
                pair[1].0,
                "fragments tile the memory"
            );
        }
        assert!(
            fragments
                .last()
                .is_none_or(|(at, size)| at + size == memory_size)
        );
        let word = |at: &u64| Reader(&memory[*at as usize..]).word();
        assert!(pointers.iter().all(|at| word(at) <= memory_size));
        assert!(roots.iter().all(|at| *at <= memory_size || *at == u64::MAX));

        let padding = image_size.next_multiple_of(8) - image_size;
        assert!(reader.bytes(padding).iter().all(|byte| *byte == 0));
        let extension = Extension(reader.0);
        let image = Self {
            origins: Reader(extension.demand(abi::KIND_ORIGIN)).words(fragment_count),
            objects: records_of(extension.demand(abi::KIND_OBJECTS)),
            diagnostics: records_of(extension.demand(abi::KIND_DIAGNOSTICS)),
            changes: records_of(extension.payload(abi::KIND_CHANGES).unwrap_or(&[])),
            hit: Hit::decode(extension.demand(abi::KIND_HIT)).expect("a hit"),
            roots,
            named,
            pointers,
            functions,
            fragments,
            memory,
        };
        for ((offset, _), origin) in image.fragments.iter().zip(&image.origins) {
            assert_eq!(offset % 8, origin % 8, "aligned as it was");
        }
        image
    }

    pub(crate) fn word(&self, at: u64) -> u64 {
        Reader(&self.memory[at as usize..]).word()
    }

    /// Where the word at `at` leads: it must be a relocated pointer.
    pub(crate) fn follow(&self, at: u64) -> u64 {
        assert!(self.pointers.contains(&at), "{at:#x} is not relocated");
        self.word(at)
    }

    pub(crate) fn string(&self, at: u64) -> String {
        let tail = &self.memory[at as usize..];
        let end = tail.iter().position(|byte| *byte == 0).expect("a NUL");
        String::from_utf8_lossy(&tail[..end]).into_owned()
    }

    /// The reasons of the diagnostics, in order.
    pub(crate) fn reasons(&self) -> Vec<u32> {
        self.diagnostics.iter().map(|d| d.reason).collect()
    }

    /// Whether a word is relocated.
    pub(crate) fn is_pointer(&self, at: u64) -> bool {
        self.pointers.binary_search(&at).is_ok()
    }

    /// Where the byte that was at an address is.
    pub(crate) fn at(&self, address: u64) -> Option<u64> {
        let places = self.fragments.iter().zip(&self.origins);
        places
            .filter_map(|((start, size), origin)| {
                Some((start, size, address.checked_sub(*origin)?))
            })
            .find(|(_, size, inside)| inside < size)
            .map(|(start, _, inside)| start + inside)
    }

    /// The original address of byte `at`.
    pub(crate) fn original(&self, at: u64) -> u64 {
        let after = self.fragments.partition_point(|(start, _)| *start <= at);
        let ((start, _), origin) = (self.fragments[after - 1], self.origins[after - 1]);
        origin + (at - start)
    }
}

fn records_of<R: Record>(bytes: &[u8]) -> Vec<R> {
    assert_eq!(bytes.len() % R::SIZE, 0);
    let records = bytes.chunks(R::SIZE).map(R::decode);
    records.map(|record| record.expect("a record")).collect()
}

struct Extension<'a>(&'a [u8]);

impl<'a> Extension<'a> {
    fn demand(&self, kind: u32) -> &'a [u8] {
        self.payload(kind).expect("present")
    }

    fn payload(&self, kind: u32) -> Option<&'a [u8]> {
        let header = abi::Header::decode(self.0).expect("a header");
        assert_eq!((header.magic, header.version), (abi::MAGIC, abi::VERSION));
        assert_eq!(header.size, self.0.len() as u64);
        let table = &self.0[abi::Header::SIZE..][..header.count as usize * Entry::SIZE];
        assert_eq!(header.toc_crc, crc32c(table));
        let entries: Vec<Entry> = records_of(table);
        let entry = entries.iter().find(|entry| entry.kind == kind)?;
        let payload = &self.0[entry.offset as usize..][..entry.length as usize];
        assert_eq!(entry.offset % abi::ALIGNMENT, 0);
        assert_eq!(entry.crc, crc32c(payload));
        Some(payload)
    }
}
