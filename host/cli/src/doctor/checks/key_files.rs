//! Authenticator files, and the files they name: keys, secrets, authorities, plugins.

use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::doctor::facts::Facts;
use crate::doctor::finding::{Check, Outcome, Untold};
use crate::doctor::place;
use crate::doctor::server::Told;

pub(super) static KEY_FILES: Check = Check {
    name: "key-files",
    why: "Whoever can write one of them decides who is let in, and so may whoever can read a secret.",
    look: key_files,
};

/// Keys of an authenticator file, and of its tables, that name a file. What else they hold
/// is the module's to complain about.
const FILES: [&str; 6] = [
    "ca_file",
    "client_certificate_file",
    "component",
    "crl_files",
    "jwks_file",
    "key_file",
];

/// Those that name a secret.
const SECRETS: [&str; 4] = [
    "bearer_token_file",
    "client_key_file",
    "client_secret_file",
    "secret_file",
];

/// The table whose every key names a secret.
const SECRET_TABLE: &str = "property_files";

/// Largest authenticator file that the module reads, in bytes.
const MAX_BYTES: u64 = 1 << 20;

fn key_files(facts: &Facts) -> Result<Outcome, Untold> {
    let directory = facts.warden_setting("authenticator_dir")?;
    if directory.is_empty() {
        return Ok(Outcome::good("none, for authenticator_dir is empty"));
    }
    let user = facts.machine.user()?;
    let mut outcome = Outcome::new();
    let mut count: usize = 0;
    for path in authenticators(Path::new(directory))? {
        place::file(&mut outcome, &path, false, user)?;
        // What is not TOML is the module's to complain about.
        let Some(table) = read(&path)? else { continue };
        for (file, is_secret) in named(&table) {
            // An absolute path replaces the directory.
            let file = Path::new(directory).join(file);
            place::file(&mut outcome, &file, is_secret, user)?;
            count += 1;
        }
    }
    Ok(outcome.or_good(format!("{count} of them, as they should be")))
}

/// The files that a table and the tables in it name, and whether each is a secret.
fn named(table: &Table) -> Vec<(&str, bool)> {
    let mut files = Vec::new();
    for (key, value) in table {
        let is_secret = SECRETS.contains(&key.as_str());
        match value {
            Value::Table(inner) if key == SECRET_TABLE => {
                files.extend(inner.values().flat_map(texts).map(|file| (file, true)));
            }
            // What an operator calls the properties of a plugin says nothing about them.
            Value::Table(_) if key == "properties" => {}
            Value::Table(inner) => files.extend(named(inner)),
            value if is_secret || FILES.contains(&key.as_str()) => {
                files.extend(texts(value).into_iter().map(|file| (file, is_secret)));
            }
            _ => {}
        }
    }
    files
}

/// A text, or those of a list.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        value => value.as_str().into_iter().collect(),
    }
}

/// `NAME.toml`, as the module picks them.
fn authenticators(directory: &Path) -> Told<Vec<PathBuf>> {
    let failed = |error: std::io::Error| {
        Untold::new(
            format!("{directory:?}: {error}"),
            "run warden doctor as root or as the server's user",
        )
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let is_hidden = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !is_hidden
            && path
                .extension()
                .is_some_and(|extension| extension == "toml")
        {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn read(path: &Path) -> Told<Option<Table>> {
    let failed = |error: std::io::Error| {
        Untold::new(
            format!("{path:?}: {error}"),
            "run warden doctor as root or as the server's user",
        )
    };
    let metadata = fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() || metadata.len() > MAX_BYTES {
        return Ok(None);
    }
    let bytes = fs::read(path).map_err(failed)?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(toml::from_str(&text).ok())
}

#[cfg(test)]
mod tests {
    use super::super::tests::expect;
    use super::*;
    use crate::doctor::finding::Rank;
    use crate::doctor::machine::Machine;
    use std::fs::Permissions;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    fn write(path: &Path, text: &str, mode: u32) {
        fs::write(path, text).unwrap();
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn each_file_is_found_and_held_to_its_rule() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let facts = || Facts {
            machine: Machine::Here {
                user: fs::metadata(directory.path()).unwrap().uid(),
            },
            ..Facts::sound().with(
                "warden.authenticator_dir",
                directory.path().to_str().unwrap(),
            )
        };
        write(&at("keys.json"), "{}", 0o644);
        write(&at("secret"), "x", 0o600);
        write(
            &at("10-a.toml"),
            "type = \"jwt\"\njwks_file = \"keys.json\"\n",
            0o644,
        );
        write(
            &at("20-b.toml"),
            "secret_file = \"secret\"\n[claims]\nname = 1\n",
            0o644,
        );
        write(&at(".30-c.toml"), "secret_file = \"none\"\n", 0o644);
        write(&at("broken.toml"), "= =", 0o644);
        expect(&KEY_FILES, &facts(), Rank::Ok, "2 of them");

        write(
            &at("40-d.toml"),
            "component = \"keys.json\"\ncrl_files = [\"keys.json\"]\n[property_files]\nlist = \"secret\"\n\
             [properties]\nkey_file = \"none\"\n[endpoint]\nca_file = \"keys.json\"\nclient_key_file = \"secret\"\n",
            0o644,
        );
        expect(&KEY_FILES, &facts(), Rank::Ok, "7 of them");
        write(&at("secret"), "x", 0o604);
        expect(&KEY_FILES, &facts(), Rank::Problem, "is a secret");
        write(&at("secret"), "x", 0o600);

        write(&at("keys.json"), "{}", 0o666);
        expect(
            &KEY_FILES,
            &facts(),
            Rank::Problem,
            "keys.json\" can be written by everyone",
        );
        write(&at("keys.json"), "{}", 0o644);
        write(&at("secret"), "x", 0o644);
        expect(
            &KEY_FILES,
            &facts(),
            Rank::Problem,
            "secret\" is a secret and can be read",
        );
        fs::remove_file(at("secret")).unwrap();
        expect(&KEY_FILES, &facts(), Rank::Problem, "secret\" is not there");
        write(&at("secret"), "x", 0o600);
        write(&at("10-a.toml"), "", 0o646);
        expect(
            &KEY_FILES,
            &facts(),
            Rank::Problem,
            "10-a.toml\" can be written",
        );
    }
}
