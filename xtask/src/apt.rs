//! The machine's own apt: its mirror, and packages for this machine.

mod install;
mod mirror;
mod sources;

pub(crate) use install::ensure_programs;
pub(crate) use mirror::Mirror;
