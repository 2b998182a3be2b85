//! The keys of a `type = "certificate"` file, checked.
//!
//! In comes the file's table; out go settings in which no invalid value can exist,
//! and the paths of the files that hold authorities and revocation lists. Nothing
//! is opened here.

use std::path::PathBuf;

use warden_settings::Section;

use super::require::{self, Requirements};
use super::rule::{self, Rule};
use super::values::Source;

/// Most files of revocation lists.
const MAX_LIST_FILES: usize = 64;

/// Checked settings, without authorities and revocation lists.
#[derive(Debug)]
pub(crate) struct Settings {
    /// What names the principal; the first rule that matches counts.
    pub(crate) identity: Vec<Rule>,
    /// What makes groups; all rules count.
    pub(crate) groups: Vec<Rule>,
    /// All must hold.
    pub(crate) require: Requirements,
}

/// What could be read of a file. Paths are relative to it.
#[derive(Debug)]
pub(crate) struct Draft {
    /// Complete only when the file has no faults.
    pub(crate) settings: Settings,
    /// `ca_file`.
    pub(crate) authorities: Option<PathBuf>,
    /// `crl_files`.
    pub(crate) lists: Vec<PathBuf>,
}

/// Takes every key of a certificate authenticator out of the table.
pub(crate) fn read(file: &mut Section) -> Draft {
    let identity = rule::read(file, "identity", Source::identifies);
    if identity.is_none() {
        file.fault(
            "identity",
            "is missing; it must say what names the principal, such as [{ from = \"cn\" }]",
        );
    }
    let groups = rule::read(file, "groups", |_| true).unwrap_or_default();
    let require = require::read(file);
    let has_authorities = file.has("ca_file");
    let authorities: Option<String> = file.optional("ca_file", "the path of a file");
    if authorities.as_deref() == Some("") {
        file.fault("ca_file", "is empty");
    }
    let has_lists = file.has("crl_files");
    let lists = file.strings("crl_files").unwrap_or_default();
    if lists.len() > MAX_LIST_FILES {
        file.fault("crl_files", format!("takes at most {MAX_LIST_FILES} files"));
    }
    if has_lists && !has_authorities {
        file.fault(
            "crl_files",
            "needs a ca_file with whose keys it is verified",
        );
    }
    Draft {
        settings: Settings {
            identity: identity.unwrap_or_default(),
            groups,
            require,
        },
        authorities: authorities
            .filter(|path| !path.is_empty())
            .map(PathBuf::from),
        lists: lists
            .into_iter()
            .take(MAX_LIST_FILES)
            .map(PathBuf::from)
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        let mut section = Section::parse(text.as_bytes()).unwrap();
        read(&mut section);
        let faults = section.finish().into_iter();
        faults
            .map(|fault| fault.in_file(std::path::Path::new("f")).to_string())
            .collect()
    }

    const IDENTITY: &str = "identity = [{ from = 'cn' }]\n";

    #[test]
    fn one_rule_makes_a_complete_file() {
        assert_eq!(faults(IDENTITY), Vec::<String>::new());
        let everything = r#"
            ca_file = "ca.pem"
            crl_files = ["a.crl", "b.crl"]
            [[identity]]
            from = "uri"
            pattern = 'spiffe://prod\.example\.com/ns/(?P<ns>[^/]+)/sa/(?P<sa>[^/]+)'
            name = "{ns}/{sa}"
            [[identity]]
            from = "dn"
            [[groups]]
            from = "ou"
            [require]
            organizational_units = ["Data"]
            organizations = ["Example"]
            issuers = ["CN=CA"]
            extensions = { "1.3.6.1.4.1.1" = true, "1.3.6.1.4.1.2" = "hex:0500", "1.3.6.1.4.1.3" = "x" }
        "#;
        assert_eq!(faults(everything), Vec::<String>::new());
    }

    #[test]
    fn every_bad_value_is_named_with_its_key() {
        for (line, key) in [
            ("groups = []", "groups"),
            ("groups = 'ou'", "groups"),
            ("groups = [{}]", "groups[0].from"),
            (
                "groups = [{ from = 'ou' }, { from = 'x' }]",
                "groups[1].from",
            ),
            (
                "groups = [{ from = 'ou', patern = 'x' }]",
                "groups[0].patern",
            ),
            (
                "groups = [{ from = 'ou', pattern = '(' }]",
                "groups[0].pattern",
            ),
            (
                "groups = [{ from = 'ou', pattern = '' }]",
                "groups[0].pattern",
            ),
            ("groups = [{ from = 'ou', name = '{x}' }]", "groups[0].name"),
            (
                "groups = [{ from = 'ou', pattern = '(?P<x>.)', name = '{y}' }]",
                "groups[0].name",
            ),
            ("ca_file = ''", "ca_file"),
            ("ca_file = 1", "ca_file"),
            ("crl_files = ['x']", "crl_files"),
            ("ca_file = 'x'\ncrl_files = []", "crl_files"),
            (
                "[require]\norganizational_units = []",
                "require.organizational_units",
            ),
            ("[require]\nou = ['x']", "require.ou"),
            ("[require.extensions]\n'x' = true", "require.extensions.x"),
            (
                "[require.extensions]\n'1.2' = false",
                "require.extensions.\"1.2\"",
            ),
            (
                "[require.extensions]\n'1.2' = 'hex:1'",
                "require.extensions.\"1.2\"",
            ),
            ("cn = 'x'", "cn: is not a known key"),
        ] {
            let all = faults(&format!("{IDENTITY}{line}"));
            assert_eq!(all.len(), 1, "{line}: {all:?}");
            assert!(all[0].contains(key), "{line}: {all:?}");
        }
    }

    #[test]
    fn what_is_shared_cannot_name_a_principal() {
        for line in [
            "",
            "identity = [{ from = 'ou' }]",
            "identity = [{ from = 'o' }]",
        ] {
            let all = faults(line);
            assert_eq!(all.len(), 1, "{line}");
            assert!(all[0].contains("identity"), "{all:?}");
        }
    }
}
