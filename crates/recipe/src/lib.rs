//! The recipe language, its compiler, and recipes made from a function's name.
//!
//! - [`compile`] turns a recipe's text into a program that the kernel module
//!   runs, for the kernel whose types it is given; [`Diagnostics`] say what is
//!   wrong, at its place in the text.
//! - [`generate`] writes a recipe for a function.
//!
//! The language is described in `doc/recipes.md`. The way of a text: `lexer`,
//! `parser` (to `syntax`), then `compile`, in which `views`, `fill` and `follow`
//! decide about types and pointers and `formula` computes, and `encode`.

#![forbid(unsafe_code)]

mod compile;
mod container;
mod count;
mod diagnostics;
mod encode;
mod explain;
mod fill;
mod follow;
mod format;
mod formula;
mod generate;
mod guard;
mod include;
#[cfg(test)]
mod knowledge;
mod layout;
mod lexer;
mod names;
mod parser;
mod pool;
mod roots;
mod scope;
mod slabs;
mod syntax;
mod views;

pub use compile::{Compiled, check_rules, compile, compile_all, explain, module_of};
pub use diagnostics::{Diagnostics, Problem, Span};
pub use format::fmt;
pub use generate::{
    AutoOptions, CallArgument, GenerateError, generate, generate_with, system_call,
};
pub use include::KNOWLEDGE;
pub use layout::{Difference, LayoutError, check_layout};
pub use slabs::layout as slab_layout;
