//! The authenticator directory: which files it has, and what one file makes.
//!
//! In comes a path; out goes an authenticator built from it, or every fault of
//! the file together. Files are taken in the order of their names. Names that
//! start with a dot or do not end in `.toml` are passed over.

use std::fs;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use glob::Pattern;
use warden_core::{AuthenticatorId, Method};
use warden_settings::{self as file, Access, Fault, Section, quoted};
use zeroize::Zeroizing;

use crate::Error;
use crate::accounts::Source;
use crate::authenticator::Authenticator;
use crate::certificate::CertificateAuthenticator;
use crate::introspection::IntrospectionAuthenticator;
use crate::jwt::JwtAuthenticator;
use crate::ldap::LdapAuthenticator;
use crate::patterns::{self, Names};
use crate::plugin::PluginAuthenticator;
use crate::services::Services;
use crate::userinfo::UserInfoAuthenticator;

/// Largest authenticator file.
const MAX_FILE_BYTES: u64 = 1024 * 1024;
/// Most authenticators: bounds what one credential costs to screen.
const MAX_FILES: usize = 256;

/// A digest over all that an authenticator was built from.
pub(crate) type Fingerprint = [u8; 32];

/// A good file.
pub(crate) struct Made {
    /// The authenticator.
    pub(crate) authenticator: Box<dyn Authenticator>,
    /// The names it speaks for.
    pub(crate) names: Names,
    /// Who knows more of whomever it proves.
    pub(crate) source: Option<Source>,
    /// Equal when nothing changed.
    pub(crate) fingerprint: Fingerprint,
}

/// What building an authenticator came to; faults are noted in the section.
#[derive(Default)]
pub(crate) struct Built {
    /// `None` when there was a fault.
    pub(crate) authenticator: Option<Box<dyn Authenticator>>,
    /// Files beside the authenticator's, whether they could be read or not.
    pub(crate) watched: Vec<PathBuf>,
    /// What they held, for the fingerprint.
    pub(crate) content: Zeroizing<Vec<u8>>,
}

impl Built {
    /// Reads a file that the key of a section names, and remembers it.
    pub(crate) fn open(
        &mut self,
        section: &mut Section,
        key: &str,
        path: &Path,
        limit_bytes: u64,
        access: Access,
    ) -> Option<Zeroizing<Vec<u8>>> {
        let content = file::read(path, limit_bytes, access);
        self.watched.push(path.to_owned());
        let content = told(section, key, path, content)?;
        let digest = digest::digest(&digest::SHA256, &content);
        self.content.extend_from_slice(digest.as_ref());
        Some(content)
    }
}

/// Notes an error about a file that a key names.
pub(crate) fn told<T>(
    section: &mut Section,
    key: &str,
    path: &Path,
    result: Result<T, impl std::fmt::Display>,
) -> Option<T> {
    result
        .map_err(|error| section.fault(key, format!("{path:?} {error}")))
        .ok()
}

/// One file, good or not.
pub(crate) struct Read {
    /// The authenticator, or everything wrong.
    pub(crate) result: Result<Made, Vec<Fault>>,
    /// Files beside this one whose change means a reload.
    pub(crate) watched: Vec<PathBuf>,
}

