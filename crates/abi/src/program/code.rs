//! Expressions: numbers that a program computes while it is interpreted.
//!
//! An expression is a run of [`Instruction`]s that ends with [`END`], named by
//! the index of its first one. It works on a stack of at most [`MAX_STACK`]
//! unsigned 64-bit numbers, which is empty at its start; what it leaves is its
//! value. Arithmetic wraps. Skips lead forward only, so that every expression
//! ends after at most [`MAX_INSTRUCTIONS`] steps.
//!
//! An expression *fails* where it reads memory that can't be read, reads outside
//! of its object, or divides by zero. Then the action that it belongs to is not
//! carried out, and the diagnostics say so (`REASON_EXPRESSION`).
//!
//! In the lists below `a` is below `b` on the stack: `a b → …`.

use crate::record::record;

record! {
    /// A step of an expression.
    pub struct Instruction, 8 bytes {
        /// One of the constants of this module.
        op: u8,
        /// [`MEMBER`], [`LOAD`], [`READ`]: bytes, 1, 2, 4 or 8. [`BITS`]: bits, 1
        /// to 64. Otherwise 0.
        width: u8,
        /// [`MEMBER`], [`LOAD`], [`READ`], [`BITS`]: 1 if the number is signed.
        /// Otherwise 0.
        signed: u8,
        /// Zero.
        reserved: u8,
        /// As the instruction says; otherwise 0.
        value: u32,
    }
}

/// Instructions of an expression, its end included.
pub const MAX_INSTRUCTIONS: u32 = 64;
/// Numbers on the stack.
pub const MAX_STACK: usize = 16;
/// [`READ`]s, [`OBJECT_START`]s and [`OBJECT_END`]s of an expression.
pub const MAX_READS: u32 = 8;

/// The end.
pub const END: u8 = 0;
/// `→ value`.
pub const CONSTANT: u8 = 1;
/// `a → a | value << 32`: the high half of a constant.
pub const HIGH: u8 = 2;
/// `→` the member at offset `value` of the element, as it was when it was copied.
pub const MEMBER: u8 = 3;
/// `a →` the number at byte `a` of the *object* that the element lies in.
pub const LOAD: u8 = 4;
/// `a →` the number in kernel memory at address `a`.
pub const READ: u8 = 5;
/// `a →` `width` bits of `a` from bit `value` on: a bit field.
pub const BITS: u8 = 6;
/// `→` the word that the action is carried out on.
pub const VALUE: u8 = 7;
/// `→` the address that the word stands for: without tag, decoded.
pub const POINTER: u8 = 8;
/// `→` the address of the object that is to be captured.
pub const START: u8 = 9;
/// `→` the address of the element.
pub const ELEMENT: u8 = 10;
/// `→` the offset of the element in its object.
pub const OFFSET: u8 = 11;
/// `→` the number of the element among those it is carried out on in turn.
pub const INDEX: u8 = 12;
/// `→` argument `value` of the probed function.
pub const ARGUMENT: u8 = 13;
/// `→` what the probed function returned; 0 where it has not.
pub const RETURNED: u8 = 14;
/// `→` the address of the current `task_struct`.
pub const CURRENT: u8 = 15;
/// `→` the number of this CPU.
pub const CPU: u8 = 16;
/// `a →` what is to be added to a per-CPU address for CPU `a`.
pub const PER_CPU: u8 = 17;
/// `→` the address of global `value`; 0 if there is none.
pub const GLOBAL: u8 = 18;
/// `→` parameter `value` of the type.
pub const PARAMETER: u8 = 19;
/// `a →` the address of the allocator's object that `a` is in; fails if none is
/// known (`REASON_NO_OBJECT`).
pub const OBJECT_START: u8 = 20;
/// `a →` the address behind the last byte of the allocator's object that `a` is
/// in; fails if none is known.
pub const OBJECT_END: u8 = 21;

/// `a b → a + b`.
pub const ADD: u8 = 32;
/// `a b → a - b`.
pub const SUBTRACT: u8 = 33;
/// `a b → a * b`.
pub const MULTIPLY: u8 = 34;
/// `a b → a / b`, unsigned.
pub const DIVIDE: u8 = 35;
/// `a b → a % b`, unsigned.
pub const REMAINDER: u8 = 36;
/// `a b → a & b`.
pub const AND: u8 = 37;
/// `a b → a | b`.
pub const OR: u8 = 38;
/// `a b → a ^ b`.
pub const XOR: u8 = 39;
/// `a b → a << b`; 0 where `b` is 64 or more.
pub const SHIFT_LEFT: u8 = 40;
/// `a b → a >> b`; 0 where `b` is 64 or more.
pub const SHIFT_RIGHT: u8 = 41;
/// `a b → a >> b` with the sign drawn in.
pub const SHIFT_SIGNED: u8 = 42;
/// `a → !a`, bit by bit.
pub const NOT: u8 = 43;
/// `a → a == 0`.
pub const IS_ZERO: u8 = 44;
/// `a →` the bytes of `a` in the other order.
pub const SWAP_BYTES: u8 = 45;

/// `a b → a == b`, 1 or 0.
pub const EQUAL: u8 = 48;
/// `a b → a < b`, unsigned.
pub const LESS: u8 = 49;
/// `a b → a <= b`, unsigned.
pub const LESS_OR_EQUAL: u8 = 50;
/// `a b → a < b`, signed.
pub const LESS_SIGNED: u8 = 51;
/// `a b → a <= b`, signed.
pub const LESS_OR_EQUAL_SIGNED: u8 = 52;

/// `a → a a`.
pub const DUPLICATE: u8 = 56;
/// `a b → b a`.
pub const EXCHANGE: u8 = 57;
/// `a →`.
pub const DROP: u8 = 58;
/// Skip the next `value` instructions, at least one.
pub const SKIP: u8 = 59;
/// `a →`, and skip the next `value` instructions if `a` is 0.
pub const SKIP_IF_ZERO: u8 = 60;
/// `a b c → b` if `a` is not 0, `c` otherwise.
pub const SELECT: u8 = 61;
