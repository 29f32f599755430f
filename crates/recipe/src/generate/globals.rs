//! Globals: BTF has the types of per-CPU variables only.

use kflat_btf::{Btf, Kind};

use super::GenerateError;
use crate::diagnostics::{Problem, Span};
use crate::names::sayable_type;

/// Those of the core kernel, and how they are followed.
const KNOWN: [(&str, &str); 17] = [
    ("init_task", "as struct task_struct"),
    ("init_mm", "as struct mm_struct"),
    ("init_cred", "as struct cred"),
    ("init_nsproxy", "as struct nsproxy"),
    ("init_pid_ns", "as struct pid_namespace"),
    ("init_user_ns", "as struct user_namespace"),
    ("init_uts_ns", "as struct uts_namespace"),
    ("init_net", "as struct net"),
    ("init_css_set", "as struct css_set"),
    ("cgrp_dfl_root", "as struct cgroup_root"),
    ("jiffies", "as unsigned long"),
    ("modules", "list of struct module by list"),
    ("super_blocks", "list of struct super_block by s_list"),
    ("net_namespace_list", "list of struct net by list"),
    ("workqueues", "list of struct workqueue_struct by list"),
    ("tty_drivers", "list of struct tty_driver by tty_drivers"),
    ("pci_root_buses", "list of struct pci_bus by node"),
];

/// How a global is followed: by the type that the user says, or that is known.
pub(super) fn treatment(
    btf: &Btf,
    symbol: &str,
    of: Option<&str>,
) -> Result<String, GenerateError> {
    if let Some(of) = of {
        return Ok(format!("as {of}"));
    }
    if let Some((_, how)) = KNOWN.iter().find(|(known, _)| *known == symbol) {
        return Ok((*how).to_owned());
    }
    // Variables with BTF are per-CPU ones.
    let variable = btf.variables().find(|(name, _)| *name == symbol);
    if let Some((_, of)) = variable
        && matches!(
            btf.kind(btf.resolve(of)),
            Kind::Struct(_) | Kind::Union(_) | Kind::Int(_)
        )
        && let Some(of) = sayable_type(btf, btf.resolve(of))
    {
        return Ok(format!("per cpu as {of}"));
    }
    let names = KNOWN.iter().map(|(known, _)| *known);
    let near = Problem::new("", Span::default(), "").nearest(symbol, names);
    Err(GenerateError::NoGlobal {
        symbol: symbol.to_owned(),
        near: near.help.map_or(String::new(), |help| format!(" ({help})")),
    })
}
