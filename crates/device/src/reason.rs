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
        f.write_str(match self.0 {
            abi::REASON_UNREADABLE => "some pointers lead to memory that can't be read",
            abi::REASON_LIMIT_BYTES => "the recipe's limit of bytes was reached",
            abi::REASON_LIMIT_OBJECTS => "the recipe's limit of objects was reached",
            abi::REASON_LIMIT_DEPTH => "the recipe's limit of depth was reached",
            abi::REASON_LIMIT_ELEMENTS => {
                "an array or list has more elements than the recipe's limit"
            }
            abi::REASON_LIMIT_TIME => "the recipe's time limit was reached",
            abi::REASON_STRING_CUT => "a string has no end within its limit",
            abi::REASON_NO_MEMORY => "the working memory, which grows with the area, is full",
            abi::REASON_AREA_TOO_SMALL => "the area is too small for the image",
            abi::REASON_NO_SYMBOL => "a function pointer has no symbol",
            abi::REASON_NO_GLOBAL => "the kernel has no global of a name in the recipe",
            abi::REASON_LIST_DAMAGED => "a list does not lead back to its head",
            abi::REASON_ATOMIC_CONTEXT => {
                "the function was called in atomic context, where the other CPUs can't be halted"
            }
            abi::REASON_OVERFLOW => "an address or size overflows",
            abi::REASON_DIAGNOSTICS_DROPPED => "there were more diagnostics than room for them",
            abi::REASON_UNALIGNED => "a pointer lies at an address that is no multiple of 8",
            abi::REASON_EXPRESSION => "an expression of the recipe could not be computed",
            abi::REASON_USER_ABSENT => "memory of the process is not present",
            abi::REASON_NO_OBJECT => {
                "some pointers lead to no allocated object whose bounds are known"
            }
            _ => "something was not captured",
        })
    }
}
