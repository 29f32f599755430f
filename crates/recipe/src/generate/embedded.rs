//! Arguments that lie inside of what matters: a work item, a timer.

use kflat_btf::{Btf, NamedKind, TypeId};

use crate::names::is_sayable;

/// Structures that are of no use by themselves: what they are a member of is what
/// a callback is about.
const LINKS: [&str; 16] = [
    "work_struct",
    "delayed_work",
    "rcu_work",
    "kthread_work",
    "irq_work",
    "tasklet_struct",
    "timer_list",
    "hrtimer",
    "callback_head",
    "kref",
    "notifier_block",
    "wait_queue_entry",
    "list_head",
    "llist_node",
    "hlist_node",
    "rb_node",
];

/// How many structures inside each other are looked into.
const DEEPEST: usize = 4;

/// Whether pointers to it are usually turned into pointers to what is around it.
pub(super) fn is_link(btf: &Btf, of: TypeId) -> bool {
    LINKS.contains(&btf.name(of))
}

/// The structures of the function's module that a link may lie in, each with the
/// member: `struct job`, `work`. None for the kernel's own functions, whose
/// structures are too many.
pub(super) fn holders(btf: &Btf, link: TypeId) -> Vec<(String, String)> {
    let mut found: Vec<(TypeId, String)> = Vec::new();
    for (id, name) in btf.named(NamedKind::Struct) {
        let is_found = btf.find(NamedKind::Struct, name) == Some(id);
        if !btf.is_of_module(id) || !is_found || !is_sayable(name) {
            continue;
        }
        found.extend(members(btf, id, link, DEEPEST).map(|path| (id, path)));
    }
    found.sort();
    (found.into_iter())
        .map(|(id, path)| (btf.type_name(id), path))
        .collect()
}

/// Members of `of` that are a `link`, in structures inside as long as these are
/// not the module's own, which are found themselves.
fn members(btf: &Btf, of: TypeId, link: TypeId, deepest: usize) -> impl Iterator<Item = String> {
    let mut paths = Vec::new();
    let fields = btf.fields(of).into_iter();
    for (name, field) in fields.filter(|(name, _)| is_sayable(name)) {
        let inner = btf.resolve(field.of);
        if inner == link {
            paths.push(name.to_owned());
        } else if deepest > 0 && btf.composite(inner).is_some() {
            let is_found = btf.is_of_module(inner) && !btf.name(inner).is_empty();
            if !is_found {
                let below = members(btf, inner, link, deepest - 1).collect::<Vec<_>>();
                paths.extend(below.into_iter().map(|path| format!("{name}.{path}")));
            }
        }
    }
    paths.into_iter()
}
