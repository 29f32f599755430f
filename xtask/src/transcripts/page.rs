//! A page of Markdown: which of its blocks are run.

use std::ops::Range;

use anyhow::{Result, bail, ensure};

/// A page, and what is to be done for it.
#[derive(Debug)]
pub(super) struct Page {
    /// Its path in the checkout.
    pub(super) name: String,
    pub(super) lines: Vec<String>,
    pub(super) steps: Vec<Step>,
}

/// A command, or a file to write.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) kind: Kind,
    /// The command, or the file's text.
    pub(super) text: String,
    /// Where it begins: a line of the page, from 1.
    pub(super) line: usize,
    /// What the page shows of the command's output: indices of lines.
    pub(super) output: Option<Range<usize>>,
}

/// What a step is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Command,
    /// A file of this name.
    File(String),
}

impl Step {
    /// The line of the page, from 1, where the output begins.
    pub(super) fn output_line(&self) -> usize {
        self.output
            .as_ref()
            .map_or(self.line, |range| range.start + 1)
    }
}

impl Page {
    /// Reads a page.
    ///
    /// # Errors
    /// If a block has no end, or is not as its kind asks.
    pub(super) fn parse(name: &str, text: &str) -> Result<Self> {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let mut steps = Vec::new();
        let mut at = 0;
        while let Some(line) = lines.get(at) {
            at += 1;
            let Some(kind) = line.strip_prefix("```") else {
                continue;
            };
            let Some(length) = lines.iter().skip(at).position(|line| line == "```") else {
                bail!("{name}:{at}: the block has no end");
            };
            let block = Block {
                lines: &lines,
                body: at..at + length,
            };
            match kind.split(' ').collect::<Vec<&str>>()[..] {
                ["console"] => {
                    ensure!(
                        block.starts_with_a_command(),
                        "{name}:{}: a transcript begins with a line `$ COMMAND`",
                        at + 1
                    );
                    steps.extend(block.transcript());
                }
                ["sh", "run"] => steps.extend(block.commands()),
                ["kflat", file] => {
                    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
                    ensure!(
                        file.chars().all(is_plain),
                        "{name}:{at}: {file} is no name of a file in a folder of the page's own"
                    );
                    steps.push(block.file(file));
                }
                _ => {}
            }
            at += length + 1;
        }
        Ok(Self {
            name: name.to_owned(),
            lines,
            steps,
        })
    }

    /// Files in the page's own folder that it shows as pictures.
    pub(super) fn pictures(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().flat_map(|line| {
            let links = line.split("![").skip(1);
            links.filter_map(|link| {
                let (target, _) = link.split_once("](")?.1.split_once(')')?;
                (target.ends_with(".svg") && !target.contains('/')).then_some(target)
            })
        })
    }
}

/// What is between two fences.
struct Block<'p> {
    lines: &'p [String],
    body: Range<usize>,
}

impl Block<'_> {
    fn line(&self, at: usize) -> &str {
        self.lines.get(at).map_or("", String::as_str)
    }

    fn starts_with_a_command(&self) -> bool {
        !self.body.is_empty() && self.line(self.body.start).starts_with("$ ")
    }

    fn transcript(&self) -> Vec<Step> {
        let prompts: Vec<usize> = self
            .body
            .clone()
            .filter(|&at| self.line(at).starts_with("$ "))
            .collect();
        let ends = prompts.iter().skip(1).copied().chain([self.body.end]);
        (prompts.iter().zip(ends))
            .map(|(&prompt, end)| {
                let (text, mut output) = self.command(prompt, end, 2);
                while !output.is_empty() && self.line(output.end - 1).is_empty() {
                    output.end -= 1;
                }
                Step {
                    kind: Kind::Command,
                    text,
                    line: prompt + 1,
                    output: Some(output),
                }
            })
            .collect()
    }

    fn commands(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut at = self.body.start;
        while at < self.body.end {
            let (text, rest) = self.command(at, self.body.end, 0);
            if !text.is_empty() && !text.starts_with('#') {
                steps.push(Step {
                    kind: Kind::Command,
                    text,
                    line: at + 1,
                    output: None,
                });
            }
            at = rest.start;
        }
        steps
    }

    /// The command at `at`, which goes on after a `\` at a line's end, without its prompt;
    /// and the lines after it.
    fn command(&self, at: usize, end: usize, prompt: usize) -> (String, Range<usize>) {
        let mut text = self.line(at).get(prompt..).unwrap_or_default().to_owned();
        let mut next = at + 1;
        while next < end && text.ends_with('\\') {
            text.push('\n');
            text.push_str(self.line(next));
            next += 1;
        }
        (text, next..end)
    }

    fn file(&self, name: &str) -> Step {
        let lines = self.lines.get(self.body.clone()).unwrap_or_default();
        Step {
            kind: Kind::File(name.to_owned()),
            text: lines.join("\n") + "\n",
            line: self.body.start + 1,
            output: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# A page\n\
        ```\nnot run\n```\n\
        ```console\n$ one\nprinted\n\nmore\n\n$ two \\\n  three\n```\n\
        ```kflat a.kflat\nrecipe f { }\n```\n\
        ```kflat\nnot a file\n```\n\
        ```sh run\n# why\nfour  # what\n\nfive\n```\n\
        ![a](a.svg) and ![b](elsewhere/b.svg), [c](c.svg)\n";

    #[test]
    fn the_blocks_of_a_page_are_steps() {
        let page = Page::parse("p.md", TEXT).expect("a page");
        let told: Vec<(&str, usize, Option<&[String]>)> = page
            .steps
            .iter()
            .map(|step| {
                let output = step.output.clone().map(|range| &page.lines[range]);
                (step.text.as_str(), step.line, output)
            })
            .collect();
        let printed = ["printed", "", "more"].map(str::to_owned);
        assert_eq!(
            told,
            [
                ("one", 6, Some(&printed[..])),
                ("two \\\n  three", 11, Some(&[][..])),
                ("recipe f { }\n", 15, None),
                ("four  # what", 22, None),
                ("five", 24, None),
            ]
        );
        assert_eq!(page.steps[2].kind, Kind::File("a.kflat".to_owned()));
        assert_eq!(page.pictures().collect::<Vec<_>>(), ["a.svg"]);
    }

    #[test]
    fn a_block_must_be_one() {
        for text in [
            "```console\n$ a\n",
            "```console\nprinted\n```\n",
            "```kflat ../a\n```\n",
        ] {
            assert!(Page::parse("p.md", text).is_err(), "{text}");
        }
    }
}
