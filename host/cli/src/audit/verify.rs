//! `warden audit verify`: whether records are whole.
//!
//! In: files of one sink in their order, and public keys. Out: that nothing is missing,
//! changed, moved or cut off, and what no file can tell; or the first record that is not as it
//! was written. No is an answer, not an error.

mod entry;
mod judge;
mod problem;
mod report;
mod trail;

use std::path::{Path, PathBuf};

use clap::Args;
use warden_audit::checkpoint::PublicKey;
use warden_audit::{Format, chain};

use super::FormatName;
use super::lines::{Line, Lines, guess, is_header};
use crate::error::Error;
use crate::output::Output;
use entry::Entry;
use trail::{Before, Known, Trail};

/// Which files, and what is known of them.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Files of one sink, oldest first; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How records are written; without it, the first line tells.
    #[arg(long, value_enum)]
    format: Option<FormatName>,
    /// Who may have signed checkpoints: a public key in PEM, or its 64 hexadecimal digits. May
    /// be given several times.
    #[arg(long = "public-key", value_name = "KEY")]
    public_keys: Vec<String>,
    /// Which server must have written the records: 40 hexadecimal digits.
    #[arg(long, value_name = "HEX", value_parser = node)]
    node: Option<String>,
    /// What an earlier run showed as its end: this record must be there, or be followed by the
    /// first.
    #[arg(long, value_name = "SEQUENCE:CHAIN", value_parser = seen)]
    seen: Option<Before>,
    /// Answer as JSON.
    #[arg(long)]
    json: bool,
}

fn node(text: &str) -> Result<String, String> {
    match chain::read_hex::<20>(text.as_bytes()) {
        Some(_) => Ok(text.to_owned()),
        None => Err("write the 40 hexadecimal digits that records have as their node".to_owned()),
    }
}

fn seen(text: &str) -> Result<Before, String> {
    let parts = text.split_once(':');
    let seen = parts.and_then(|(sequence, value)| {
        Some(Before {
            sequence: sequence.parse().ok()?,
            value: chain::read_hex(value.as_bytes())?,
        })
    });
    seen.ok_or_else(|| "write the number and the 64 digits that a run ended with".to_owned())
}

/// Verifies the files.
pub(crate) fn run(arguments: &Arguments) -> Result<Output, Error> {
    let keys = arguments.public_keys.iter().map(|key| public_key(key));
    let known = Known {
        keys: keys.collect::<Result<_, _>>()?,
        node: arguments.node.clone(),
        seen: arguments.seen,
    };
    let mut source = Source {
        lines: Lines::of(&arguments.files)?,
        format: arguments.format.map(Format::from),
        line: Line::default(),
    };
    let mut trail = Trail::new(known);
    let problem = walk(&mut source, &mut trail)?;
    let report = report::Report {
        format: source.format,
        trail: &trail,
        problem: problem.as_ref(),
    };
    Ok(Output {
        text: if arguments.json {
            format!("{:#}\n", report.document())
        } else {
            report.text()
        },
        is_valid: problem.is_none(),
    })
}

/// Follows the records up to the first that is not right.
fn walk(source: &mut Source, trail: &mut Trail) -> Result<Option<problem::Problem>, Error> {
    let mut current = source.entry()?;
    while let Some(entry) = current {
        let following = source.entry()?;
        if let Err(wrong) = trail.step(&entry, following.is_none()) {
            let judged = judge::judge(wrong, trail, entry, following, source)?;
            return Ok(Some(judged));
        }
        current = following;
    }
    Ok(trail.end())
}

/// Records of files, one by one.
struct Source {
    lines: Lines,
    format: Option<Format>,
    line: Line,
}

impl Source {
    /// The next record, or line that is none; headers are passed over.
    fn entry(&mut self) -> Result<Option<Entry>, Error> {
        while self.lines.read(&mut self.line)? {
            let format = match self.format {
                Some(format) => format,
                None => *self.format.insert(guess(&self.line).ok_or_else(|| {
                    let place = &self.line.place;
                    Error::Records(format!(
                        "{:?}: its first line is of no format; give --format if it was changed",
                        place.file
                    ))
                })?),
            };
            if !is_header(format, &self.line) {
                return Ok(Some(Entry::read(format, std::mem::take(&mut self.line))));
            }
        }
        Ok(None)
    }
}

/// A key by its digits, or else the file of that name.
fn public_key(word: &str) -> Result<PublicKey, Error> {
    match PublicKey::from_hex(word) {
        Some(key) => Ok(key),
        None => PublicKey::read(Path::new(word)).map_err(|why| Error::Records(why.to_string())),
    }
}
