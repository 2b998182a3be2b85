//! Where records go: `type` and the keys that belong to it.

use std::path::{Path, PathBuf};

use warden_settings::Section;

use super::table::{self, KEYS};
use super::{Destination, file, network};

/// Reads it; `None` after a fault.
pub(super) fn read(section: &mut Section, directory: &Path) -> Option<Destination> {
    let kind = table::word(section, "type");
    if kind.is_empty() {
        // Nobody knows what its keys mean: they are no faults.
        for key in KEYS.iter().filter(|key| key.of != table::For::All) {
            let _: Option<toml::Value> = section.optional(key.name, "there");
        }
        return None;
    }
    for key in KEYS.iter().filter(|key| !key.of.types().contains(&kind)) {
        if section.has(key.name) {
            let _: Option<toml::Value> = section.optional(key.name, "there");
            let types = key.of.types().join(" or ");
            section.fault(
                key.name,
                format!("is for type = {types}, and this is {kind}"),
            );
        }
    }
    match kind {
        "syslog" => network::syslog(section, directory).map(Destination::Syslog),
        "tcp" => network::tcp(section, directory).map(Destination::Tcp),
        _ => file::read(section).map(Destination::File),
    }
}

/// The path of something that this machine writes to.
pub(super) fn absolute(section: &mut Section, key: &str, text: &str) -> Option<PathBuf> {
    let path = PathBuf::from(text);
    if !path.is_absolute() || text.ends_with('/') || text.contains('\0') {
        section.fault(key, "must be an absolute path of a file");
        return None;
    }
    Some(path)
}

/// The path of a file that is read when the sink is made: absolute, or from the directory of
/// the sink's file.
pub(super) fn named_file(section: &mut Section, key: &str, directory: &Path) -> Option<PathBuf> {
    let text: String = section.optional(key, "the path of a file")?;
    if text.is_empty() || text.ends_with('/') || text.contains('\0') {
        section.fault(key, "must be the path of a file");
        return None;
    }
    Some(directory.join(text))
}
