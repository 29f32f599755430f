//! `kflat graph`.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};
use kflat_image::Image;
use kflat_report::graph::{Options, dot, graph, svg};

/// Draw the objects of an image and what leads from one to the other
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The image
    file: PathBuf,
    /// Where to begin: a root and members, as in `file->f_path.dentry`; all roots
    /// without it
    #[arg(long, short, value_name = "PATH")]
    root: Option<String>,
    /// How many pointers to follow
    #[arg(long, short, default_value_t = Options::default().depth)]
    depth: usize,
    /// The most objects; those nearest to the start are drawn, the others counted
    #[arg(long, value_name = "N", default_value_t = Options::default().objects)]
    objects: usize,
    /// The most elements of each array or list of pointers
    #[arg(long, short = 'n', value_name = "N", default_value_t = Options::default().elements)]
    elements: usize,
    /// Where the drawing goes [default: stdout]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// What to write [default: what the end of FILE's name says, else dot]
    #[arg(long, short, value_enum)]
    format: Option<Format>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    /// Text for Graphviz
    Dot,
    /// A drawing that browsers show
    Svg,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let image = Image::read(&arguments.file)?;
    let options = Options {
        root: arguments.root.clone(),
        depth: arguments.depth,
        objects: arguments.objects,
        elements: arguments.elements,
    };
    let graph = graph(&image, &options)?;
    let end = (arguments.output.as_deref()).and_then(|path| path.extension());
    let format = arguments.format.unwrap_or(match end {
        Some(end) if end == OsStr::new("svg") => Format::Svg,
        _ => Format::Dot,
    });
    let write = |out: &mut dyn Write| match format {
        Format::Dot => dot(&graph, out),
        Format::Svg => svg(&graph, out),
    };
    let Some(path) = &arguments.output else {
        let mut out = BufWriter::new(io::stdout().lock());
        write(&mut out)?;
        return Ok(out.flush()?);
    };
    let save = || {
        let mut out = BufWriter::new(File::create(path)?);
        write(&mut out)?;
        out.flush()
    };
    save().with_context(|| format!("can't write {}", path.display()))
}
