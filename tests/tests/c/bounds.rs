//! The bounds of a verdict, which both SDKs and the host name, are the same.

use std::collections::BTreeMap;
use std::fs;

use warden_sdk::bounds;
use warden_tests::parts::workspace;

/// Constants of a source text: lines that begin with `begin`, then the name, `middle`, the
/// number and `end`.
fn constants(file: &str, begin: &str, middle: &str, end: &str) -> BTreeMap<String, usize> {
    let text = fs::read_to_string(workspace().join(file)).expect("a source file");
    let constants = text.lines().filter_map(|line| {
        let (name, number) = line.strip_prefix(begin)?.split_once(middle)?;
        let number = number.strip_suffix(end)?.parse().ok()?;
        Some((name.to_owned(), number))
    });
    constants.collect()
}

#[test]
fn the_bounds_of_a_verdict_are_those_of_the_host_in_every_sdk() {
    let host = constants(
        "host/policy/src/verdict.rs",
        "pub(crate) const ",
        ": usize = ",
        ";",
    );
    let in_rust = [
        ("MAX_GRANTS", bounds::MAX_GRANTS),
        ("MAX_GRANT_RULES", bounds::MAX_GRANT_RULES),
        ("MAX_RULES", bounds::MAX_RULES),
        ("MAX_ALL_RULES", bounds::MAX_ALL_RULES),
        ("MAX_LABELS", bounds::MAX_LABELS),
        ("MAX_LABEL_BYTES", bounds::MAX_LABEL_BYTES),
    ];
    let in_rust = in_rust.map(|(name, number)| (name.to_owned(), number));
    assert_eq!(host, BTreeMap::from(in_rust));
    let in_c = constants("sdk/c/include/warden.h", "#define WARDEN_", " ", "");
    for name in [
        "MAX_GRANTS",
        "MAX_GRANT_RULES",
        "MAX_LABELS",
        "MAX_LABEL_BYTES",
    ] {
        assert_eq!(in_c.get(name), host.get(name), "{name}");
    }
}
