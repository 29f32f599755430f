//! Columns of numbers behind a head in JSON, as the page's `data.js` reads them.
//!
//! `u32` bytes of the head, the head, then the columns in the order in which the
//! head names them, each at a multiple of 8; all little-endian.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::ZlibEncoder;
use serde::Serialize;

/// What a column's numbers are.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    U8,
    U32,
    F64,
    U64,
}

/// Columns that are filled one after the other.
#[derive(Default)]
pub(super) struct Columns {
    /// Name, kind, how many numbers.
    names: Vec<(&'static str, Kind, usize)>,
    bytes: Vec<u8>,
}

impl Columns {
    pub(super) fn bytes(&mut self, name: &'static str, column: &[u8]) {
        self.names.push((name, Kind::U8, column.len()));
        self.bytes.extend(column);
        self.align();
    }

    pub(super) fn small(&mut self, name: &'static str, column: impl Iterator<Item = u8>) {
        self.column(name, Kind::U8, column.map(|number| [number]));
    }

    pub(super) fn numbers(&mut self, name: &'static str, column: impl Iterator<Item = u32>) {
        self.column(name, Kind::U32, column.map(u32::to_le_bytes));
    }

    /// Offsets, which JavaScript's own numbers hold.
    pub(super) fn offsets(&mut self, name: &'static str, column: impl Iterator<Item = u64>) {
        let column = column.map(|number| (number as f64).to_le_bytes());
        self.column(name, Kind::F64, column);
    }

    /// Addresses, which they don't.
    pub(super) fn addresses(&mut self, name: &'static str, column: impl Iterator<Item = u64>) {
        self.column(name, Kind::U64, column.map(u64::to_le_bytes));
    }

    fn column<const SIZE: usize>(
        &mut self,
        name: &'static str,
        kind: Kind,
        column: impl Iterator<Item = [u8; SIZE]>,
    ) {
        let before = self.bytes.len();
        self.bytes.extend(column.flatten());
        let count = (self.bytes.len() - before) / SIZE;
        self.names.push((name, kind, count));
        self.align();
    }

    fn align(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
    }

    /// All of it, compressed.
    pub(super) fn pack(self, head: &impl Serialize) -> io::Result<Vec<u8>> {
        #[derive(Serialize)]
        struct Head<'a, T> {
            columns: &'a [(&'static str, Kind, usize)],
            #[serde(flatten)]
            rest: &'a T,
        }
        let mut head = serde_json::to_vec(&Head {
            columns: &self.names,
            rest: head,
        })?;
        // So that the columns lie at a multiple of 8.
        head.resize((head.len() + 4).next_multiple_of(8) - 4, b' ');
        let length = u32::try_from(head.len()).map_err(io::Error::other)?;
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&length.to_le_bytes())?;
        encoder.write_all(&head)?;
        encoder.write_all(&self.bytes)?;
        encoder.finish()
    }
}
