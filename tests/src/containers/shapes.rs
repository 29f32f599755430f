//! Shapes other than containers: per-CPU variables, flexible arrays, variants.

use anyhow::{Result, ensure};

use super::{capture, has_items, head, number};
use crate::facts::fact;

pub(super) fn per_cpu() -> Result<()> {
    let captured = capture(
        "per_cpu",
        "struct kflat_test_containers { counts: per cpu; own_counts: this cpu; }
         struct kflat_test_count { item; }",
    )?;
    captured.is_whole()?;
    let cpus = fact("cpus")?;
    let word = |at: u64, member: &str| -> Result<u64> {
        captured.word(at + captured.member("kflat_test_count", member)?)
    };
    let mut counts = Vec::new();
    for count in captured.objects("struct kflat_test_count")? {
        let item = captured.lead(count + captured.member("kflat_test_count", "item")?)?;
        counts.push((word(count, "number")?, number(&captured, item)?));
    }
    counts.sort_unstable();
    // That of the CPU that made the call stands for the module's own.
    let own = counts.pop();
    ensure!(
        own.is_some_and(|(count, item)| count >= 3000 && item == count - 1000),
        "this CPU has {own:?}"
    );
    let expected = (0..cpus).map(|cpu| (1000 + cpu, 2000 + cpu));
    ensure!(counts.iter().copied().eq(expected), "{counts:?}");
    has_items(&captured, usize::try_from(cpus)?)
}

pub(super) fn flexible() -> Result<()> {
    let captured = capture(
        "flexible",
        "struct kflat_test_containers { flexible; }
         struct kflat_test_flexible { values: array count; }
         struct kflat_test_value { item; }",
    )?;
    captured.is_whole()?;
    let flexible = captured.lead(head(&captured, "flexible")?)?;
    let count = captured.half_word(flexible + captured.member("kflat_test_flexible", "count")?)?;
    ensure!(count == 7, "{count} values");
    let values = flexible + captured.member("kflat_test_flexible", "values")?;
    ensure!(captured.rest(values)? == 7 * 16, "more than the values");
    for i in 0..7 {
        let value = values + 16 * i;
        let found = captured.word(value)?;
        ensure!(found == i, "value {i} is {found}");
        let item = number(&captured, captured.lead(value + 8)?)?;
        ensure!(item == 77, "value {i} has item {item}");
    }
    has_items(&captured, 1)
}

pub(super) fn variants() -> Result<()> {
    let captured = capture(
        "variants",
        "struct kflat_test_variant {
             switch kind {
                 case KFLAT_TEST_ITEM: item;
                 case KFLAT_TEST_TEXT: text;
                 case KFLAT_TEST_NUMBER: number: skip;
             }
         }",
    )?;
    captured.is_whole()?;
    let variants = head(&captured, "variants")?;
    let at = |index: u64| variants + 16 * index + 8;
    ensure!(number(&captured, captured.lead(at(0))?)? == 77, "an item");
    let text = captured.text(captured.lead(at(1))?)?;
    ensure!(text == "a variant", "the text is {text}");
    // A number that looks like an address is none.
    ensure!(!captured.is_pointer(at(2)), "a number was followed");
    let word = captured.word(at(2))?;
    ensure!(word == 0xffff_8880_0000_0000, "the number is {word:#x}");
    has_items(&captured, 1)
}
