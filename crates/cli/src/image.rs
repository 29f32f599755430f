//! `kflat image`.

use std::fs::Permissions;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use kflat_image::Image;
use kflat_image::describe::describe;
use kflat_image::load::link;
use kflat_image::verify;

use crate::size::counted;

/// Describe an image: where it is from, its roots and fragments, how much there
/// is of what, and what was not captured
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Arguments {
    /// The image
    #[arg(required = true)]
    file: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Verify(Verify),
    Link(Link),
}

/// Check an image: exit status 0 if all of it is as the format says
///
/// What is wrong is told with section, entry and value.
#[derive(Debug, clap::Args)]
struct Verify {
    /// The image
    file: PathBuf,
}

/// Write a copy whose pointers are right at an address, so that loading it there
/// takes no time
///
/// A program loads it with unflatten_load_prelinked, or in Rust with trust_linked.
/// Where the address is taken it is loaded elsewhere, as any other image.
#[derive(Debug, clap::Args)]
#[command(after_help = LINK_EXAMPLE)]
struct Link {
    /// The image
    file: PathBuf,
    /// The address: a multiple of 64 KiB, or 0 to undo a link
    #[arg(long, value_name = "ADDR", default_value = "0x6b0000000000", value_parser = address)]
    base: u64,
    /// Where the copy goes
    #[arg(long, short, value_name = "OUT")]
    output: PathBuf,
}

const LINK_EXAMPLE: &str = "\
Example:
  kflat image link vfs_read.img --base 0x6b0000000000 -o vfs_read.linked.img";

/// `0x6b0000000000`, with or without `_`; decimal without `0x`.
fn address(text: &str) -> Result<u64, String> {
    let digits = text.replace('_', "");
    let number = match digits.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => digits.parse(),
    };
    number.map_err(|_| "an address is a number, such as 0x6b0000000000".to_owned())
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    match (&arguments.command, &arguments.file) {
        (Some(Command::Verify(Verify { file })), _) => check(file),
        (Some(Command::Link(options)), _) => write_linked(options),
        (None, Some(file)) => {
            let image = Image::read(file)?;
            let mut out = BufWriter::new(io::stdout().lock());
            describe(&image, &mut out)?;
            Ok(out.flush()?)
        }
        (None, None) => bail!("which image?"),
    }
}

fn check(file: &Path) -> Result<()> {
    let image = Image::read(file)?;
    let findings = verify(&image);
    for finding in &findings {
        anstream::println!("{}: {finding}", file.display());
    }
    if findings.is_empty() {
        let header = image.header();
        anstream::println!(
            "{}: all right: {}, {}",
            file.display(),
            counted(header.mcount, "fragment"),
            counted(header.ptr_count, "pointer"),
        );
        return Ok(());
    }
    bail!(
        "{} can be read, but is not as the format says",
        file.display()
    )
}

fn write_linked(options: &Link) -> Result<()> {
    let image = Image::read(&options.file)?;
    let linked = link(image.bytes(), options.base)
        .with_context(|| format!("can't link {}", options.file.display()))?;
    let path = &options.output;
    let save = || -> io::Result<()> {
        // A program may have the file mapped that this one replaces.
        let directory = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        let mut file = tempfile::Builder::new()
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(directory.unwrap_or(Path::new(".")))?;
        file.write_all(&linked)?;
        file.persist(path)?;
        Ok(())
    };
    save().with_context(|| format!("can't write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn addresses_are_hexadecimal_or_decimal() {
        assert_eq!(address("0x6b00_0000_0000"), Ok(0x6b00_0000_0000));
        assert_eq!(address("65536"), Ok(65536));
        assert!(address("0x").is_err() && address("6b00").is_err());
    }
}
