//! Reading apt's configuration of archives, in both of its notations
//! (sources.list(5)).

/// An archive that apt fetches binary packages from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    /// As written, without a slash at the end.
    pub(crate) uri: String,
    /// `bookworm`, `stable-security`, …
    pub(crate) suites: Vec<String>,
    /// `main`, …
    pub(crate) components: Vec<String>,
    /// A key file that signs it, if named by path.
    pub(crate) signed_by: Option<String>,
    /// Whether apt is told to trust it unsigned.
    pub(crate) trusted: bool,
}

/// Parses the one-line notation of `sources.list`.
pub(crate) fn parse_list(text: &str) -> Vec<Source> {
    text.lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<Source> {
    let line = line.split('#').next()?.trim();
    let rest = line.strip_prefix("deb")?;
    if !rest.starts_with([' ', '\t']) {
        return None;
    }
    let rest = rest.trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => ("", rest),
    };
    let mut words = rest.split_whitespace().map(str::to_owned);
    let uri = words.next()?;
    let suite = words.next()?;
    let option = |name: &str| {
        options
            .split_whitespace()
            .filter_map(|option| option.split_once('='))
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.to_owned())
    };
    Some(Source {
        uri: uri.trim_end_matches('/').to_owned(),
        suites: vec![suite],
        components: words.collect(),
        signed_by: option("signed-by").filter(|path| path.starts_with('/')),
        trusted: option("trusted").is_some_and(|value| value == "yes"),
    })
}

/// Parses the deb822 notation of `*.sources`.
pub(crate) fn parse_deb822(text: &str) -> Vec<Source> {
    let uncommented: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    uncommented
        .split(|line| line.trim().is_empty())
        .flat_map(parse_stanza)
        .collect()
}

fn parse_stanza(lines: &[&str]) -> Vec<Source> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in lines {
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = fields.last_mut() {
                value.push('\n');
                value.push_str(line.trim());
            }
        } else if let Some((key, value)) = line.split_once(':') {
            fields.push((key.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    let field = |name: &str| {
        fields
            .iter()
            .find(|(key, _)| key == name)
            .map_or("", |(_, value)| value.as_str())
    };
    let words =
        |name: &str| -> Vec<String> { field(name).split_whitespace().map(str::to_owned).collect() };
    let is = |name: &str, value: &str| field(name).eq_ignore_ascii_case(value);
    if !words("types").iter().any(|kind| kind == "deb") || is("enabled", "no") {
        return Vec::new();
    }
    words("uris")
        .iter()
        .map(|uri| Source {
            uri: uri.trim_end_matches('/').to_owned(),
            suites: words("suites"),
            components: words("components"),
            signed_by: Some(field("signed-by").to_owned()).filter(|path| path.starts_with('/')),
            trusted: is("trusted", "yes"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_notation_with_options_comments_and_sources() {
        let text = "# deb http://old.example/debian bookworm main\n\
            deb-src http://one.example/debian bookworm main\n\
            deb [arch=amd64 signed-by=/k.gpg] http://one.example/debian/ bookworm main contrib # x\n\
            deb [ trusted=yes ] file:/srv/debian stable main\n";
        let sources = parse_list(text);
        assert_eq!(sources.len(), 2);
        assert_eq!(sources[0].uri, "http://one.example/debian");
        assert_eq!(sources[0].suites, ["bookworm"]);
        assert_eq!(sources[0].components, ["main", "contrib"]);
        assert_eq!(sources[0].signed_by.as_deref(), Some("/k.gpg"));
        assert!(!sources[0].trusted && sources[1].trusted);
    }

    #[test]
    fn deb822_notation_with_comments_inside_and_disabled_stanzas() {
        let text = "Types: deb deb-src\n# a comment\nURIs: http://one.example/debian\n\
            Suites: bookworm bookworm-updates\nComponents: main\n\
            Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\n\n\
            Types: deb\nURIs: http://two.example/security/\nSuites: bookworm-security\n\
            Components: main\n\n\
            Types: deb\nEnabled: no\nURIs: http://three.example/\nSuites: bookworm\n";
        let sources = parse_deb822(text);
        assert_eq!(sources.len(), 2);
        assert_eq!(sources[0].suites, ["bookworm", "bookworm-updates"]);
        assert_eq!(
            sources[0].signed_by.as_deref(),
            Some("/usr/share/keyrings/debian-archive-keyring.gpg")
        );
        assert_eq!(sources[1].uri, "http://two.example/security");
    }

    #[test]
    fn an_inline_key_is_not_taken_for_a_path() {
        let text = "Types: deb\nURIs: http://one.example/debian\nSuites: trixie\n\
            Components: main\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n";
        let sources = parse_deb822(text);
        assert_eq!(sources.len(), 1);
        assert_eq!(sources[0].signed_by, None);
    }
}
