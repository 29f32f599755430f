//! Compares an image with the description of a test, word by word.

use kflat_abi::extension::Diagnostic;
use kflat_image::Image;

use super::loaded::{FUNCTION_ADDRESS, How, Memory};
use super::origins::{Found, Origins};
use super::{Data, Mismatch, Outcome};
use crate::expected::{Fragment, Target};
use crate::memory::{Addresses, Word};
use crate::{FUNCTION, GLOBAL_WORDS, SelfTest};

/// A test, its image, and where the one is in the other.
pub(super) struct Comparison<'a> {
    test: &'a SelfTest,
    data: &'a Data,
    image: &'a Image,
    outcome: &'a Outcome,
    origins: Origins,
}

/// What a word is in an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Plain,
    /// A pointer to a place in the image's memory, and so many bytes from it.
    Pointer(u64, i64),
    /// A function, and so many bytes.
    Function(u64),
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Plain => "a plain number",
            Self::Pointer(..) => "a pointer into the image",
            Self::Function(_) => "a function",
        }
    }
}

fn same(what: &'static str, found: u64, expected: u64) -> Result<(), Mismatch> {
    if found == expected {
        return Ok(());
    }
    Err(Mismatch::Number {
        what,
        found,
        expected,
    })
}

impl<'a> Comparison<'a> {
    pub(super) fn new(
        test: &'a SelfTest,
        data: &'a Data,
        image: &'a Image,
        outcome: &'a Outcome,
    ) -> Result<Self, Mismatch> {
        let origins = Origins::find(test, image, outcome)?;
        Ok(Self {
            test,
            data,
            image,
            outcome,
            origins,
        })
    }

    /// What is told beside the memory: objects, what is missing, what changed.
    pub(super) fn report(&self) -> Result<(), Mismatch> {
        let extension = self.image.extension();
        let extension = extension.ok_or(Mismatch::Untold("what was captured"))?;
        let expected = &self.test.image;
        let cpus = match self.origins.other(Fragment::EachCpu) {
            Some(_) => self.outcome.cpus,
            None => 0,
        };
        let objects = extension.objects().len() as u64;
        same("objects", objects, u64::from(expected.objects + cpus))?;
        let reasons = |all: &[Diagnostic]| all.iter().map(|one| one.reason).collect::<Vec<u32>>();
        let found = reasons(extension.diagnostics());
        if found != expected.missing {
            return Err(Mismatch::Missing {
                found,
                expected: expected.missing.to_vec(),
            });
        }
        let reason = expected.missing.first().copied().unwrap_or(0);
        same(
            "the report's reason",
            self.outcome.reason.into(),
            reason.into(),
        )?;
        let changed: Vec<u64> = extension
            .changes()
            .iter()
            .map(|range| range.offset)
            .collect();
        self.changes(&changed)?;
        self.counts()
    }

    fn changes(&self, found: &[u64]) -> Result<(), Mismatch> {
        let looks = self.origins.other(Fragment::Looks);
        let expected: Vec<u64> = match looks {
            Some(looks) if self.test.image.changed => vec![looks.offset],
            _ => vec![],
        };
        if found == expected {
            return Ok(());
        }
        Err(Mismatch::Changes {
            found: found.len(),
            expected: expected.len(),
        })
    }

    /// No word is a pointer that should not be, inside of the fragments or elsewhere.
    fn counts(&self) -> Result<(), Mismatch> {
        let (mut pointers, mut functions) = (0, 0);
        for (start, found) in &self.origins.memory {
            for word in start.div_ceil(8)..(start + found.size) / 8 {
                match self.expected(word) {
                    Kind::Plain => {}
                    Kind::Pointer(..) => pointers += 1,
                    Kind::Function(_) => functions += 1,
                }
            }
        }
        same("pointers", self.image.pointers().len() as u64, pointers)?;
        same(
            "functions",
            self.image.functions().count() as u64,
            functions,
        )
    }

    /// What the word at a place in the data must be in the image.
    fn expected(&self, at: u64) -> Kind {
        let to = |found: Option<Found>| {
            found.map_or(Kind::Plain, |found| Kind::Pointer(found.offset, 0))
        };
        if self.test.image.kept.contains(&(at as usize)) {
            return Kind::Plain;
        }
        match self.data.word(at) {
            Word::Number(_) => Kind::Plain,
            Word::Pointer(pointer) => match self.origins.at(pointer.object) {
                Some((found, inside)) => Kind::Pointer(found.offset + inside, pointer.delta),
                None => Kind::Plain,
            },
            Word::Function(bytes) => Kind::Function(bytes),
            Word::Global => to(self.origins.other(Fragment::Global)),
            Word::PerCpu => to(self.origins.other(Fragment::ThisCpu)),
            Word::User => to(self.origins.other(Fragment::User)),
        }
    }

    /// The loaded image.
    pub(super) fn memory(&self, memory: &Memory, how: How) -> Result<(), Mismatch> {
        for (start, found) in &self.origins.memory {
            self.fragment(memory, how, *start, found)?;
        }
        for (kind, found) in &self.origins.others {
            self.other(memory, *kind, found)?;
        }
        for (index, target) in self.test.image.roots.iter().enumerate() {
            self.root(memory, index, *target)?;
        }
        let roots = self.image.roots().count() as u64;
        same("roots", roots, self.test.image.roots.len() as u64)
    }

