//! Where a recipe waits, as its name says.

use kflat_abi::uapi::NAME_SIZE;

/// A tracepoint's name comes behind it.
const TRACEPOINT: &str = "tracepoint:";

/// Where a probe is put.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Site<'a> {
    /// `function` or `module:function`, and bytes from its start.
    Entry { symbol: &'a str, offset: u64 },
    /// `0x…`: an instruction.
    Address(u64),
    /// The return of a function.
    Return { symbol: &'a str },
    /// `tracepoint:NAME`.
    Tracepoint(&'a str),
}

impl<'a> Site<'a> {
    /// Of a recipe's name: `function`, `module:function`, either with
    /// `+decimal_offset`, `0x…` or `tracepoint:NAME`. `None`: it makes no sense.
    pub(crate) fn parse(name: &'a str, at_return: bool) -> Option<Self> {
        let site = if let Some(digits) = name.strip_prefix("0x") {
            Self::Address(u64::from_str_radix(digits, 16).ok()?)
        } else if let Some(tracepoint) = name.strip_prefix(TRACEPOINT) {
            Self::Tracepoint(tracepoint)
        } else {
            match name.split_once('+') {
                Some((symbol, offset)) => Self::Entry {
                    symbol,
                    offset: offset.parse().ok()?,
                },
                None => Self::Entry {
                    symbol: name,
                    offset: 0,
                },
            }
        };
        match (site, at_return) {
            (_, false) => Some(site),
            (Self::Entry { symbol, offset: 0 }, true) => Some(Self::Return { symbol }),
            (_, true) => None,
        }
    }

    /// Whether the call can be stopped for longer than its handler runs, which
    /// takes an instruction to go on at: for stop_machine, and to skip the body.
    pub(crate) fn can_leave_handler(&self) -> bool {
        matches!(self, Self::Entry { .. } | Self::Address(_))
    }
}

/// A symbol as C wants it: with a NUL at its end.
pub(crate) struct Symbol([u8; NAME_SIZE]);

impl Symbol {
    /// `None`: longer than any.
    pub(crate) fn new(symbol: &str) -> Option<Self> {
        let mut text = [0; NAME_SIZE];
        if symbol.len() >= text.len() || symbol.contains('\0') {
            return None;
        }
        for (into, byte) in text.iter_mut().zip(symbol.bytes()) {
            *into = byte;
        }
        Some(Self(text))
    }

    /// Lives as long as `self`.
    pub(crate) fn as_ptr(&self) -> *const u8 {
        self.0.as_ptr()
    }
}
