//! Sizes and counts as people write them.

/// Bytes: a number, perhaps with `K`, `M` or `G` behind it.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let (digits, unit) = match text.char_indices().last() {
        Some((at, 'k' | 'K')) => (&text[..at], 1 << 10),
        Some((at, 'm' | 'M')) => (&text[..at], 1 << 20),
        Some((at, 'g' | 'G')) => (&text[..at], 1 << 30),
        _ => (text, 1),
    };
    let size = digits.parse::<u64>().ok();
    let size = size.and_then(|size| size.checked_mul(unit));
    size.filter(|size| *size > 0)
        .ok_or_else(|| "a size is a number of bytes, with K, M or G behind it if you like".into())
}

/// The size as [`parse`] reads it, rounded up.
pub(crate) fn argument(bytes: u64) -> String {
    match bytes.div_ceil(1 << 10) {
        kilobytes if kilobytes >= 10 << 10 => format!("{}M", kilobytes.div_ceil(1 << 10)),
        kilobytes => format!("{kilobytes}K"),
    }
}

/// The size for people.
pub(crate) fn shown(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1 << 10 {
        return format!("{bytes} bytes");
    }
    let mut size = bytes as f64 / 1024.0;
    let mut units = UNITS.iter();
    let mut unit = units.next();
    while size >= 1024.0 && units.len() > 0 {
        size /= 1024.0;
        unit = units.next();
    }
    format!("{size:.1} {}", unit.unwrap_or(&""))
}

/// So many of something: `1 root`, `2 roots`.
pub(crate) fn counted(count: u64, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        assert_eq!(parse("4096"), Ok(4096));
        assert_eq!(parse("64K"), Ok(65536));
        assert_eq!(parse("2g"), Ok(2 << 30));
        for wrong in ["", "K", "0", "-1", "1T", "ä", "99999999999G", "1.5M"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_are_written_so_that_they_suffice() {
        for bytes in [1, 4096, 4097, 123_456_789, 10 << 20, (10 << 20) + 1] {
            let parsed = parse(&argument(bytes)).unwrap();
            assert!(parsed >= bytes && parsed < bytes + (2 << 20), "{bytes}");
        }
        assert_eq!(argument(5000), "5K");
        assert_eq!(argument(20 << 20), "20M");
        assert_eq!(shown(12), "12 bytes");
        assert_eq!(shown(1536), "1.5 KiB");
        assert_eq!(shown(3 << 20), "3.0 MiB");
    }
}
