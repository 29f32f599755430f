//! A line of text in a fixed number of bytes. `core::fmt` is not used in the
//! kernel object: it brings the panic machinery along.

/// Bytes of a line; what does not fit is cut off.
const CAPACITY: usize = 200;

/// A line that is being put together.
pub(crate) struct Line {
    bytes: [u8; CAPACITY],
    used: usize,
}

impl Line {
    /// An empty line.
    pub(crate) const fn new() -> Self {
        Self {
            bytes: [0; CAPACITY],
            used: 0,
        }
    }

    /// Makes it empty.
    pub(crate) fn clear(&mut self) {
        self.used = 0;
    }

    /// What was put so far.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.used).unwrap_or(&[])
    }

    fn byte(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.used) {
            *place = byte;
            self.used += 1;
        }
    }

    /// Appends text.
    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    /// Appends bytes; those that a terminal might take for a command as `?`.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        for byte in bytes {
            self.byte(if byte.is_ascii_control() { b'?' } else { *byte });
        }
        self
    }

    /// Appends a number.
    pub(crate) fn decimal(&mut self, mut value: u64) -> &mut Self {
        let mut digits = [0; 20];
        let mut first = digits.len();
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (value % 10) as u8;
            value /= 10;
            first -= 1;
            if value == 0 {
                break;
            }
        }
        self.bytes(digits.get(first..).unwrap_or(&[]))
    }

    /// Appends a number as `0x…`.
    pub(crate) fn hex(&mut self, value: u64) -> &mut Self {
        self.text("0x");
        let nibbles = (u64::BITS - value.leading_zeros()).div_ceil(4).max(1);
        for nibble in (0..nibbles).rev() {
            let nibble = (value >> (4 * nibble)) as u8 & 0xf;
            self.byte(if nibble < 10 {
                b'0' + nibble
            } else {
                b'a' - 10 + nibble
            });
        }
        self
    }

    /// Appends the end of the line.
    pub(crate) fn end(&mut self) -> &mut Self {
        // A line that was cut off ends too.
        self.used = self.used.min(CAPACITY - 1);
        self.byte(b'\n');
        self
    }
}
