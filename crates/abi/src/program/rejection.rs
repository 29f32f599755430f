//! Why the engine's verifier rejects a program.

/// Why the engine's verifier rejects a program: a number, and its sentence.
macro_rules! rejections {
    ($($(#[doc = $doc:literal])* $name:ident = $value:literal: $text:literal,)*) => {
        $($(#[doc = $doc])* pub const $name: u32 = $value;)*

        /// The rejection in a sentence without its end.
        #[must_use]
        pub const fn rejection_text(code: u32) -> &'static str {
            match code {
                $($value => $text,)*
                _ => "rejected for a reason that this version does not know",
            }
        }
    };
}

rejections! {
    /// Not a program of this version, or a table lies outside of it.
    REJECTED_TABLES = 1: "not a recipe program of this version, or one of its tables lies outside of it",
    /// Bytes that must be zero are not.
    REJECTED_RESERVED = 2: "reserved bytes are not zero",
    /// A string is outside the strings, has no NUL or is not UTF-8.
    REJECTED_STRING = 3: "a name lies outside the strings, has no end or is not UTF-8",
    /// The target's name is empty or too long.
    REJECTED_TARGET = 4: "the function's name is empty or has more than 127 bytes",
    /// A type's size is zero or its alignment no power of two up to 4096.
    REJECTED_TYPE = 5: "a type has no size, or an alignment that is no power of two up to 4096",
    /// A type's actions lie outside the table, or it lacks `TYPE_HAS_POINTERS`.
    REJECTED_TYPE_ACTIONS = 6: "a type's actions lie outside the table or are not announced",
    /// An action's operation is unknown.
    REJECTED_OPERATION = 7: "an action is of a kind that this version does not know",
    /// An action's member lies outside its type.
    REJECTED_OFFSET = 8: "a member lies outside its type",
    /// An action's target is no type, or unfit for the operation.
    REJECTED_ACTION_TARGET = 9: "an action leads to a type that does not exist or does not fit",
    /// An operand is unknown or lies outside the type.
    REJECTED_OPERAND = 10: "a count is of an unknown kind or lies outside its type",
    /// Embedded types nest too deeply or in a circle.
    REJECTED_NESTING = 11: "embedded types nest too deeply or contain themselves",
    /// A root's source, argument, symbol or action is wrong.
    REJECTED_ROOT = 12: "a root is of an unknown kind, or its argument, symbol or action is wrong",
    /// Two roots have one name.
    REJECTED_ROOT_NAME = 13: "two roots have the same name",
    /// A tag mask covers more than the low 12 bits.
    REJECTED_TAG_MASK = 14: "a tag mask covers more than the low 12 bits",
    /// A link of a list lies outside the element.
    REJECTED_LINK = 15: "the link of a list lies outside its element",
    /// An expression has no end, is too long, or reads memory too often.
    REJECTED_EXPRESSION = 16: "an expression has no end, more than 64 instructions or more than 8 reads of memory",
    /// An instruction of an expression is unknown, or its operands are wrong.
    REJECTED_INSTRUCTION = 17: "an expression has an instruction that this version does not know, or whose operands are out of range",
    /// An expression takes more than it has, holds too much, or leaves too much or too little.
    REJECTED_STACK = 18: "an expression does not leave the values it must, or holds more than 16",
    /// What an action has in its `Extra` is outside the tables or unfit for it.
    REJECTED_EXTRA = 19: "an action's condition, expressions or cases lie outside the tables or do not fit it",
    /// A case leads to an action that does not exist or is a choice itself.
    REJECTED_CASE = 20: "a case leads to an action that does not exist, lies outside the type or is a choice itself",
    /// A type's parameters or its flexible tail are wrong.
    REJECTED_TAIL = 21: "a type's flexible array does not fit, or is used where its size can't be known",
    /// More or other values are handed down than the type takes.
    REJECTED_PARAMETERS = 22: "a type takes more parameters than are handed down to it, or more than 4",
    /// A global has no name.
    REJECTED_GLOBAL = 23: "a global has no name or lies outside the table",
    /// Its tables refer to each other so often that checking takes too long.
    REJECTED_TOO_LONG = 24: "its tables refer to each other so often that checking it takes too long",
}
