//! Checks what came of a test: the image is saved, loaded at new addresses, and what is there
//! is compared with the test's description, values and shape.

mod comparison;
mod data;
mod loaded;
mod mismatch;
mod origins;

use kflat_image::{Additions, Image, save};

use crate::SelfTest;
use comparison::Comparison;
use data::Data;
use loaded::{How, Memory};
pub use mismatch::Mismatch;

/// What came of a test.
#[derive(Debug)]
pub struct Outcome {
    /// The image, and what follows it.
    pub image: Vec<u8>,
    /// One of `REASON_*`: what stopped or thinned the capture; 0: nothing.
    pub reason: u32,
    /// How many CPUs the machine may have.
    pub cpus: u32,
}

/// Compares the outcome of `test` with its description.
///
/// # Errors
/// The first difference.
pub fn check(test: &SelfTest, outcome: &Outcome) -> Result<(), Mismatch> {
    let data = Data::of(test);
    let additions = Additions {
        program: data.program(),
        ..Additions::default()
    };
    let saved = save(&outcome.image, &additions)?;
    let image = Image::open(saved.clone())?;
    if let Some(warning) = image.warnings().first() {
        return Err(Mismatch::Warning(warning.clone()));
    }
    let comparison = Comparison::new(test, &data, &image, outcome)?;
    comparison.report()?;
    for how in [How::Mapped, How::Fragments] {
        let memory = Memory::load(&saved, how)?;
        comparison.memory(&memory, how)?;
    }
    Ok(())
}
