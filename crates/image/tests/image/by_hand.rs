//! Images made section by section, as other writers make them.

/// What goes into the sections; each can be made wrong.
#[derive(Clone)]
pub(crate) struct ByHand {
    pub(crate) base: u64,
    pub(crate) roots: Vec<u64>,
    /// Padded length, name, root, size.
    pub(crate) named: Vec<(u64, Vec<u8>, u64, u64)>,
    pub(crate) pointers: Vec<u64>,
    pub(crate) functions: Vec<u64>,
    pub(crate) fragments: Vec<(u64, u64)>,
    pub(crate) memory: Vec<u64>,
    pub(crate) symbols: Vec<(u64, Vec<u8>)>,
}

impl ByHand {
    /// A small right image: two fragments, two pointers, a function.
    pub(crate) fn right() -> Self {
        Self {
            base: 0,
            roots: vec![0, u64::MAX, 24],
            named: vec![
                (8, b"first\0\0\0".to_vec(), 0, 24),
                (8, b"lastname".to_vec(), 2, 16),
            ],
            pointers: vec![8, 24],
            functions: vec![16],
            fragments: vec![(0, 24), (24, 16)],
            memory: vec![7, 24, 0xffff_ffff_8100_0000, 0, 40],
            symbols: vec![(16, b"do_it".to_vec())],
        }
    }

    /// The file.
    pub(crate) fn build(&self) -> Vec<u8> {
        let mut named = Vec::new();
        for (padded, name, index, size) in &self.named {
            named.extend(padded.to_le_bytes());
            named.extend(name);
            named.extend(index.to_le_bytes());
            named.extend(size.to_le_bytes());
        }
        let mut symbols = (self.symbols.len() as u64).to_le_bytes().to_vec();
        for (location, name) in &self.symbols {
            symbols.extend(location.to_le_bytes());
            symbols.extend((name.len() as u64).to_le_bytes());
            symbols.extend(name);
        }
        let mut body = Vec::new();
        let words = |body: &mut Vec<u8>, words: &[u64]| {
            body.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        };
        words(&mut body, &self.roots);
        body.extend(&named);
        words(&mut body, &self.pointers);
        words(&mut body, &self.functions);
        for (offset, size) in &self.fragments {
            words(&mut body, &[*offset, *size]);
        }
        words(&mut body, &self.memory);
        body.extend(&symbols);
        let mut bytes = b"FLATTEN\0".to_vec();
        let fields = [
            2,
            self.base.saturating_sub(100),
            self.base,
            104 + body.len() as u64,
            self.memory.len() as u64 * 8,
            self.pointers.len() as u64,
            self.functions.len() as u64,
            self.roots.len() as u64,
            self.named.len() as u64,
            named.len() as u64,
            symbols.len() as u64,
            self.fragments.len() as u64,
        ];
        words(&mut bytes, &fields);
        bytes.extend(body);
        bytes
    }
}
