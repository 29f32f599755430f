//! Every way in which the kernel puts objects together, as the test module
//! (`tests/kmod/containers.c`) built it: captured by a recipe, and walked in the
//! image.

mod arrays;
mod lists;
mod maple;
mod objects;
mod shapes;
mod trees;

use anyhow::{Result, ensure};

use crate::Story;
use crate::captured::Captured;

pub(crate) const STORIES: &[Story] = &[
    ("lists_of_every_kind", lists::of_every_kind),
    ("a_list_in_a_circle", lists::in_a_circle),
    ("a_damaged_list", lists::damaged),
    ("trees_plain_cached_and_augmented", trees::of_every_kind),
    ("an_interval_tree", trees::intervals),
    ("xarrays", arrays::xarrays),
    ("a_radix_tree_and_an_idr", arrays::radix_and_idr),
    ("maple_trees", maple::trees),
    ("per_cpu_variables", shapes::per_cpu),
    ("an_array_at_the_end", shapes::flexible),
    ("unions_by_their_kind", shapes::variants),
    ("objects_of_unknown_size", objects::whole),
    ("the_rest_of_an_object", objects::rest),
    ("what_no_allocator_gave_out", objects::nowhere),
    ("any_pointer_of_an_unknown_function", objects::automatic),
];

/// The module is made to call the function of the recipes.
const CALL: &str = "echo contain > /sys/kernel/debug/kflat_test/call";

/// Captures the test module's containers by rules that say what of them.
fn capture(name: &str, rules: &str) -> Result<Captured> {
    let begin = "recipe kflat_test:kflat_test_contain { containers; }\n";
    Captured::new(name, &format!("{begin}{rules}"), CALL)
}

/// The member of the whole that is looked at.
fn head(captured: &Captured, path: &str) -> Result<u64> {
    Ok(captured.root("containers")? + captured.member("kflat_test_containers", path)?)
}

/// The number of the item at an offset.
fn number(captured: &Captured, item: u64) -> Result<u64> {
    captured.word(item + captured.member("kflat_test_item", "number")?)
}

/// So many items were captured, no more.
fn has_items(captured: &Captured, count: usize) -> Result<()> {
    let items = captured.objects("struct kflat_test_item")?.len();
    ensure!(items == count, "{items} items, not {count}");
    Ok(())
}
