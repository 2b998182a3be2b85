//! What the authenticator's file says to the plugin.
//!
//! In: names with JSON texts, and files. Out: values of the asked shape, or words that
//! name the property that is at fault.

mod reader;

use std::fmt;

use serde::de::DeserializeOwned;

use crate::{Error, File};

/// `[properties]` and `[property_files]` of the authenticator's file.
///
/// ```
/// use serde::Deserialize;
/// use warden_plugin::{File, Properties};
///
/// #[derive(Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct Settings {
///     realm: String,
///     #[serde(default)]
///     strict: bool,
/// }
///
/// let properties = Properties::new().with("realm", "eu").with_file(File::new("keys", "…"));
/// let settings: Settings = properties.parse()?;
/// assert_eq!((settings.realm.as_str(), settings.strict), ("eu", false));
/// assert_eq!(properties.file("keys").unwrap().name(), "keys");
///
/// let wrong = properties.with("srict", true).parse::<Settings>();
/// assert_eq!(
///     wrong.err().unwrap().to_string(),
///     "properties: unknown field `srict`, expected `realm` or `strict`"
/// );
/// # Ok::<(), warden_plugin::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties {
    pub(crate) values: Vec<Property>,
    pub(crate) files: Vec<File>,
}

/// One property: a name and its JSON text, which `Debug` does not show.
#[derive(Clone, PartialEq, Eq)]
pub struct Property {
    pub(crate) name: String,
    pub(crate) json: String,
}

impl Property {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value as JSON text.
    pub fn json(&self) -> &str {
        &self.json
    }
}

impl fmt::Debug for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Property")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Properties {
    /// No properties and no files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a property for a native test.
    pub fn with(mut self, name: impl Into<String>, value: impl Into<serde_json::Value>) -> Self {
        self.values.push(Property {
            name: name.into(),
            json: value.into().to_string(),
        });
        self
    }

    /// Adds a file for a native test.
    pub fn with_file(mut self, file: File) -> Self {
        self.files.push(file);
        self
    }

    /// Reads all properties as one object.
    ///
    /// Dates of the authenticator's file arrive as texts. A struct with
    /// `#[serde(deny_unknown_fields)]` tells the operator about a misspelt name. The
    /// words of an error may quote a value, so a secret belongs into a file.
    ///
    /// # Errors
    /// The first property that is missing, unknown or of another shape.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, Error> {
        reader::read(&self.values)
    }

    /// Refuses every property and file that is not named here: what a plugin overlooks
    /// may have been meant to narrow what it lets in.
    ///
    /// # Errors
    /// The first that is not named, with those that are.
    ///
    /// ```
    /// use warden_plugin::Properties;
    /// let properties = Properties::new().with("realm", "eu");
    /// assert!(properties.only(&["realm"], &["keys"]).is_ok());
    /// let error = properties.only(&[], &["keys"]).unwrap_err();
    /// assert_eq!(error.to_string(), r#"property "realm" is not known: the plugin takes none"#);
    /// ```
    pub fn only(&self, values: &[&str], files: &[&str]) -> Result<(), Error> {
        let unknown = |kind, name: &str, known: &[&str]| Error::Unknown {
            kind,
            name: name.to_owned(),
            known: match known {
                [] => "the plugin takes none".to_owned(),
                known => format!("the plugin takes {}", known.join(", ")),
            },
        };
        if let Some(value) = self.values.iter().find(|v| !values.contains(&v.name())) {
            return Err(unknown("property", value.name(), values));
        }
        match self.files.iter().find(|f| !files.contains(&f.name())) {
            Some(file) => Err(unknown("property file", file.name(), files)),
            None => Ok(()),
        }
    }

    /// All properties.
    pub fn values(&self) -> &[Property] {
        &self.values
    }

    /// The JSON text of one property.
    pub fn json(&self, name: &str) -> Option<&str> {
        let value = self.values.iter().find(|value| value.name == name)?;
        Some(value.json())
    }

    /// All files.
    pub fn files(&self) -> &[File] {
        &self.files
    }

    /// The file that `[property_files]` has under this key.
    pub fn file(&self, name: &str) -> Option<&File> {
        self.files.iter().find(|file| file.name() == name)
    }

    /// As [`Self::file`], for a file that must be given.
    ///
    /// # Errors
    /// [`Error::NoFile`] when it is not.
    pub fn required_file(&self, name: &str) -> Result<&File, Error> {
        self.file(name).ok_or_else(|| Error::NoFile {
            name: name.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_neither_values_nor_content() {
        let properties = Properties::new()
            .with("pepper", "hunter2")
            .with_file(File::new("keys", "hunter3"));
        let text = format!("{properties:?}");
        assert!(text.contains("pepper") && text.contains("keys"), "{text}");
        assert!(!text.contains("hunter"), "{text}");
    }

    #[test]
    fn what_is_not_known_is_refused_by_its_name() {
        let properties = Properties::new()
            .with("realm", 1)
            .with_file(File::new("keys", ""));
        let error = |values: &[&str], files: &[&str]| {
            properties.only(values, files).unwrap_err().to_string()
        };
        assert_eq!(
            error(&["a", "b"], &["keys"]),
            r#"property "realm" is not known: the plugin takes a, b"#
        );
        assert_eq!(
            error(&["realm"], &[]),
            r#"property file "keys" is not known: the plugin takes none"#
        );
    }

    #[test]
    fn a_file_that_must_be_given_is_named_when_it_is_not() {
        let error = Properties::new().required_file("keys").unwrap_err();
        assert_eq!(String::from(error), r#"[property_files] must name "keys""#);
        assert_eq!(Properties::new().file("keys"), None);
    }
}
