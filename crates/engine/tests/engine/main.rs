//! The engine from the outside, over simulated memory.

mod arithmetic;
mod arrays;
mod changes;
mod choices;
mod containers;
mod expressions;
mod hits;
mod limits;
mod per_cpu;
mod programs;
mod properties;
mod roots;
mod simulation;
mod stories;
mod trees;
mod user;
