//! The context of an image: `KEY=VALUE` lines. A line break in a value is written
//! `\n`, a backslash `\\`.

use crate::error::ImageError;

/// The pairs in `text`; lines without `=` are passed over.
pub(crate) fn parse(text: &str) -> Vec<(String, String)> {
    (text.lines())
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.to_owned(), unescape(value)))
        .collect()
}

/// The lines of `pairs`.
///
/// # Errors
/// If a key can't be read back.
pub(crate) fn write(pairs: &[(String, String)]) -> Result<String, ImageError> {
    let mut text = String::new();
    for (key, value) in pairs {
        if key.is_empty() || key.contains(['=', '\n', '\r']) {
            return Err(ImageError::ContextKey { key: key.clone() });
        }
        text.push_str(key);
        text.push('=');
        for character in value.chars() {
            match character {
                '\\' => text.push_str("\\\\"),
                '\n' => text.push_str("\\n"),
                '\r' => text.push_str("\\r"),
                other => text.push(other),
            }
        }
        text.push('\n');
    }
    Ok(text)
}

fn unescape(value: &str) -> String {
    let mut characters = value.chars();
    let mut text = String::with_capacity(value.len());
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('n') => text.push('\n'),
                Some('r') => text.push('\r'),
                Some(other) => text.push(other),
                None => text.push('\\'),
            },
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{parse, write};

    #[test]
    fn every_value_is_read_back() {
        let pairs = [("a", "1"), ("b", ""), ("c", "x=y\nz\\n\r"), ("d", "ä")];
        let pairs = pairs.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(parse(&write(&pairs).unwrap()), pairs);
    }

    #[test]
    fn keys_that_could_not_be_read_back_are_refused() {
        for key in ["", "a=b", "a\nb"] {
            assert!(write(&[(key.to_owned(), String::new())]).is_err());
        }
    }
}
