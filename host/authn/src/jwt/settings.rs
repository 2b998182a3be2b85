//! The keys of a `type = "jwt"` file, checked.
//!
//! In comes the file's table; out go settings in which no invalid value can
//! exist, and where the keys are. Nothing is opened or asked here.
//! `authn::jwt` opens a key file and sets `algorithms` against its keys.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use warden_settings::{Section, quoted};

use super::algorithm::Algorithm;
use super::remote::{Place, RemoteSettings};
use crate::discovery::Discovery;
use crate::endpoint;
use crate::mapping::Mapping;
use crate::offer::{Offer, Opaque};
use crate::registered;

/// Where the keys come from. A path is relative to the authenticator's file.
#[derive(Clone, Debug)]
pub(crate) enum KeySource {
    /// `jwks_file`, `key_file` or `secret_file`.
    File(KeyFile, PathBuf),
    /// `jwks_url`, or what discovery says.
    Remote(RemoteSettings),
}

/// What a file of keys holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyFile {
    /// `jwks_file`.
    Jwks,
    /// `key_file`.
    Pem,
    /// `secret_file`.
    Secret,
}

impl KeyFile {
    const ALL: [Self; 3] = [Self::Jwks, Self::Pem, Self::Secret];

    /// The key of the file that names it.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Jwks => "jwks_file",
            Self::Pem => "key_file",
            Self::Secret => "secret_file",
        }
    }
}

/// Checked settings, without the keys.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Exactly one of these is the `iss` of its tokens: `issuer`, `access_token_issuer`.
    pub(crate) issuers: Vec<String>,
    /// One of these is in `aud`.
    pub(crate) audience: Vec<String>,
    /// `algorithms`; `None` means all that the keys allow, HMAC apart.
    pub(crate) algorithms: Option<Vec<Algorithm>>,
    /// Tolerance towards other clocks.
    pub(crate) leeway: Duration,
    /// Accepted `typ`.
    pub(crate) types: Types,
    /// From claims to a principal.
    pub(crate) mapping: Mapping,
    /// Which credentials are its tokens.
    pub(crate) offer: Offer,
}

/// What could be read of a file: keys are looked at even when settings failed, so
/// that all errors are told together.
pub(crate) struct Draft {
    /// `None` when a mandatory setting is missing or bad.
    pub(crate) settings: Option<Settings>,
    /// `None` when there is none, or more than one.
    pub(crate) source: Option<KeySource>,
}

/// Takes every key of a token authenticator out of the table.
pub(crate) fn read(file: &mut Section) -> Draft {
    let mut issuer = file.mandatory::<String>("issuer", "a string");
    if issuer.as_deref() == Some("") {
        file.fault("issuer", "is empty");
        issuer = None;
    }
    let access_token_issuer: Option<String> = file.optional("access_token_issuer", "a string");
    if access_token_issuer.as_deref() == Some("") {
        file.fault("access_token_issuer", "is empty");
    }
    let source = key_source(file, issuer.as_deref(), access_token_issuer.as_deref());
    let audience = file.mandatory_strings("audience");
    let algorithms = algorithms(file, source.as_ref());
    let leeway = registered::leeway(file);
    let types = file.optional("types", "a list of strings").map_or_else(
        Types::default,
        |list: Vec<String>| {
            if list.is_empty() {
                file.fault(
                    "types",
                    "is empty; leave it out for the default, \"\" stands for no typ",
                );
            }
            Types::new(&list)
        },
    );
    let (mapping, ()) = Mapping::read(file, |_| ());
    let offer = Offer::read(file, Opaque::No);
    let settings = issuer.zip(audience).map(|(issuer, audience)| Settings {
        issuers: std::iter::once(issuer).chain(access_token_issuer).collect(),
        audience,
        algorithms,
        leeway,
        types,
        mapping,
        offer,
    });
    Draft { settings, source }
}

/// At most one source is named; with none, the issuer is asked where its keys are.
fn key_source(
    file: &mut Section,
    issuer: Option<&str>,
    access_token_issuer: Option<&str>,
) -> Option<KeySource> {
    let mut named = 0;
    let mut source = None;
    for kind in KeyFile::ALL {
        named += usize::from(file.has(kind.key()));
        if let Some(path) = file.optional::<String>(kind.key(), "the path of a file") {
            if path.is_empty() {
                file.fault(kind.key(), "is empty");
            }
            source = Some(KeySource::File(kind, PathBuf::from(path)));
        }
    }
    let place = if file.has("jwks_url") {
        named += 1;
        endpoint::address(file, "jwks_url").map(Place::Url)
    } else if named == 0 {
        Discovery::read(file, issuer, access_token_issuer).map(Place::Discovery)
    } else {
        None
    };
    if let Some(place) = place {
        source = Some(KeySource::Remote(RemoteSettings::read(file, place)));
    }
    if named > 1 {
        file.fault(
            "",
            "only one of jwks_url, jwks_file, key_file and secret_file can be given",
        );
        return None;
    }
    source
}

