//! What a recipe that is made from a function's name shall follow.

use kflat_recipe::{AutoOptions, system_call};

use crate::{size, system_calls};

/// Options for functions, for which a recipe is generated.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "For a function without a recipe")]
pub(crate) struct Automatic {
    /// Only a call for which this holds: `count > 4096`, `file->f_flags & 1`
    #[arg(long, value_name = "EXPRESSION")]
    when: Option<String>,
    /// Pointers to follow from an argument to an object [default: 4]
    #[arg(long, value_name = "N")]
    depth: Option<u32>,
    /// Bytes to capture at most [default: 1M]
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    max_bytes: Option<u64>,
    /// Objects to capture at most [default: 2000]
    #[arg(long, value_name = "N")]
    max_objects: Option<u32>,
    /// Only this argument; may be given more than once
    #[arg(long = "arg", value_name = "NAME")]
    arguments: Vec<String>,
    /// Also this global: `init_task`, or with its type: `foo=struct foo`
    #[arg(long = "global", value_name = "SYMBOL[=TYPE]", value_parser = global)]
    globals: Vec<(String, Option<String>)>,
    /// What a pointer leads to that is `void *`: `data=struct foo`,
    /// `file.private_data=struct foo`; or what it lies in: `work=struct job.work`
    #[arg(long = "type", value_name = "PATH=TYPE", value_parser = pair)]
    types: Vec<(String, String)>,
    /// Follow this pointer too: `file.f_inode.i_sb`
    #[arg(long, value_name = "PATH")]
    follow: Vec<String>,
    /// Don't follow this pointer, or pointers to this type (`struct net`)
    #[arg(long, value_name = "PATH-OR-TYPE")]
    skip: Vec<String>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, of) = text
        .split_once('=')
        .ok_or("a name, `=` and a type: `data=struct foo`")?;
    Ok((name.trim().to_owned(), of.trim().to_owned()))
}

#[expect(clippy::unnecessary_wraps, reason = "a parser of clap may fail")]
fn global(text: &str) -> Result<(String, Option<String>), String> {
    Ok(match pair(text) {
        Ok((symbol, of)) => (symbol, Some(of)),
        Err(_) => (text.trim().to_owned(), None),
    })
}

impl Automatic {
    /// Whether any of them was given.
    pub(crate) fn is_given(&self) -> bool {
        self.when.is_some()
            || self.depth.is_some()
            || self.max_bytes.is_some()
            || self.max_objects.is_some()
            || [&self.arguments, &self.follow, &self.skip]
                .iter()
                .any(|given| !given.is_empty())
            || !self.globals.is_empty()
            || !self.types.is_empty()
    }

    /// As the compiler takes them, for a function.
    pub(crate) fn options(&self, function: &str) -> AutoOptions {
        let default = AutoOptions::default();
        AutoOptions {
            when: self.when.clone(),
            depth: self.depth.unwrap_or(default.depth),
            max_bytes: self.max_bytes.unwrap_or(default.max_bytes),
            max_objects: self.max_objects.unwrap_or(default.max_objects),
            arguments: self.arguments.clone(),
            globals: self.globals.clone(),
            types: self.types.clone(),
            system_call: system_call(function).map_or_else(Vec::new, system_calls::arguments),
            follow: self.follow.clone(),
            skip: self.skip.clone(),
        }
    }
}
