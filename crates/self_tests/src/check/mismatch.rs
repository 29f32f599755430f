//! What may differ.

use kflat_image::ImageError;
use kflat_image::load::LoadError;

/// A difference between an image and the description of a test.
#[derive(Debug, thiserror::Error)]
pub enum Mismatch {
    /// It is no image.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// It can't be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// It can't be written to a file, to be loaded.
    #[error("can't write the image to a file")]
    File(#[from] std::io::Error),
    /// What follows the image is damaged.
    #[error("{0}")]
    Warning(String),
    /// There is not what must follow an image.
    #[error("the image does not tell {0}")]
    Untold(&'static str),
    /// Other fragments.
    #[error("the fragments are {found}, not {expected}")]
    Fragments {
        /// Those of the image.
        found: String,
        /// Those of the description.
        expected: String,
    },
    /// A number is another one.
    #[error("{what}: {found}, not {expected}")]
    Number {
        /// Of what.
        what: &'static str,
        /// In the image.
        found: u64,
        /// In the description.
        expected: u64,
    },
    /// What is missing is something else.
    #[error("missing for the reasons {found:?}, not {expected:?}")]
    Missing {
        /// By the image's diagnostics.
        found: Vec<u32>,
        /// By the description.
        expected: Vec<u32>,
    },
    /// A root leads elsewhere.
    #[error("root {index} leads to {found:?}, not to {expected:?}")]
    Root {
        /// Which.
        index: usize,
        /// Where it leads, and bytes of its object.
        found: Option<(u64, u64)>,
        /// Where it should.
        expected: Option<(u64, u64)>,
    },
    /// A word has another value.
    #[error("word {word}: {found:#x}, not {expected:#x}")]
    Word {
        /// Its place in the data.
        word: u64,
        /// In the loaded image.
        found: u64,
        /// By the description, at the addresses of the loaded image.
        expected: u64,
    },
    /// A word was to become a pointer or function pointer, or not to.
    #[error("word {word}: {found}, but should be {expected}")]
    Kind {
        /// Its place in the data.
        word: u64,
        /// What it is in the image.
        found: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// A function has another name.
    #[error("word {word} is the function `{found}`, not `{expected}`")]
    Function {
        /// Its place in the data.
        word: u64,
        /// Its name in the image.
        found: String,
        /// What it should be.
        expected: String,
    },
    /// Memory that is not the test's has other contents.
    #[error("{what} holds {found:x?}")]
    Contents {
        /// What.
        what: &'static str,
        /// Its bytes in the loaded image.
        found: Vec<u8>,
    },
    /// Other ranges changed than should have.
    #[error("{found} ranges changed, not {expected}")]
    Changes {
        /// How many are listed.
        found: usize,
        /// How many should be.
        expected: usize,
    },
}
