//! What stops or thins a capture.

/// What stops or thins a capture: a number, its words, and its name in C.
macro_rules! reasons {
    ($($(#[doc = $doc:literal])* $name:ident = $value:literal: $text:literal,)*) => {
        $($(#[doc = $doc])* pub const $name: u32 = $value;)*

        /// The reason in words, to stand behind a colon.
        #[must_use]
        pub const fn reason_text(reason: u32) -> &'static str {
            match reason {
                $($value => $text,)*
                _ => "for a reason that this version does not know",
            }
        }

        /// All of them by their names in C.
        #[cfg(feature = "header")]
        pub(crate) const REASONS: &[(&str, u32)] =
            &[$((concat!("KFLAT_", stringify!($name)), $value),)*];
    };
}

reasons! {
    /// The address is not mapped, not RAM, or faulted when it was read.
    REASON_UNREADABLE = 1: "unreadable memory",
    /// The program's limit of bytes was reached; detail: the limit.
    REASON_LIMIT_BYTES = 2: "the limit of bytes was reached",
    /// The program's limit of objects was reached; detail: the limit.
    REASON_LIMIT_OBJECTS = 3: "the limit of objects was reached",
    /// The program's limit of depth was reached; detail: the limit.
    REASON_LIMIT_DEPTH = 4: "the limit of depth was reached",
    /// A count or list exceeds the limit of elements; detail: the limit.
    REASON_LIMIT_ELEMENTS = 5: "more elements than the limit",
    /// The time limit was reached; detail: the limit in nanoseconds.
    REASON_LIMIT_TIME = 6: "the time limit was reached",
    /// A string had no NUL within the limit; detail: the limit in bytes.
    REASON_STRING_CUT = 7: "a string longer than its limit, cut off",
    /// The working memory that was set aside is full; detail: its bytes.
    REASON_NO_MEMORY = 8: "the working memory, which grows with the area, is full",
    /// The area is too small for the image; detail: the bytes needed.
    REASON_AREA_TOO_SMALL = 9: "the area is too small for the image",
    /// A function pointer has no symbol; detail: its value.
    REASON_NO_SYMBOL = 10: "a function without a symbol",
    /// A global that the program names does not exist; `via` is its root.
    REASON_NO_GLOBAL = 11: "the kernel has no such global",
    /// A list does not lead back to its head; detail: elements walked.
    REASON_LIST_DAMAGED = 12: "a list that does not lead back to its head",
    /// The capture needs a context that may sleep, and the hit had none.
    REASON_ATOMIC_CONTEXT = 13: "called in atomic context, where the other CPUs can't be halted",
    /// An address or size overflows; detail: the value.
    REASON_OVERFLOW = 14: "an address or size overflows",
    /// Further diagnostics had no room; detail: how many.
    REASON_DIAGNOSTICS_DROPPED = 15: "further ones that were not recorded",
    /// A pointer does not lie at a multiple of 8 and was not followed.
    REASON_UNALIGNED = 16: "a pointer that is not aligned",
    /// An expression failed: it read memory that can't be read (the address), left
    /// its object or divided by zero; detail: the expression.
    REASON_EXPRESSION = 17: "an expression of the recipe could not be computed",
    /// Memory of a process that is not present; only a context that may sleep can
    /// bring it in.
    REASON_USER_ABSENT = 18: "memory of the process that is not present",
    /// An address is in no object that an allocator gave out, or the object's bounds
    /// are not known.
    REASON_NO_OBJECT = 19: "in no allocated object whose bounds are known",
}
