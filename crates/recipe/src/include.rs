//! A text and those that it includes.

use std::collections::HashSet;
use std::fs::{self, File as Opened};
use std::io::{self, Read as _};
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

/// Bytes of a text that is included.
const MOST_BYTES: u64 = 1 << 20;

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

/// A text that includes [`KNOWLEDGE`] and nothing else.
pub(crate) fn parse_with_knowledge(text: &str) -> Result<Text, Problem> {
    let source = |name: &str, text: &str| Source {
        name: name.to_owned(),
        text: text.to_owned(),
    };
    Ok(Text {
        files: vec![parse(text, 0)?, parse(KNOWLEDGE, 1)?],
        sources: vec![source("recipe", text), source("knowledge.kflat", KNOWLEDGE)],
        knowledge: Some(1),
    })
}

fn read(path: &Path, name: &str) -> Result<String, String> {
    match read_file(path) {
        Err(_) if name == "knowledge.kflat" => Ok(KNOWLEDGE.to_owned()),
        read => read,
    }
}

/// Who writes a recipe need not be who compiles it: what it includes must have an
/// end, and come without waiting.
fn read_file(path: &Path) -> Result<String, String> {
    let told = |error: io::Error| error.to_string();
    if !fs::metadata(path).map_err(told)?.is_file() {
        return Err("not a regular file".to_owned());
    }
    let mut text = String::new();
    let file = Opened::open(path).map_err(told)?;
    let read = file.take(MOST_BYTES + 1).read_to_string(&mut text);
    match read.map_err(told)? as u64 > MOST_BYTES {
        true => Err(format!("longer than {} MiB", MOST_BYTES >> 20)),
        false => Ok(text),
    }
}

/// The descriptions of containers.
pub(crate) fn containers() -> Result<File, Problem> {
    parse(CONTAINERS, usize::MAX)
}
