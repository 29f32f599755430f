//! A text and those that it includes.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::diagnostics::{Diagnostics, Problem, Source};
use crate::parser::parse;
use crate::syntax::File;

/// How containers are walked, in the language itself.
pub(crate) const CONTAINERS: &str = include_str!("containers.kflat");

/// What the kernel's types do not say of themselves; included under the name
/// `knowledge.kflat` wherever no file is called so.
pub const KNOWLEDGE: &str = include_str!("../../../recipes/knowledge.kflat");

/// Texts that can be included, the first one among them: more is a mistake.
const MOST_TEXTS: usize = 64;

/// A text with what it includes, in the order in which it goes before others.
pub(crate) struct Text {
    pub(crate) files: Vec<File>,
    pub(crate) sources: Vec<Source>,
    /// Which of them is [`KNOWLEDGE`]: what this kernel lacks of it is left out.
    pub(crate) knowledge: Option<usize>,
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
        knowledge: None,
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
                true => read(&path, &include.value),
                false => Err(format!("more than {MOST_TEXTS} texts are included")),
            };
            match read {
                Ok(text) => {
                    if text == KNOWLEDGE {
                        all.knowledge = Some(all.sources.len());
                    }
                    all.sources.push(Source {
                        name: path.display().to_string(),
                        text,
                    });
                }
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

fn read(path: &Path, name: &str) -> Result<String, String> {
    match std::fs::read_to_string(path) {
        Err(_) if name == "knowledge.kflat" => Ok(KNOWLEDGE.to_owned()),
        read => read.map_err(|error| error.to_string()),
    }
}

/// The descriptions of containers.
pub(crate) fn containers() -> Result<File, Problem> {
    parse(CONTAINERS, usize::MAX)
}
