//! What is not the same in two runs of a command: addresses, processes, times, releases of the
//! kernel, how many objects happen to touch.

/// Digits that an address, a hash or a time has; the heap of a process may begin at `0x8f2000`.
const LONG_HEXADECIMAL: usize = 6;
const LONG_DECIMAL: usize = 9;

/// `line` with a `#` for each number that varies. Spaces for alignment, which vary with the
/// width of numbers, count as one.
pub(super) fn masked(line: &str) -> String {
    let indent = line.len() - line.trim_start().len();
    let (indent, line) = line.split_at(indent);
    let line = line.split(' ').filter(|word| !word.is_empty());
    let line = line.collect::<Vec<&str>>().join(" ");
    let mut text = indent.to_owned();
    let mut before = "";
    let mut rest = line.as_str();
    while let Some(first) = rest.chars().next() {
        let length = if is_word(first) {
            rest.find(|c| !is_word(c)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        let (word, after) = rest.split_at(length);
        match mask(before, word, after) {
            Some(mask) => text.push_str(mask),
            None => text.push_str(word),
        }
        if is_word(first) {
            before = word;
        }
        rest = after;
    }
    text
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '.'
}

/// What is written for a word that varies, which is between two others.
fn mask(before: &str, word: &str, after: &str) -> Option<&'static str> {
    let is_decimal = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if let Some(digits) = word.strip_prefix("0x") {
        return (digits.len() >= LONG_HEXADECIMAL).then_some("#");
    }
    if is_unit(word) && before.ends_with(|c: char| c.is_ascii_digit()) {
        return Some("s");
    }
    let number = word.trim_end_matches(char::is_alphabetic);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if !is_decimal(whole) {
        return None;
    }
    // A release: 6.12.43.
    if fraction.contains('.') {
        return Some("#");
    }
    let unit = word.get(number.len()..).unwrap_or_default();
    if !unit.is_empty() {
        return is_unit(unit).then_some("# s");
    }
    let next = after.trim_start().split(|c| !is_word(c)).next();
    let next = next.unwrap_or_default();
    let varies = ["pid", "tid", "CPU"].contains(&before)
        || ["KiB", "MiB", "fragments", "segments"].contains(&next)
        || (is_unit(next) && after.starts_with(' '))
        || whole.len() >= LONG_DECIMAL;
    varies.then_some("#")
}

fn is_unit(word: &str) -> bool {
    ["ns", "µs", "ms", "s"].contains(&word)
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn what_varies_is_masked_and_nothing_else() {
        for (line, mask) in [
            (
                "captured vfs_read (head, pid 175): 25 objects in 20 fragments, 12.2 KiB, in 13 µs: a.img",
                "captured vfs_read (head, pid #): 25 objects in # fragments, # KiB, in # s: a.img",
            ),
            (
                "  hit on CPU 1, 6.89 s after boot",
                "  hit on CPU #, # s after boot",
            ),
            ("captured in 13 µs", "captured in # s"),
            ("a = 0xffff8c1881203e41;", "a = #;"),
            ("8 bytes from 0x4872b60", "8 bytes from #"),
            ("i_mode = 0x81a4 /* 33188 */", "i_mode = 0x81a4 /* 33188 */"),
            ("i_atime_sec: 1795664067 → 1795664069", "i_atime_sec: # → #"),
            ("kernel: 6.12.118+deb13-amd64", "kernel: #+deb13-amd64"),
            ("    long a;      //  24   8", "    long a; // 24 8"),
            ("x86_64, 4 sets; int32 7 is", "x86_64, 4 sets; int32 7 is"),
            (
                "1 × struct dentry, 576 bytes",
                "1 × struct dentry, 576 bytes",
            ),
        ] {
            assert_eq!(masked(line), mask);
        }
        assert_eq!(masked("within 1.2 ms"), masked("within 900.11µs"));
    }
}