/// The authenticator files of a directory, in the order of their names.
///
/// # Errors
/// When it cannot be listed or holds more than 256.
pub(crate) fn list(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    let unreadable =
        |error: std::io::Error| Error::from(warden_settings::Error::Unreadable(error.kind()));
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        let bytes = name.as_encoded_bytes();
        if bytes.ends_with(b".toml") && !bytes.starts_with(b".") {
            files.push(directory.join(&name));
        }
        if files.len() > MAX_FILES {
            return Err(Error::TooMany(MAX_FILES));
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// Reads one file; `None` when it was removed since it was listed.
pub(crate) fn read(path: &Path, services: &Services) -> Option<Read> {
    let failed = |fault| {
        Some(Read {
            result: Err(vec![fault]),
            watched: Vec::new(),
        })
    };
    let bytes = match file::read(path, MAX_FILE_BYTES, Access::Public) {
        Ok(bytes) => bytes,
        // A link that leads nowhere is still there, and an error.
        Err(warden_settings::Error::Unreadable(std::io::ErrorKind::NotFound))
            if fs::symlink_metadata(path).is_err() =>
        {
            return None;
        }
        Err(error) => return failed(Fault::of_file(error.to_string())),
    };
    Some(parse(path, &bytes, services))
}

/// Makes what the bytes of a file say; files it names are opened.
pub(crate) fn parse(path: &Path, bytes: &[u8], services: &Services) -> Read {
    match Section::parse(bytes) {
        Ok(section) => build(path, bytes, section, services),
        Err(fault) => Read {
            result: Err(vec![fault]),
            watched: Vec::new(),
        },
    }
}

fn build(path: &Path, bytes: &[u8], mut file: Section, services: &Services) -> Read {
    let Some(kind) = kind(&mut file) else {
        let _meant_for_another_type = file.rest();
        return Read {
            result: Err(file.finish()),
            watched: Vec::new(),
        };
    };
    let id = id(&mut file, path);
    let users = name_patterns(&mut file, "users");
    let not_users = name_patterns(&mut file, "not_users").unwrap_or_default();
    let named = [
        ("users", users.is_some()),
        ("not_users", !not_users.is_empty()),
    ];
    // Who asks a directory itself has its groups from there.
    let source = match kind {
        Method::Ldap => None,
        _ => Source::read(&mut file),
    };
    let directory = path.parent().unwrap_or(Path::new("."));
    let is_bound = users.is_some();
    let (file_ref, id) = (&mut file, id.as_ref());
    let built = match kind {
        Method::Jwt => JwtAuthenticator::build(file_ref, directory, id, services),
        Method::Certificate => CertificateAuthenticator::build(file_ref, directory, id),
        Method::Introspection => {
            IntrospectionAuthenticator::build(file_ref, directory, id, is_bound, services)
        }
        Method::Ldap => LdapAuthenticator::build(file_ref, directory, id, is_bound, services),
        Method::Plugin => PluginAuthenticator::build(file_ref, directory, id, is_bound, services),
        Method::UserInfo => {
            UserInfoAuthenticator::build(file_ref, directory, id, is_bound, services)
        }
    };
    let accounts = built
        .authenticator
        .as_ref()
        .and_then(|built| built.accounts());
    if accounts.is_some_and(|accounts| accounts.terms().serves_others) {
        for (key, _) in named.into_iter().filter(|(_, is_given)| *is_given) {
            file.fault(
                key,
                "is not for auth_mode = \"lookup\", which takes no credential",
            );
        }
    }
    let faults = file.finish();
    let result = match built.authenticator {
        Some(authenticator) if faults.is_empty() => Ok(Made {
            authenticator,
            names: Names::new(users, not_users),
            source,
            fingerprint: fingerprint(path, bytes, &built.content),
        }),
        _ => Err(faults),
    };
    Read {
        result,
        watched: built.watched,
    }
}

/// `type`.
fn kind(file: &mut Section) -> Option<Method> {
    let names = Method::names();
    let name: String = file.mandatory("type", &format!("one of {names}"))?;
    let kind = Method::named(&name);
    if kind.is_none() {
        file.fault("type", format!("must be one of {names}"));
    }
    kind
}

/// `id`, or the file's stem without a leading number and dash.
fn id(file: &mut Section, path: &Path) -> Option<AuthenticatorId> {
    let given = file.has("id");
    let text: String = if given {
        file.optional("id", "a string")?
    } else {
        let stem = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or_default();
        stem_without_number(stem).to_owned()
    };
    let id = AuthenticatorId::new(&text);
    if let Err(why) = id {
        let origin = if given { "" } else { " of the file's name" };
        file.fault(
            "id",
            format!("{}{origin} cannot be an id: {why}", quoted(&text)),
        );
    }
    id.ok()
}

fn stem_without_number(stem: &str) -> &str {
    let digits = stem.bytes().take_while(u8::is_ascii_digit).count();
    match stem.split_at_checked(digits) {
        Some((number, rest)) if !number.is_empty() => rest.strip_prefix('-').unwrap_or(stem),
        _ => stem,
    }
}

fn name_patterns(file: &mut Section, key: &str) -> Option<Vec<Pattern>> {
    let texts = file.strings(key)?;
    let mut patterns = Vec::new();
    for text in texts {
        match patterns::parse(&text) {
            Ok(pattern) => patterns.push(pattern),
            Err(why) => file.fault(key, why),
        }
    }
    Some(patterns)
}

fn fingerprint(path: &Path, file: &[u8], keys: &[u8]) -> Fingerprint {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in [path.as_os_str().as_encoded_bytes(), file, keys] {
        context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(part);
    }
    let mut fingerprint = [0; 32];
    for (to, from) in fingerprint.iter_mut().zip(context.finish().as_ref()) {
        *to = *from;
    }
    fingerprint
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leading_number_is_no_part_of_an_id() {
        for (stem, id) in [
            ("10-corp", "corp"),
            ("corp", "corp"),
            ("10corp", "10corp"),
            ("10-", ""),
            ("-x", "-x"),
            ("7", "7"),
        ] {
            assert_eq!(stem_without_number(stem), id);
        }
    }

    #[test]
    fn files_come_in_the_order_of_their_names_without_hidden_ones() {
        let directory = tempfile::tempdir().unwrap();
        for name in [
            "20-b.toml",
            "10-c.toml",
            ".x.toml",
            "a.txt",
            "a.toml~",
            "30-a.toml.swp",
        ] {
            fs::write(directory.path().join(name), "").unwrap();
        }
        let names: Vec<_> = list(directory.path()).unwrap();
        let names: Vec<_> = names
            .iter()
            .map(|path| path.file_name().unwrap().to_str().unwrap())
            .collect();
        assert_eq!(names, ["10-c.toml", "20-b.toml"]);
    }
}
