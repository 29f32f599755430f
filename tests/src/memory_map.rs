//! Somebody looks at kernel memory through the mapping of all of it.

use std::fs;

use anyhow::{Result, ensure};

use crate::Story;
use crate::facts::{fact, symbol};
use crate::kdump::{Kdump, kcore, layout};
use crate::session::{PAGE, Session};
use crate::world::MAGIC;

pub(crate) const STORIES: &[Story] = &[
    ("the_layout_is_in_order", the_layout_is_in_order),
    ("the_banner_is_where_its_symbol_says", the_banner),
    ("a_modules_data_is_at_its_address", a_modules_data),
    ("a_slab_object_is_at_its_address", a_slab_object),
    ("vmalloc_memory_is_page_after_page", vmalloc_memory),
    ("a_device_is_not_part_of_it", a_device_is_not_part_of_it),
    (
        "a_guard_page_is_not_part_of_it",
        a_guard_page_is_not_part_of_it,
    ),
];

fn the_layout_is_in_order() -> Result<()> {
    let ranges = layout(&Session::open()?)?;
    ensure!(!ranges.is_empty(), "nothing is backed by RAM");
    for (start, end) in &ranges {
        ensure!(start < end, "{start:#x} to {end:#x}");
        ensure!(
            start % PAGE == 0 && end % PAGE == PAGE - 1,
            "{start:#x} to {end:#x}"
        );
        ensure!(start >> 56 == 0xff, "{start:#x} is no kernel address");
    }
    let ascending = ranges.windows(2).all(|pair| pair[0].1 < pair[1].0);
    ensure!(ascending, "the ranges overlap or are out of order");
    Ok(())
}

fn the_banner() -> Result<()> {
    let banner = fs::read("/proc/version")?;
    let address = symbol("linux_banner")?;
    let found = Kdump::map()?.read(address, banner.len())?;
    ensure!(
        found == banner,
        "at {address:#x} is {:?}",
        String::from_utf8_lossy(&found)
    );
    Ok(())
}

fn a_modules_data() -> Result<()> {
    let kdump = Kdump::map()?;
    let text = kdump.read(fact("text")?, 15)?;
    ensure!(text == b"kflat was here\0", "the text is {text:?}");
    let world = kdump.read(fact("world")?, 64)?;
    ensure!(world.starts_with(&MAGIC.to_le_bytes()), "{world:x?}");
    ensure!(world == kcore(fact("world")?, 64)?, "/proc/kcore differs");
    Ok(())
}

fn a_slab_object() -> Result<()> {
    let address = fact("slab_object")?;
    let size = usize::try_from(fact("slab_object_size")?)?;
    let kdump = Kdump::map()?;
    let object = kdump.read(address, size)?;
    ensure!(object == kcore(address, size)?, "/proc/kcore differs");
    // Its one number is behind the pointer in it.
    let numbers = object
        .get(56..64)
        .and_then(kflat_abi::record::Record::decode);
    let number = kdump.read(numbers.unwrap_or(0), 4)?;
    ensure!(number == [0; 4], "the number is {number:?}");
    Ok(())
}

fn vmalloc_memory() -> Result<()> {
    let (address, size) = (fact("vmalloc")?, fact("vmalloc_size")?);
    let found = Kdump::map()?.read(address, usize::try_from(size)?)?;
    // `KFLAT_TEST_BYTE`.
    for (i, byte) in found.iter().enumerate() {
        let expected = (i * 7 + (i >> 8)) as u8;
        ensure!(*byte == expected, "byte {i} is {byte}, not {expected}");
    }
    Ok(())
}

/// Every page outside the direct map is touched, and of the direct map one in
/// each 2 MiB: that is how a device would be found.
fn a_device_is_not_part_of_it() -> Result<()> {
    let device = fact("device")?;
    let kdump = Kdump::map()?;
    ensure!(!kdump.holds(device), "the device is in the layout");
    let mut touched = 0;
    for (start, end) in &kdump.ranges {
        let step = if end - start >= 64 << 20 {
            512 * PAGE
        } else {
            PAGE
        };
        for address in (*start..=*end).step_by(usize::try_from(step)?) {
            kdump.read(address, 1)?;
            touched += 1;
        }
    }
    ensure!(touched > 100, "{touched} pages of {} bytes", kdump.size());
    ensure!(fact("device_read")? == 0, "the device was read");
    Ok(())
}

fn a_guard_page_is_not_part_of_it() -> Result<()> {
    let dangling = fact("dangling")?;
    ensure!(
        !Kdump::map()?.holds(dangling),
        "{dangling:#x} is in the layout"
    );
    Ok(())
}
