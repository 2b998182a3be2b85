//! The schema of a policy's data: a JSON Schema, and TOML files held to it.
//!
//! In: the text a component carries, and the bytes of a data file. Out: what is wrong,
//! each with its line, its key and what is accepted. Nothing is fetched: a schema that
//! needs another document is none.

mod document;
mod words;

use std::error::Error;

use boon::{CompileError, Compiler, Draft, SchemaIndex, Schemas, UrlLoader, ValidationError};
use serde_json::Value;

use self::document::Document;
use self::words::Leaf;

/// What the schema is called where its library wants an address.
const ADDRESS: &str = "warden:/data-schema";
/// Mistakes of one file that are told; further ones are counted.
const MAX_TOLD: usize = 50;

/// A schema that data can be held to.
pub(super) struct Schema {
    text: Value,
    compiled: Schemas,
    whole: SchemaIndex,
}

/// No document but the schema itself.
struct Nothing;

impl UrlLoader for Nothing {
    fn load(&self, _url: &str) -> Result<Value, Box<dyn Error>> {
        Err("a data schema stands for itself: no other document is read".into())
    }
}

impl Schema {
    /// Reads a schema.
    ///
    /// # Errors
    /// When it is no JSON Schema, in one line.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let text: Value =
            serde_json::from_str(text).map_err(|error| format!("is not JSON: {error}"))?;
        let mut compiler = Compiler::new();
        compiler.set_default_draft(Draft::V2020_12);
        compiler.enable_format_assertions();
        compiler.use_loader(Box::new(Nothing));
        let mut compiled = Schemas::new();
        let told =
            |error: CompileError| format!("is no JSON Schema: {}", one_line(&format!("{error:#}")));
        compiler.add_resource(ADDRESS, text.clone()).map_err(told)?;
        let whole = compiler.compile(ADDRESS, &mut compiled).map_err(told)?;
        Ok(Self {
            text,
            compiled,
            whole,
        })
    }

    /// What of a TOML file is not as the schema says, each with its place, in the order
    /// of the file.
    pub(super) fn mistakes(&self, bytes: &[u8]) -> Vec<String> {
        let document = match Document::read(bytes) {
            Ok(document) => document,
            Err(mistakes) => return mistakes,
        };
        let Err(error) = self.compiled.validate(&document.json, self.whole) else {
            return Vec::new();
        };
        let mut leaves = Vec::new();
        self.gather(&error, &mut leaves);
        let mut mistakes: Vec<(usize, String)> = leaves
            .into_iter()
            .map(|leaf| {
                let line = document.line(&leaf.path);
                let says = one_line(&leaf.says);
                let key = document::written(&leaf.path);
                let text = match key.is_empty() {
                    true => format!("line {line}: {says}"),
                    false => format!("line {line}: {key}: {says}"),
                };
                (line, text)
            })
            .collect();
        mistakes.sort();
        mistakes.dedup();
        let more = mistakes.len().saturating_sub(MAX_TOLD);
        let told = mistakes.into_iter().map(|(_, text)| text).take(MAX_TOLD);
        told.chain((more > 0).then(|| format!("and {more} more mistakes")))
            .collect()
    }

    /// The errors that say something themselves.
    fn gather(&self, error: &ValidationError<'_, '_>, leaves: &mut Vec<Leaf>) {
        if words::is_frame(&error.kind) {
            for cause in &error.causes {
                self.gather(cause, leaves);
            }
        } else {
            leaves.extend(words::told(error, self));
        }
    }

    /// The subschema an error is of; its address is a JSON Pointer into the text.
    fn part(&self, address: &str) -> Option<&Value> {
        let (_, pointer) = address.split_once('#')?;
        let pointer = percent_encoding::percent_decode_str(pointer);
        self.text.pointer(&pointer.decode_utf8().ok()?)
    }
}

/// Outside text on one line, with what cannot be printed escaped.
fn one_line(text: &str) -> String {
    let mut line = String::new();
    for (place, part) in text.lines().enumerate() {
        if place > 0 {
            line.push(' ');
        }
        for character in part.trim().chars() {
            match character {
                '"' | '\'' | '\\' => line.push(character),
                _ => line.extend(character.escape_debug()),
            }
        }
    }
    line
}

#[cfg(test)]
mod tests;
