//! An entry, and the two languages it is written in: RFC 4514 and LDIF.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// An entry: a distinguished name and attributes, each with its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name as text.
    pub dn: String,
    /// In the order they came; one with no values is possible.
    pub attributes: Vec<(String, Vec<Vec<u8>>)>,
}

impl Entry {
    /// An entry without attributes.
    pub fn new(dn: &str) -> Self {
        Self {
            dn: dn.to_owned(),
            attributes: Vec::new(),
        }
    }

    /// Adds a value, behind those the attribute has.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        let value = value.into();
        match self.attributes.iter_mut().find(|(one, _)| one == name) {
            Some((_, values)) => values.push(value),
            None => self.attributes.push((name.to_owned(), vec![value])),
        }
        self
    }

    /// Adds an attribute with all its values, or with none.
    #[must_use]
    pub fn with_all<V: Into<Vec<u8>>>(
        mut self,
        name: &str,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        let values = values.into_iter().map(Into::into).collect();
        self.attributes.push((name.to_owned(), values));
        self
    }

    /// The values of an attribute as text; names compare without case.
    pub fn values(&self, name: &str) -> Vec<String> {
        let those = self
            .attributes
            .iter()
            .filter(|(one, _)| one.eq_ignore_ascii_case(name));
        those
            .flat_map(|(_, values)| values)
            .map(|value| String::from_utf8_lossy(value).into_owned())
            .collect()
    }

    /// As LDIF, with the empty line that ends it.
    pub(crate) fn ldif(&self) -> String {
        let mut text = ldif_line("dn", self.dn.as_bytes());
        for (name, values) in &self.attributes {
            for value in values {
                text += &ldif_line(name, value);
            }
        }
        text + "\n"
    }

    /// The entries of LDIF whose lines are not folded.
    pub(super) fn all_of(ldif: &str) -> Vec<Self> {
        let mut entries: Vec<Self> = Vec::new();
        for line in ldif.lines().filter(|line| !line.starts_with('#')) {
            let Some((name, value)) = parsed(line) else {
                continue;
            };
            if name == "dn" {
                entries.push(Self::new(&String::from_utf8_lossy(&value)));
            } else if let Some(entry) = entries.pop() {
                entries.push(entry.with(name, value));
            }
        }
        entries
    }
}

/// `name=value` as RFC 4514 writes it, whatever the value holds.
pub fn rdn(name: &str, value: &str) -> String {
    let mut text = format!("{name}=");
    let last = value.chars().count().saturating_sub(1);
    for (place, one) in value.chars().enumerate() {
        let at_an_edge = one == ' ' && (place == 0 || place == last) || one == '#' && place == 0;
        if one.is_control() {
            write!(text, "\\{:02X}", u32::from(one)).expect("a string takes text");
        } else if at_an_edge || "\"+,;<>\\=".contains(one) {
            text.extend(['\\', one]);
        } else {
            text.push(one);
        }
    }
    text
}

/// One line of LDIF; in base64 unless all of it is harmless.
pub(crate) fn ldif_line(name: &str, value: &[u8]) -> String {
    let harmless = |b: &u8| b.is_ascii_alphanumeric() || b"=,.@_-/+ ".contains(b);
    let edges = [value.first(), value.last()];
    match str::from_utf8(value) {
        Ok(text) if value.iter().all(harmless) && !edges.contains(&Some(&b' ')) => {
            format!("{name}: {text}\n")
        }
        _ => format!("{name}:: {}\n", STANDARD.encode(value)),
    }
}

fn parsed(line: &str) -> Option<(&str, Vec<u8>)> {
    let (name, rest) = line.split_once(':')?;
    match rest.strip_prefix(':') {
        Some(encoded) => Some((name, STANDARD.decode(encoded.trim()).ok()?)),
        None => Some((name, rest.trim_start().into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_escaped_where_rfc_4514_says() {
        for (value, escaped) in [
            ("alice", "uid=alice"),
            (" a b ", "uid=\\ a b\\ "),
            ("#1#", "uid=\\#1#"),
            (
                "a,b+c\"d\\e<f>g;h=i",
                "uid=a\\,b\\+c\\\"d\\\\e\\<f\\>g\\;h\\=i",
            ),
            ("a\0b\n", "uid=a\\00b\\0A"),
            ("Zoë", "uid=Zoë"),
            ("", "uid="),
        ] {
            assert_eq!(rdn("uid", value), escaped);
        }
    }

    #[test]
    fn an_entry_comes_back_from_ldif() {
        let entry = Entry::new("uid=a\\,b,dc=example")
            .with("cn", " edge ")
            .with("cn", "b: c")
            .with("mail", "a@example.org")
            .with("photo", [0xff, 0, 10]);
        let text = entry.ldif();
        assert!(text.contains("mail: a@example.org\n"), "{text}");
        assert_eq!(Entry::all_of(&text.repeat(2)), [entry.clone(), entry]);
    }
}
