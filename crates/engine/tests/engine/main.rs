//! The engine from the outside, over simulated memory.

mod hits;
mod properties;
mod simulation;
mod stories;
