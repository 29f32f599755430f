//! A text and those that it includes.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::diagnostics::{Diagnostics, Problem, Source};
use crate::parser::parse;
use crate::syntax::File;

/// How containers are walked, in the language itself.
pub(crate) const CONTAINERS: &str = include_str!("containers.kflat");

/// Texts that can be included, the first one among them: more is a mistake.
const MOST_TEXTS: usize = 64;

/// A text with what it includes, in the order in which it goes before others.
pub(crate) struct Text {
    pub(crate) files: Vec<File>,
    pub(crate) sources: Vec<Source>,
}

/// Reads a text and all that it includes; files are looked for beside the one
/// that names them.
pub(crate) fn parse_all(text: &str, name: &str) -> Result<Text, Diagnostics> {
    let first = Source {
        name: name.to_owned(),
        text: text.to_owned(),
    };
    let mut all = Text {
        files: Vec::new(),
        sources: vec![first],
    };
    let mut known: HashSet<PathBuf> = HashSet::from([PathBuf::from(name)]);
    let mut next = 0;
    while let Some(source) = all.sources.get(next).cloned() {
        let file = match parse(&source.text, next) {
            Ok(file) => file,
            Err(problem) => return Err(Diagnostics::new(all.sources, vec![problem])),
        };
        for include in &file.includes {
            let beside = Path::new(&source.name).parent().unwrap_or(Path::new(""));
            let path = beside.join(&include.value);
            if !known.insert(path.clone()) {
                continue;
            }
            let read = match all.sources.len() < MOST_TEXTS {
                true => std::fs::read_to_string(&path).map_err(|error| error.to_string()),
                false => Err(format!("more than {MOST_TEXTS} texts are included")),
            };
            match read {
                Ok(text) => all.sources.push(Source {
                    name: path.display().to_string(),
                    text,
                }),
                Err(error) => {
                    let message = format!("can't read {}", path.display());
                    let problem = Problem::new(message, include.span, error)
                        .help("the name counts from the directory of the file that includes it");
                    return Err(Diagnostics::new(all.sources, vec![problem]));
                }
            }
        }
        all.files.push(file);
        next += 1;
    }
    Ok(all)
}

/// The descriptions of containers.
pub(crate) fn containers() -> Result<File, Problem> {
    parse(CONTAINERS, usize::MAX)
}