    /// A fragment of the test's memory: byte for byte where it is not whole words.
    fn fragment(
        &self,
        memory: &Memory,
        how: How,
        start: u64,
        found: &Found,
    ) -> Result<(), Mismatch> {
        let bytes = memory.bytes(found.offset, found.size);
        let bytes = bytes.ok_or(Mismatch::Untold("all of a fragment"))?;
        let end = start + found.size;
        for at in start / 8..end.div_ceil(8) {
            let (from, to) = (start.max(8 * at), end.min(8 * at + 8));
            let mut word = [0; 8];
            let part = bytes.get((from - start) as usize..(to - start) as usize);
            for (into, byte) in word
                .iter_mut()
                .skip((from % 8) as usize)
                .zip(part.unwrap_or(&[]))
            {
                *into = *byte;
            }
            let value = u64::from_le_bytes(word);
            if to - from == 8 {
                self.word(memory, how, at, found.offset + (from - start), value)?;
                continue;
            }
            let below = |bytes: u64| u64::MAX.checked_shr(64 - 8 * bytes as u32).unwrap_or(0);
            let mask = below(to - 8 * at) & !below(from - 8 * at);
            let expected = self.data.word(at).value(&Addresses::default()) & mask;
            if value != expected {
                return Err(Mismatch::Word {
                    word: at,
                    found: value,
                    expected,
                });
            }
        }
        Ok(())
    }

    /// The word at place `at` of the data, which is at `offset` of the image's memory.
    fn word(
        &self,
        memory: &Memory,
        how: How,
        at: u64,
        offset: u64,
        value: u64,
    ) -> Result<(), Mismatch> {
        let expected = self.expected(at);
        let name = self.image.function(offset);
        let found = match (self.image.is_pointer(offset), name) {
            (true, _) => Kind::Pointer(0, 0),
            (false, Some(_)) => Kind::Function(0),
            (false, None) => Kind::Plain,
        };
        if found.name() != expected.name() {
            return Err(Mismatch::Kind {
                word: at,
                found: found.name(),
                expected: expected.name(),
            });
        }
        let wanted = match expected {
            // Each fragment for itself: what lies in front of one is nowhere.
            Kind::Pointer(_, ..0) if how == How::Fragments => return Ok(()),
            Kind::Pointer(target, delta) => {
                let target = memory.address(target).unwrap_or(0);
                target.wrapping_add_signed(delta)
            }
            Kind::Function(bytes) => {
                self.function(at, name.unwrap_or_default(), bytes)?;
                FUNCTION_ADDRESS + bytes
            }
            Kind::Plain => match self.data.word(at) {
                // Its value is known to the module alone.
                Word::PerCpu | Word::User | Word::Global if value != 0 => return Ok(()),
                word => word.value(&self.origins.addresses),
            },
        };
        if value == wanted {
            return Ok(());
        }
        Err(Mismatch::Word {
            word: at,
            found: value,
            expected: wanted,
        })
    }

    fn function(&self, word: u64, found: &str, bytes: u64) -> Result<(), Mismatch> {
        let expected = match bytes {
            0 => FUNCTION.to_owned(),
            bytes => format!("{FUNCTION}+{bytes:#x}"),
        };
        if found.split(' ').next() == Some(&expected) {
            return Ok(());
        }
        Err(Mismatch::Function {
            word,
            found: found.to_owned(),
            expected,
        })
    }

    /// A fragment that is not of the test's memory.
    fn other(&self, memory: &Memory, kind: Fragment, found: &Found) -> Result<(), Mismatch> {
        let bytes = memory.bytes(found.offset, found.size).unwrap_or_default();
        let (what, good) = match kind {
            Fragment::Global => {
                let words = GLOBAL_WORDS.iter().flat_map(|word| word.to_le_bytes());
                ("the module's constant", words.eq(bytes.iter().copied()))
            }
            Fragment::User => {
                let name = test_name(self.test);
                ("the name in the process", name == bytes)
            }
            // A look when the capture began, and later ones: few.
            Fragment::Looks => ("the looks at the clock", is_small(&bytes)),
            // They were found by what they hold.
            Fragment::Memory { .. } | Fragment::ThisCpu | Fragment::EachCpu => return Ok(()),
        };
        if good {
            return Ok(());
        }
        Err(Mismatch::Contents { what, found: bytes })
    }

    fn root(&self, memory: &Memory, index: usize, target: Target) -> Result<(), Mismatch> {
        let whole = |kind: Fragment| self.origins.other(kind).map(|one| (one.offset, one.size));
        let expected = match target {
            Target::Memory { byte, size } => self
                .origins
                .at(byte)
                .map(|(found, inside)| (found.offset + inside, size)),
            Target::Global => whole(Fragment::Global),
            Target::Looks => whole(Fragment::Looks),
            Target::Null => None,
        };
        let expected = expected.map(|(offset, size)| (memory.address(offset).unwrap_or(0), size));
        let found = memory.root(index);
        let found = found.map(|place| (place.pointer.addr() as u64, place.size));
        let missing = expected.is_none() && target != Target::Null;
        if found == expected && !missing {
            return Ok(());
        }
        Err(Mismatch::Root {
            index,
            found,
            expected,
        })
    }
}

/// Whether they are a number from 1 to 255.
fn is_small(bytes: &[u8]) -> bool {
    let [first, rest @ ..] = bytes else {
        return false;
    };
    *first > 0 && rest.iter().all(|byte| *byte == 0)
}

fn test_name(test: &SelfTest) -> Vec<u8> {
    [test.name.as_bytes(), b"\0"].concat()
}