fn algorithms(file: &mut Section, source: Option<&KeySource>) -> Option<Vec<Algorithm>> {
    let secret = matches!(source, Some(KeySource::File(KeyFile::Secret, _)));
    if secret && !file.has("algorithms") {
        file.fault(
            "algorithms",
            "must name HS256, HS384 or HS512 when there is a secret_file",
        );
    }
    let names = file.strings("algorithms")?;
    let mut algorithms = Vec::new();
    for name in &names {
        match Algorithm::from_str(name) {
            Ok(algorithm) if source.is_none() || algorithm.is_hmac() == secret => {
                algorithms.push(algorithm);
            }
            Ok(_) if secret => file.fault(
                "algorithms",
                format!("{name} does not go with a secret_file"),
            ),
            Ok(_) => file.fault("algorithms", format!("{name} goes only with a secret_file")),
            Err(_) => file.fault(
                "algorithms",
                format!("{} is not an algorithm warden accepts", quoted(name)),
            ),
        }
    }
    Some(algorithms)
}

/// Accepted values of `typ`, compared without case and without `application/`
/// (RFC 7515 §4.1.9).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Types(Vec<String>);

impl Default for Types {
    /// `JWT`, `at+jwt` (RFC 9068) or none: other types are tokens for another
    /// purpose (RFC 8725 §3.11), such as log-out, DPoP or security events.
    fn default() -> Self {
        Self::new(&["JWT".to_owned(), "at+jwt".to_owned(), String::new()])
    }
}

impl Types {
    fn new(list: &[String]) -> Self {
        Self(list.iter().map(|kind| plain(kind)).collect())
    }

    /// Whether a token of this `typ` is accepted; an absent one counts as empty.
    pub(crate) fn accept(&self, kind: Option<&str>) -> bool {
        self.0.contains(&plain(kind.unwrap_or_default()))
    }
}

fn plain(kind: &str) -> String {
    let lower = kind.to_ascii_lowercase();
    lower
        .strip_prefix("application/")
        .filter(|rest| !rest.is_empty())
        .map(str::to_owned)
        .unwrap_or(lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        let mut section = Section::parse(text.as_bytes()).unwrap();
        read(&mut section);
        let file = std::path::Path::new("f");
        section
            .finish()
            .into_iter()
            .map(|fault| fault.in_file(file).to_string())
            .collect()
    }

    const GOOD: &str = "issuer = 'i'\naudience = ['a']\njwks_file = 'k'\n";

    #[test]
    fn three_keys_make_a_complete_file() {
        assert_eq!(faults(GOOD), Vec::<String>::new());
        let mut section = Section::parse(GOOD.as_bytes()).unwrap();
        let settings = read(&mut section).settings.unwrap();
        assert_eq!(settings.leeway, Duration::from_secs(30));
        assert_eq!(settings.algorithms, None);
    }

    #[test]
    fn issuer_and_audience_are_mandatory() {
        let all = faults("");
        assert_eq!(all.len(), 2, "{all:?}");
        for key in ["issuer", "audience"] {
            assert!(all.iter().any(|fault| fault.contains(key)), "{key}");
        }
    }

    #[test]
    fn every_bad_value_is_named_with_its_key() {
        for (line, key) in [
            ("leeway_seconds = 301", "leeway_seconds"),
            ("leeway_seconds = -1", "leeway_seconds"),
            ("leeway_seconds = '30'", "leeway_seconds"),
            ("types = []", "types"),
            ("types = 'JWT'", "types"),
            ("token_prefix = ''", "token_prefix"),
            ("token_prefix = \"a\\n\"", "token_prefix"),
            ("algorithms = []", "algorithms"),
            ("algorithms = ['none']", "algorithms"),
            ("algorithms = ['rs256']", "algorithms"),
            ("algorithms = ['Ed448']", "algorithms"),
            ("algorithms = ['HS256']", "algorithms"),
            ("algorithms = 'RS256'", "algorithms"),
            ("key_file = 'x'", "only one of"),
            ("secret_file = 'x'", "only one of"),
            ("secret = 'x'", "secret: is not a known key"),
            ("jwks_url = 'https://x'", "only one of"),
            ("claims = 1", "claims"),
            ("[claims]\nname = []", "claims.name"),
            ("[claims]\nname = ['']", "claims.name"),
            ("[claims]\nname = '/~'", "claims.name"),
            ("[claims]\nnames = 'sub'", "claims.names"),
            ("[require]\nx = {}", "require.x"),
        ] {
            let all = faults(&format!("{GOOD}{line}"));
            assert_eq!(all.len(), 1, "{line}: {all:?}");
            assert!(
                all.iter().all(|fault| fault.contains(key)),
                "{line}: {all:?}"
            );
        }
    }

    #[test]
    fn hmac_goes_only_with_a_secret_and_only_by_name() {
        let base = "issuer = 'i'\naudience = ['a']\nsecret_file = 's'\n";
        assert_eq!(faults(base).len(), 1);
        assert_eq!(
            faults(&format!("{base}algorithms = ['HS256']")),
            Vec::<String>::new()
        );
        assert_eq!(
            faults(&format!("{base}algorithms = ['HS256', 'RS256']")).len(),
            1
        );
    }

    #[test]
    fn a_type_is_compared_without_case_and_media_prefix() {
        let default = Types::default();
        for kind in [
            None,
            Some("JWT"),
            Some("jwt"),
            Some("at+jwt"),
            Some("application/AT+JWT"),
        ] {
            assert!(default.accept(kind), "{kind:?}");
        }
        for kind in [
            "logout+jwt",
            "dpop+jwt",
            "JWE",
            "jwt ",
            "text/jwt",
            "application/",
        ] {
            assert!(!default.accept(Some(kind)), "{kind}");
        }
        let strict = Types::new(&["at+jwt".to_owned()]);
        assert!(!strict.accept(None));
        assert!(!strict.accept(Some("JWT")));
    }
}
