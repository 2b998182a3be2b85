//! What a file of `type = "plugin"` says.
//!
//! In comes the file; out go checked settings and, apart from them, what the plugin is
//! started with: properties as JSON, and the content of the files that are named.

use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_lc_rs::digest;
use toml::Value;
use warden_core::plugin::Setup;
use warden_core::{AuthenticatorId, Secret};
use warden_settings::{Access, Section};

use crate::directory::Built;
use crate::mapping::Mapping;
use crate::terms::{self, Terms};

/// Largest `component`: as a policy's.
const MAX_COMPONENT_BYTES: u64 = 32 << 20;
/// Largest of `property_files`.
const MAX_PROPERTY_FILE_BYTES: u64 = 16 << 20;
/// Most of `property_files`.
const MAX_PROPERTY_FILES: usize = 16;

/// What is done with credentials and answers.
pub(super) struct Settings {
    pub(super) mapping: Mapping,
    pub(super) terms: Terms,
    /// Longest time of a session, whatever the plugin says.
    pub(super) lifetime: Duration,
}

impl Settings {
    /// Takes what does not concern the plugin itself out of a file.
    pub(super) fn read(file: &mut Section, is_bound: bool) -> Self {
        let (mapping, ()) = Mapping::read(file, |_| ());
        Self {
            mapping,
            terms: Terms::read(file, is_bound),
            lifetime: terms::lifetime(file),
        }
    }
}

/// Takes what the plugin is started with out of a file, and opens the files it names.
pub(super) fn setup(
    file: &mut Section,
    built: &mut Built,
    directory: &Path,
    id: Option<&AuthenticatorId>,
) -> Option<Setup> {
    let properties = properties(file);
    let paths = property_paths(file);
    let component: Option<PathBuf> = file.mandatory("component", "the path of a .wasm file");
    let wasm = component.and_then(|path| {
        let path = directory.join(path);
        built.open(
            file,
            "component",
            &path,
            MAX_COMPONENT_BYTES,
            Access::Public,
        )
    });
    let mut section = file.section("property_files");
    let mut files = Vec::new();
    for (name, path) in paths {
        let path = directory.join(path);
        let limit = MAX_PROPERTY_FILE_BYTES;
        if let Some(mut content) = built.open(&mut section, &name, &path, limit, Access::Secret) {
            files.push((name, Secret::new(std::mem::take(&mut *content))));
        }
    }
    file.close(section);
    let content = content(&properties, &files, &built.content);
    Some(Setup {
        id: id?.clone(),
        wasm: wasm?.as_slice().into(),
        properties,
        files,
        content,
    })
}

/// A digest over all that the plugin is started with; `contents` has one of each file.
fn content(
    properties: &[(String, String)],
    files: &[(String, Secret<Vec<u8>>)],
    contents: &[u8],
) -> Vec<u8> {
    let mut context = digest::Context::new(&digest::SHA256);
    let mut add = |part: &[u8]| {
        context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(part);
    };
    for (name, json) in properties {
        add(name.as_bytes());
        add(json.as_bytes());
    }
    for (name, _) in files {
        add(name.as_bytes());
    }
    add(contents);
    context.finish().as_ref().to_vec()
}

/// `[properties]`: names, and values as JSON.
fn properties(file: &mut Section) -> Vec<(String, String)> {
    let mut section = file.section("properties");
    let mut properties = Vec::new();
    for (name, value) in section.rest() {
        match json(value) {
            Some(value) => properties.push((name, value.to_string())),
            None => section.fault(&name, "holds a number that JSON has no word for"),
        }
    }
    file.close(section);
    properties
}

/// A TOML value as JSON; dates become strings. `None` for infinities and what is no number.
fn json(value: Value) -> Option<serde_json::Value> {
    use serde_json::Value as Json;
    Some(match value {
        Value::String(text) => Json::String(text),
        Value::Integer(number) => number.into(),
        Value::Float(number) => Json::Number(serde_json::Number::from_f64(number)?),
        Value::Boolean(is) => Json::Bool(is),
        Value::Datetime(date) => Json::String(date.to_string()),
        Value::Array(items) => Json::Array(items.into_iter().map(json).collect::<Option<_>>()?),
        Value::Table(table) => Json::Object(
            table
                .into_iter()
                .map(|(name, value)| Some((name, json(value)?)))
                .collect::<Option<_>>()?,
        ),
    })
}

/// `[property_files]`: names, and paths.
fn property_paths(file: &mut Section) -> Vec<(String, PathBuf)> {
    let mut section = file.section("property_files");
    let entries = section.rest();
    if entries.len() > MAX_PROPERTY_FILES {
        file.fault(
            "property_files",
            format!("names more than {MAX_PROPERTY_FILES} files"),
        );
        return Vec::new();
    }
    let mut paths = Vec::new();
    for (name, path) in entries {
        match path {
            Value::String(path) => paths.push((name, path.into())),
            _ => section.fault(&name, "must be the path of a file"),
        }
    }
    file.close(section);
    paths
}
