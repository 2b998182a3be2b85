//! Object identifiers, as text and as DER has them (X.690 §8.19).
//!
//! In comes one spelling, out goes the other, or nothing when it is not one:
//! `2.5.4.3` is the contents octets `55 04 03`.

/// Longest identifier, in contents octets.
const MAX_BYTES: usize = 64;

/// Numbers with dots between them, from contents octets.
pub(crate) fn dotted(contents: &[u8]) -> Option<String> {
    if contents.is_empty() || contents.len() > MAX_BYTES {
        return None;
    }
    let mut numbers = Vec::new();
    let mut number: Option<u64> = None;
    for &octet in contents {
        // The shortest form begins with no empty digit.
        if number.is_none() && octet == 0x80 {
            return None;
        }
        let digits = number.unwrap_or(0);
        let shifted = digits.checked_mul(128)?;
        let value = shifted | u64::from(octet & 0x7f);
        number = if octet & 0x80 == 0 {
            numbers.push(value);
            None
        } else {
            Some(value)
        };
    }
    if number.is_some() {
        return None;
    }
    let (&head, tail) = numbers.split_first()?;
    let root = (head / 40).min(2);
    let mut text = format!("{root}.{}", head - root * 40);
    for number in tail {
        text.push('.');
        text.push_str(&number.to_string());
    }
    Some(text)
}

/// Contents octets, from numbers with dots between them.
pub(crate) fn contents(text: &str) -> Option<Vec<u8>> {
    let mut numbers = text.split('.').map(number);
    let root = numbers.next()??;
    let second = numbers.next()??;
    if root > 2 || (root < 2 && second > 39) {
        return None;
    }
    let mut contents = Vec::new();
    push(&mut contents, second.checked_add(root * 40)?);
    for number in numbers {
        push(&mut contents, number?);
    }
    (contents.len() <= MAX_BYTES).then_some(contents)
}

/// A number in decimal without leading zeros.
fn number(text: &str) -> Option<u64> {
    let canonical =
        text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if canonical { text.parse().ok() } else { None }
}

fn push(contents: &mut Vec<u8>, number: u64) {
    let mut more = false;
    for shift in (0..=9).rev().map(|digit| digit * 7) {
        let digit = u8::try_from((number >> shift) & 0x7f).unwrap_or(0);
        if digit != 0 || more || shift == 0 {
            more = true;
            contents.push(if shift == 0 { digit } else { digit | 0x80 });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_identifiers_read_as_they_are_known() {
        for (text, octets) in [
            ("2.5.4.3", &[0x55, 4, 3][..]),
            ("1.2.840.113549", &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d]),
            ("2.999.3", &[0x88, 0x37, 3]),
            ("0.0", &[0]),
        ] {
            assert_eq!(contents(text).as_deref(), Some(octets), "{text}");
            assert_eq!(dotted(octets).as_deref(), Some(text));
        }
    }

    #[test]
    fn what_is_not_an_identifier_is_refused() {
        for bad in [
            "",
            "1",
            "1.",
            ".1.2",
            "3.1",
            "1.40",
            "1.2.03",
            "1.2.-3",
            "1.2. 3",
            "1.2.x",
            "1.2.+3",
            "1.2.99999999999999999999",
        ] {
            assert_eq!(contents(bad), None, "{bad}");
        }
        for bad in [
            &[][..],
            &[0x80, 1],
            &[0x55, 0x80, 3],
            &[0x55, 0x84],
            &[0xff; 12],
        ] {
            assert_eq!(dotted(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn the_two_spellings_are_one(octets in proptest::collection::vec(any::<u8>(), 0..20)) {
            if let Some(text) = dotted(&octets) {
                prop_assert_eq!(contents(&text), Some(octets));
            }
        }
    }
}
