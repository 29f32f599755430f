//! Lists, from their head to their end.

use anyhow::{Result, ensure};
use kflat_abi::extension::REASON_LIST_DAMAGED;
use kflat_abi::extension::REASON_UNREADABLE;

use super::{capture, has_items, head, number};
use crate::captured::Captured;
use crate::kflat::{kflat, number as shown_number};

/// Numbers of the items from the word at `head` on, each led to by the word at
/// `link` of the one before; `shift`: pointers lead so far into the items.
fn walk(captured: &Captured, head: u64, link: u64, shift: u64) -> Result<Vec<u64>> {
    let (mut at, mut numbers) = (head, Vec::new());
    while captured.is_pointer(at) {
        // The head's lock is no part of the address; all else is aligned.
        let target = captured.lead(at)? & !1;
        if target == head {
            return Ok(numbers);
        }
        let item = target - shift;
        numbers.push(number(captured, item)?);
        ensure!(numbers.len() < 100, "a list without an end");
        at = item + link;
    }
    Ok(numbers)
}

pub(super) fn of_every_kind() -> Result<()> {
    let captured = capture(
        "lists",
        "struct kflat_test_containers {
             list: list of struct kflat_test_item by link;
             empty: list of struct kflat_test_item by link;
             table: hlist of struct kflat_test_item by hash;
             nulls: hlist_nulls of struct kflat_test_item by nulls;
             lockless: llist of struct kflat_test_item by lockless;
             locked: hlist of struct kflat_test_item by locked;
         }",
    )?;
    captured.is_whole()?;
    // The same ten are in all of them.
    has_items(&captured, 10)?;
    let up: Vec<u64> = (0..10).collect();
    let down: Vec<u64> = (0..10).rev().collect();
    let offset = |member| captured.member("kflat_test_item", member);

    let link = offset("link")?;
    let list = head(&captured, "list")?;
    ensure!(walk(&captured, list, link, link)? == up, "list");
    // And backwards by `prev`.
    let prev = link + 8;
    let first = captured.lead(list + 8)?;
    ensure!(number(&captured, first - link)? == 9, "the last one");
    ensure!(
        number(&captured, captured.lead(first - link + prev)? - link)? == 8,
        "the last but one"
    );
    let empty = head(&captured, "empty")?;
    ensure!(captured.lead(empty)? == empty, "an empty list is a circle");

    let hash = offset("hash")?;
    for bucket in 0..4 {
        let at = head(&captured, "table")? + 8 * bucket;
        let expected: Vec<u64> = down.iter().copied().filter(|n| n % 4 == bucket).collect();
        let found = walk(&captured, at, hash, hash)?;
        ensure!(found == expected, "bucket {bucket}: {found:?}");
        // `pprev` leads to the word that leads here.
        let first = captured.lead(at)?;
        ensure!(captured.lead(first + 8)? == at, "pprev in bucket {bucket}");
    }

    let nulls = offset("nulls")?;
    let at = head(&captured, "nulls")?;
    ensure!(walk(&captured, at, nulls, nulls)? == down, "nulls");
    let items = captured.objects("struct kflat_test_item")?;
    let ends: Vec<u64> = (items.iter())
        .filter(|item| !captured.is_pointer(**item + nulls))
        .map(|item| captured.word(item + nulls))
        .collect::<Result<_>>()?;
    ensure!(ends == [7 << 1 | 1], "its end is {ends:?}");

    let lockless = offset("lockless")?;
    let at = head(&captured, "lockless")?;
    ensure!(walk(&captured, at, lockless, lockless)? == down, "lockless");

    let locked = offset("locked")?;
    let at = head(&captured, "locked")?;
    ensure!(captured.lead(at)? & 1 == 1, "the head's lock is lost");
    ensure!(walk(&captured, at, locked, locked)? == down, "locked");

    let path = captured.path();
    ensure!(shown_number(path, "containers->list[7].number")? == 7);
    kflat(&["show", path, "containers->list[10]"])?.fails(1, &["10 elements"])?;
    Ok(())
}

pub(super) fn in_a_circle() -> Result<()> {
    let captured = capture(
        "circle",
        "struct kflat_test_containers { circle: chain of struct kflat_test_item by next; }",
    )?;
    ensure!(
        captured.missing() == [REASON_LIST_DAMAGED],
        "{:?}",
        captured.missing()
    );
    has_items(&captured, 10)?;
    // The circle is one in the image as well: 9, 8, … 0, 3, 2, …
    let mut at = head(&captured, "circle")?;
    let next = captured.member("kflat_test_item", "next")?;
    for expected in (0..10).rev().chain([3, 2, 1, 0, 3]) {
        let item = captured.lead(at)?;
        let found = number(&captured, item)?;
        ensure!(found == expected, "{found}, not {expected}");
        at = item + next;
    }
    Ok(())
}

pub(super) fn damaged() -> Result<()> {
    let captured = capture(
        "damaged",
        "struct kflat_test_containers { damaged: list of struct kflat_test_item by link; }",
    )?;
    ensure!(
        captured.missing() == [REASON_UNREADABLE],
        "{:?}",
        captured.missing()
    );
    has_items(&captured, 3)?;
    let at = head(&captured, "damaged")?;
    let link = captured.member("kflat_test_item", "link")?;
    ensure!(walk(&captured, at, link, link)? == [20, 21, 22]);
    Ok(())
}
