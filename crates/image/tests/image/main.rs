//! Images from a simulated kernel, captured by compiled recipes, and by hand.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod by_hand;
mod damage;
mod format;
mod hostile;
mod kernel;
mod load;
mod trees;
mod verify;
mod views;
