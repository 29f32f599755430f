//! Sorting without recursion, allocation or a panic: by radix where there is a
//! second buffer, otherwise in place.

/// Most bits that one round of the radix sort looks at.
const DIGIT: u32 = 11;
/// Words of the counters of a radix sort.
pub(crate) const COUNTERS: usize = 1 << DIGIT;

/// Sorts `entries`, whose keys are `key(first word)` and have `bits` bits, by way
/// of `other`, which is as long. Returns whether the result is in `other`. Entries
/// of one key keep their order.
pub(crate) fn radix<'a, const W: usize>(
    mut entries: &'a mut [[u64; W]],
    mut other: &'a mut [[u64; W]],
    counters: &mut [u64],
    bits: u32,
    key: impl Fn(&[u64; W]) -> u64,
) -> bool {
    let rounds = bits.div_ceil(DIGIT).max(1);
    let digit = bits.div_ceil(rounds).max(1);
    let Some(counters) = counters.get_mut(..1 << digit) else {
        return false;
    };
    let mask = (1u64 << digit) - 1;
    let mut moved = false;
    for round in 0..rounds {
        let shift = round * digit;
        let of = |entry: &[u64; W]| ((key(entry) >> shift) & mask) as usize;
        counters.fill(0);
        for entry in entries.iter() {
            if let Some(counter) = counters.get_mut(of(entry)) {
                *counter += 1;
            }
        }
        // A digit that all share needs no round.
        let all = entries.len() as u64;
        let first = entries.first().map_or(0, of);
        if counters.get(first).is_some_and(|count| *count == all) {
            continue;
        }
        let mut sum = 0;
        for counter in counters.iter_mut() {
            sum += core::mem::replace(counter, sum);
        }
        for entry in entries.iter() {
            let Some(counter) = counters.get_mut(of(entry)) else {
                continue;
            };
            let to = *counter as usize;
            *counter += 1;
            if let Some(place) = other.get_mut(to) {
                *place = *entry;
            }
        }
        core::mem::swap(&mut entries, &mut other);
        moved = !moved;
    }
    moved
}

/// Sorts in place, so that `before` holds for no later and earlier entry.
pub(crate) fn heap<const W: usize>(
    entries: &mut [[u64; W]],
    mut before: impl FnMut(&[u64; W], &[u64; W]) -> bool,
) {
    // Most lists are sorted but for a few places.
    let mut pairs = entries.iter().zip(entries.iter().skip(1));
    if pairs.all(|(first, second)| !before(second, first)) {
        return;
    }
    let count = entries.len();
    for top in (0..count / 2).rev() {
        sift(entries, top, count, &mut before);
    }
    for end in (1..count).rev() {
        if let Some((last, [first, ..])) = entries.get_mut(..=end).and_then(<[_]>::split_last_mut) {
            core::mem::swap(first, last);
        }
        sift(entries, 0, end, &mut before);
    }
}

fn sift<const W: usize>(
    entries: &mut [[u64; W]],
    mut top: usize,
    count: usize,
    before: &mut impl FnMut(&[u64; W], &[u64; W]) -> bool,
) {
    let Some(entries) = entries.get_mut(..count) else {
        return;
    };
    let Some(&sinking) = entries.get(top) else {
        return;
    };
    loop {
        let first = 2 * top + 1;
        let (Some(left), right) = (entries.get(first), entries.get(first + 1)) else {
            break;
        };
        let (child, entry) = match right {
            Some(right) if before(left, right) => (first + 1, *right),
            _ => (first, *left),
        };
        if !before(&sinking, &entry) {
            break;
        }
        if let Some(place) = entries.get_mut(top) {
            *place = entry;
        }
        top = child;
    }
    if let Some(place) = entries.get_mut(top) {
        *place = sinking;
    }
}

/// Removes neighbours that are equal; how many are left.
pub(crate) fn unique(list: &mut [u64]) -> usize {
    let mut kept = 0;
    let mut last = None;
    for place in 0..list.len() {
        let value = list.get(place).copied();
        if value != last {
            if let (Some(value), Some(to)) = (value, list.get_mut(kept)) {
                *to = value;
            }
            kept += 1;
            last = value;
        }
    }
    kept
}

/// Whether a value is in an ascending list. The standard library's search refers
/// to a panic.
pub(crate) fn contains(mut list: &[u64], value: u64) -> bool {
    while let Some((low, high)) = list.split_at_checked(list.len() / 2) {
        match high.split_first() {
            None => return false,
            Some((middle, _)) if *middle == value => return true,
            Some((middle, above)) => list = if *middle < value { above } else { low },
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::{COUNTERS, contains, heap, radix, unique};

    const NUMBERS: [u64; 10] = [5, 3, 9, 3, 1 << 40, 5, 5, 8, 1 << 12, 0];

    #[test]
    fn locations_end_up_ascending_and_once() {
        let mut list = [5, 3, 9, 3, 1, 5, 5, 8].map(|n| [n]);
        heap(&mut list, |a, b| a < b);
        let list = list.as_flattened_mut();
        let kept = unique(list);
        let list = list.get(..kept).expect("kept");
        assert_eq!(list, [1, 3, 5, 8, 9]);
        for location in 0..11 {
            assert_eq!(contains(list, location), list.contains(&location));
        }
    }

    #[test]
    fn both_ways_sort_alike() {
        let mut entries: [[u64; 2]; 10] =
            core::array::from_fn(|i| [NUMBERS.get(i).copied().unwrap_or(0), i as u64]);
        let (mut radixed, mut other) = (entries, [[0; 2]; 10]);
        heap(&mut entries, |a, b| a < b);
        let mut counters = [0; COUNTERS];
        if radix(&mut radixed, &mut other, &mut counters, 41, |entry| {
            entry[0]
        }) {
            radixed = other;
        }
        assert_eq!(entries, radixed);
    }
}
