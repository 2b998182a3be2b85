//! Names put together from what a pattern captured.
//!
//! In come a text with places, `{namespace}/{account}`, and captures; out goes a
//! name. A capture is put in as it is and never looked at for places. Two different
//! sets of captures never make one name: what divides two places may not occur in
//! the first of them.

use regex::{Captures, Regex};
use warden_settings::quoted;

/// Longest template, in bytes.
const MAX_BYTES: usize = 256;

/// A place, and the text between it and the next.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    capture: String,
    after: String,
}

/// A checked template: every place is a capture of its pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template {
    before: String,
    places: Vec<Place>,
}

impl Template {
    /// Reads a template for a pattern.
    ///
    /// # Errors
    /// Words for the operator.
    pub(crate) fn parse(text: &str, pattern: &Regex) -> Result<Self, String> {
        if text.is_empty() || text.len() > MAX_BYTES {
            return Err(format!("takes 1 to {MAX_BYTES} bytes"));
        }
        if text.chars().any(char::is_control) {
            return Err("holds a control character".to_owned());
        }
        let (before, mut rest) = literal(text)?;
        let mut places: Vec<Place> = Vec::new();
        while let Some((capture, tail)) = rest {
            if !pattern
                .capture_names()
                .flatten()
                .any(|name| name == capture)
            {
                return Err(format!(
                    "names {}, which the pattern does not capture",
                    quoted(capture)
                ));
            }
            if places.last().is_some_and(|place| place.after.is_empty()) {
                return Err("has two places with nothing between them".to_owned());
            }
            let (after, next) = literal(tail)?;
            places.push(Place {
                capture: capture.to_owned(),
                after,
            });
            rest = next;
        }
        if places.is_empty() {
            return Err("has no {place}: every certificate would be one principal".to_owned());
        }
        Ok(Self { before, places })
    }

    /// The name.
    ///
    /// # Errors
    /// Words for the operator when a place captured nothing or holds what divides it
    /// from the next.
    pub(crate) fn render(&self, captures: &Captures<'_>) -> Result<String, String> {
        let mut name = self.before.clone();
        let last = self.places.len().saturating_sub(1);
        for (index, place) in self.places.iter().enumerate() {
            let value = captures
                .name(&place.capture)
                .map_or("", |found| found.as_str());
            if value.is_empty() {
                return Err(format!("captures nothing as {}", place.capture));
            }
            // Were the divider's first character in it, where it ends would be in doubt.
            if let Some(divider) = place.after.chars().next()
                && index < last
                && value.contains(divider)
            {
                return Err(format!(
                    "captures {divider:?} in {}, which divides it from the next place",
                    place.capture
                ));
            }
            name.push_str(value);
            name.push_str(&place.after);
        }
        Ok(name)
    }
}

/// Text up to a place with the place's name and the rest behind it. Braces that
/// stand for themselves are doubled.
#[expect(clippy::type_complexity, reason = "one private function's answer")]
fn literal(text: &str) -> Result<(String, Option<(&str, &str)>), String> {
    let stray = || "has a brace that belongs to no place; write {{ or }} for one".to_owned();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(index) = rest.find(['{', '}']) {
        let (ahead, brace) = rest.split_at(index);
        plain.push_str(ahead);
        if let Some(tail) = brace.strip_prefix("{{") {
            plain.push('{');
            rest = tail;
        } else if let Some(tail) = brace.strip_prefix("}}") {
            plain.push('}');
            rest = tail;
        } else {
            let inner = brace.strip_prefix('{').ok_or_else(stray)?;
            return Ok((plain, Some(inner.split_once('}').ok_or_else(stray)?)));
        }
    }
    plain.push_str(rest);
    Ok((plain, None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PATTERN: &str = r"\A(?:(?P<a>[^|]*)\|(?P<b>[^|]*))\z";

    fn render(template: &str, value: &str) -> Result<String, String> {
        let pattern = Regex::new(PATTERN).unwrap();
        let template = Template::parse(template, &pattern)?;
        template.render(&pattern.captures(value).unwrap())
    }

    #[test]
    fn captures_stand_in_their_places() {
        assert_eq!(render("{a}/{b}", "x|y").unwrap(), "x/y");
        assert_eq!(render("ns-{b}", "x|y").unwrap(), "ns-y");
        assert_eq!(render("{{{a}}}", "x|y").unwrap(), "{x}");
        assert_eq!(render("{b}.{a}.{b}", "x|y").unwrap(), "y.x.y");
    }

    #[test]
    fn a_capture_is_never_looked_at_for_places() {
        assert_eq!(render("{a}", "{b}|secret").unwrap(), "{b}");
        assert_eq!(render("{a}/{b}", "{b}|{{a}}").unwrap(), "{b}/{{a}}");
    }

    #[test]
    fn a_capture_that_holds_the_divider_is_refused() {
        assert!(render("{a}/{b}", "x/y|z").is_err());
        assert!(render("{a}-::-{b}", "x-y|z").is_err());
        assert_eq!(render("{a}/{b}", "x|y/z").unwrap(), "x/y/z", "the last may");
        assert!(render("{a}/{b}", "|y").is_err());
    }

    #[test]
    fn a_template_that_is_in_doubt_is_an_error() {
        for bad in [
            "", "x", "{c}", "{}", "{a", "a}", "{a}}", "{a}{b}", "{a }", "{a}\n", "{{a}}",
        ] {
            assert!(render(bad, "x|y").is_err(), "{bad:?}");
        }
        assert!(render(&format!("{{a}}{}", "x".repeat(256)), "x|y").is_err());
    }

    proptest! {
        #[test]
        fn two_sets_of_captures_never_make_one_name(
            a in "[a-c/{}-]{0,4}", b in "[a-c/{}-]{0,4}", c in "[a-c/{}-]{0,4}", d in "[a-c/{}-]{0,4}",
            template in prop_oneof![Just("{a}/{b}"), Just("{a}-{b}"), Just("x{b}--{a}"), Just("{a}aa{b}")],
        ) {
            let one = render(template, &format!("{a}|{b}"));
            let other = render(template, &format!("{c}|{d}"));
            if let (Ok(one), Ok(other)) = (one, other) {
                prop_assert_eq!(one == other, (a, b) == (c, d));
            }
        }
    }
}
