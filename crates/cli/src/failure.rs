//! How the command fails: its exit status, and what it says.

use std::fmt;
use std::io;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use kflat_recipe::Diagnostics;

use crate::colour;

/// Exit status: the function was not called as it was asked for.
const NOT_CALLED: u8 = 3;
/// Exit status: a signal ended the wait, as a shell would say of SIGINT.
const INTERRUPTED: u8 = 130;

/// Nothing or too little was captured, and nothing went wrong.
#[derive(Debug)]
pub(crate) enum NoCapture {
    /// The function was not called, or not as and as often as was asked for.
    NotCalled(String),
    /// The user ended the wait.
    Interrupted(String),
}

impl fmt::Display for NoCapture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotCalled(why) | Self::Interrupted(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for NoCapture {}

/// Says what went wrong; the exit status that stands for it.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    // The reader of our output has gone: `kflat show FILE | head`.
    let mut causes = error.chain();
    if causes.any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    }) {
        return ExitCode::SUCCESS;
    }
    if let Some(diagnostics) = error.downcast_ref::<Diagnostics>() {
        let colour = colour::wanted_on(&io::stderr());
        anstream::eprint!("{}", diagnostics.render(colour));
    } else {
        let style = style(AnsiColor::Red);
        anstream::eprintln!("{style}error:{style:#} {error:#}");
    }
    match error.downcast_ref() {
        Some(NoCapture::NotCalled(_)) => ExitCode::from(NOT_CALLED),
        Some(NoCapture::Interrupted(_)) => ExitCode::from(INTERRUPTED),
        None => ExitCode::FAILURE,
    }
}

/// Says what the user should know although all went well.
pub(crate) fn warn(message: impl fmt::Display) {
    let style = style(AnsiColor::Yellow);
    anstream::eprintln!("{style}warning:{style:#} {message}");
}

fn style(colour: AnsiColor) -> Style {
    colour.on_default().bold()
}
