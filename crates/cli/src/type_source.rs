//! Which kernel's types to use.

use std::path::PathBuf;

use kflat_btf::{Btf, kernel};

/// Options that choose them.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct TypeSource {
    /// Types of another kernel: its /sys/kernel/btf/vmlinux, or what
    /// `pahole --btf_encode_detached` makes of its vmlinux
    #[arg(long, value_name = "FILE")]
    btf: Option<PathBuf>,
}

impl TypeSource {
    /// Whether they are those of the kernel that runs here.
    pub(crate) fn is_running_kernel(&self) -> bool {
        self.btf.is_none()
    }

    /// The types, with those of a module if one is named.
    pub(crate) fn load(&self, module: Option<&str>) -> Result<Btf, kernel::Error> {
        let kernel = match &self.btf {
            Some(path) => kernel::from_file(path)?,
            None => kernel::vmlinux()?,
        };
        match (module, &self.btf) {
            (Some(module), None) => kernel::with_module(&kernel, module),
            _ => Ok(kernel),
        }
    }
}
