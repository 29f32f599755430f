//! Whether to use colours.

use std::io::IsTerminal;

use anstream::{AutoStream, ColorChoice};

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Colour {
    /// On a terminal, unless `NO_COLOR` is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl Colour {
    /// Makes it the choice of all that this process prints.
    pub(crate) fn write_global(self) {
        let choice = match self {
            Self::Auto => ColorChoice::Auto,
            Self::Always => ColorChoice::Always,
            Self::Never => ColorChoice::Never,
        };
        choice.write_global();
    }
}

/// Whether what is printed to `stream` has colours.
pub(crate) fn wanted_on(stream: &(impl anstream::stream::RawStream + IsTerminal)) -> bool {
    AutoStream::choice(stream) != ColorChoice::Never
}
