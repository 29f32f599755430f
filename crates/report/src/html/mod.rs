//! One page to explore an image with, for any browser, without a network.
//!
//! The page holds the image as tables ([`data`]), compressed and in base64, and
//! the scripts beside this file, which read them. Its policy (a hash of each
//! script and of the style sheet) lets a browser run nothing else, and the
//! scripts only ever set text: no byte of the image is markup.

mod data;
mod pack;
mod types;

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kflat_image::Image;
use sha2::{Digest, Sha256};

use crate::model::Model;

/// The page without what changes.
const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("style.css");
/// In the order in which they build on each other.
const SCRIPTS: &[&str] = &[
    include_str!("data.js"),
    include_str!("value.js"),
    include_str!("rows.js"),
    include_str!("tree.js"),
    include_str!("graph.js"),
    include_str!("hex.js"),
    include_str!("search.js"),
    include_str!("panels.js"),
    include_str!("main.js"),
];

/// The most bytes of memory that a page is made of: browsers hold it several
/// times over.
pub const MOST_MEMORY: u64 = 256 << 20;

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum HtmlError {
    /// Browsers would choke on it.
    #[error(
        "the image has {memory} bytes of memory, more than a browser page can hold \
         ({MOST_MEMORY}); `kflat show FILE PATH` and `kflat graph` show parts of it"
    )]
    TooLarge {
        /// Bytes of its memory.
        memory: u64,
    },
    /// The output can't be written.
    #[error("can't write the page")]
    Write(#[from] io::Error),
}

/// Writes the page of an image; `name` is what its file is called.
///
/// # Errors
/// If the image is too large, or `out` fails.
pub fn html(image: &Image, name: &str, out: &mut dyn Write) -> Result<(), HtmlError> {
    let memory = image.header().memory_size;
    if memory > MOST_MEMORY {
        return Err(HtmlError::TooLarge { memory });
    }
    let model = Model::of(image);
    let packed = data::packed(&model, name)?;
    let mut rest = PAGE;
    while let Some((before, after)) = rest.split_once("{{") {
        out.write_all(before.as_bytes())?;
        let (slot, after) = after.split_once("}}").unwrap_or((after, ""));
        match slot {
            "policy" => out.write_all(policy().as_bytes())?,
            "style" => write!(out, "<style>{STYLE}</style>")?,
            "data" => {
                let mut encoder = base64::write::EncoderWriter::new(&mut *out, &STANDARD);
                encoder.write_all(&packed)?;
                encoder.finish()?;
            }
            "scripts" => {
                for script in SCRIPTS {
                    write!(out, "<script>{script}</script>")?;
                }
            }
            _ => {}
        }
        rest = after;
    }
    Ok(out.write_all(rest.as_bytes())?)
}

/// What a browser may do with the page: run and apply what is in it, and nothing
/// else; nor turn text into markup.
fn policy() -> String {
    let scripts: Vec<String> = SCRIPTS.iter().map(|script| hash(script)).collect();
    format!(
        "default-src 'none'; script-src {}; style-src {}; base-uri 'none'; form-action 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'",
        scripts.join(" "),
        hash(STYLE)
    )
}

fn hash(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)))
}

#[cfg(test)]
mod tests {
    use super::{PAGE, SCRIPTS, STYLE};

    #[test]
    fn no_file_ends_the_element_that_it_is_in() {
        for text in SCRIPTS.iter().chain([&STYLE]) {
            assert!(!text.contains("</") && !text.contains("<!--"), "{text:.60}");
        }
        for slot in ["{{policy}}", "{{style}}", "{{data}}", "{{scripts}}"] {
            assert_eq!(PAGE.matches(slot).count(), 1, "{slot}");
        }
    }

    #[test]
    fn no_script_makes_markup_of_text() {
        for script in SCRIPTS {
            for door in [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
            ] {
                assert!(!script.contains(door), "{door}");
            }
        }
    }
}
