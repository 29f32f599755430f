//! What stopped or thinned a capture, in words.

use std::fmt;

use kflat_abi::extension as abi;

/// One of `KFLAT_REASON_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reason(pub u32);

impl Reason {
    /// Whether a larger area is what was missing.
    #[must_use]
    pub fn wants_larger_area(self) -> bool {
        matches!(self.0, abi::REASON_AREA_TOO_SMALL | abi::REASON_NO_MEMORY)
    }

    /// Where there is no image: whether the bytes that it would have were counted.
    #[must_use]
    pub fn is_counted(self) -> bool {
        self.0 == abi::REASON_AREA_TOO_SMALL
    }

    /// Whether it is the recipe's limit of depth.
    #[must_use]
    pub fn is_depth(self) -> bool {
        self.0 == abi::REASON_LIMIT_DEPTH
    }

    /// Whether it is a bound that the recipe sets.
    #[must_use]
    pub fn is_limit(self) -> bool {
        matches!(
            self.0,
            abi::REASON_LIMIT_BYTES
                | abi::REASON_LIMIT_OBJECTS
                | abi::REASON_LIMIT_DEPTH
                | abi::REASON_LIMIT_ELEMENTS
                | abi::REASON_LIMIT_TIME
                | abi::REASON_STRING_CUT
        )
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(abi::reason_text(self.0))
    }
}
