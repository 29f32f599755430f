//! The engine from the outside, over simulated memory.

mod properties;
mod simulation;
mod stories;
