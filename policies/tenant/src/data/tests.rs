//! What data is refused, and with which words.

use warden_sdk::{ClaimSelection, Describe, File, Policy, Reads};

use super::*;

const SOUND: &str = "claim = \"/tenant\"\nkeys = [\"~{tenant}:*\"]\nchannels = []\n";

fn refusal(files: &[(&str, &str)]) -> String {
    let files: Vec<File> = files
        .iter()
        .map(|(name, text)| File::new(*name, *text))
        .collect();
    Tenant::configure(&files).unwrap_err()
}

#[test]
fn sound_data_is_taken() {
    let whole = "claim = \"/org_id\"\nkeys = [\"~{tenant}:*\", \"%R~shared:*\"]\n\
                 channels = [\"&{tenant}.*\"]\napplies_to = [\"group:corp/customers\"]\n\
                 exempt = [\"user:corp/root\"]\n";
    for text in [SOUND, whole] {
        let files = [File::new("tenant.toml", text), File::new("tenant.md", "x")];
        assert!(Tenant::configure(&files).is_ok(), "{text}");
    }
}

#[test]
fn data_is_one_file() {
    assert!(refusal(&[]).starts_with("no data: tenant.toml"));
    assert!(refusal(&[("tenant.tml", SOUND)]).starts_with("no data: tenant.toml"));
    assert_eq!(
        refusal(&[("tenant.d/a.toml", SOUND), ("tenant.toml", SOUND)]),
        r#""tenant.toml": the data stands in "tenant.d/a.toml" already, it is one file"#
    );
}

#[test]
fn both_bounds_must_be_said() {
    for key in ["claim", "keys", "channels"] {
        let text: String = SOUND
            .lines()
            .filter(|line| !line.starts_with(key))
            .map(|line| format!("{line}\n"))
            .collect();
        let refusal = refusal(&[("tenant.toml", &text)]);
        assert!(
            refusal.contains(&format!("missing field `{key}`")),
            "{refusal}"
        );
    }
}

#[test]
fn an_unknown_key_is_named_with_the_known_ones() {
    let text = format!("{SOUND}missing = \"allow\"\n");
    assert_eq!(
        refusal(&[("tenant.toml", &text)]),
        "\"tenant.toml\" line 4: unknown field `missing`, expected one of `claim`, `keys`, `channels`, `applies_to`, `exempt`"
    );
}

#[test]
fn a_half_written_file_is_refused() {
    for end in 0..SOUND.len() - 1 {
        let files = [File::new("tenant.toml", &SOUND[..end])];
        assert!(Tenant::configure(&files).is_err(), "{end}");
    }
}

#[test]
fn a_file_that_is_not_text_is_refused() {
    let error = Tenant::configure(&[File::new("tenant.toml", b"\xff")]).unwrap_err();
    assert_eq!(error, r#"file "tenant.toml" is not UTF-8 at byte 0"#);
}

#[test]
fn every_problem_is_told_at_once() {
    let text = "claim = \"nobody\"\nkeys = [\"~{tenant}:*\", \"~*\"]\nchannels = [\"&{tenant}*\"]\n\
                applies_to = []\nexempt = [\"group:operators\", \"operators\", \"user:corp/*\"]\n";
    let refusal = refusal(&[("tenant.toml", text)]);
    for part in [
        "claim: \"nobody\" points to no claim: write a JSON Pointer",
        "keys[1]: \"~*\" bounds nothing",
        "channels[0]: \"{tenant}*\": put a character",
        "applies_to: empty",
        "exempt[0]: \"group:operators\" lacks its authenticator",
        "exempt[1]: \"operators\" is not a member",
        "exempt[2]: \"user:corp/*\" names nobody",
    ] {
        assert!(refusal.contains(part), "{part:?} in {refusal:?}");
    }
    assert!(!refusal.contains('\n'));
}

#[test]
fn bounds_that_all_tenants_share_are_refused() {
    let text = SOUND.replace("{tenant}", "shared");
    assert!(refusal(&[("tenant.toml", &text)]).contains("keys: {tenant} stands nowhere"));
}

#[test]
fn rules_by_which_two_tenants_could_meet_are_refused() {
    let with = |keys: &str| SOUND.replace("\"~{tenant}:*\"", keys);
    // Of the first rule a tenant called app would have all of the second.
    let met = with("\"~{tenant}:*\", \"%R~shared:*\", \"~app:{tenant}:*\"");
    assert_eq!(
        refusal(&[("tenant.toml", &met)]),
        "\"tenant.toml\": keys[2]: \"~app:{tenant}:*\" may meet \"~{tenant}:*\" of another tenant: \
         before {tenant} both say the same, or something that differs"
    );
    for apart in [
        "\"~{tenant}:*\", \"~{tenant}/*\"",
        "\"~app:{tenant}:*\", \"~web:{tenant}:*\", \"~app:{tenant}\"",
    ] {
        let files = [File::new("tenant.toml", with(apart))];
        assert!(Tenant::configure(&files).is_ok(), "{apart}");
    }
}

#[test]
fn lists_are_bounded() {
    let bounds = "\"~{tenant}:*\",".repeat(MAX_BOUNDS + 1);
    let text = SOUND.replace("\"~{tenant}:*\"", &bounds);
    assert!(refusal(&[("tenant.toml", &text)]).contains("keys: more than 16"));
    let members = "\"user:corp/a\",".repeat(MAX_MEMBERS + 1);
    let text = format!("{SOUND}exempt = [{members}]\n");
    assert!(refusal(&[("tenant.toml", &text)]).contains("exempt: more than 1000"));
}

#[test]
fn the_policy_reads_the_claim_of_its_data_and_nothing_else() {
    assert_eq!(Tenant::DESCRIPTION.name, "tenant");
    assert_eq!(Tenant::DESCRIPTION.claims, ClaimSelection::None);
    assert!(Tenant::DESCRIPTION.inputs.is_empty());
    let text = SOUND.replace("/tenant", "/org/unit");
    let policy = Tenant::configure(&[File::new("tenant.toml", text)]).unwrap();
    assert_eq!(policy.reads(), Some(Reads::nothing().claim("/org/unit")));
}
