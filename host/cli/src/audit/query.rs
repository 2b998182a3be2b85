//! `warden audit query`: the records that somebody asks for.
//!
//! In: files and filters, all of which must hold. Out: a table, or one JSON object a line,
//! written as they are found. It does not verify them: that is what `verify` is for.

mod filter;
mod shown;

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use clap::Args;
use warden_audit::Format;

use super::FormatName;
use super::lines::{Line, Lines, Place, guess, is_header};
use crate::error::Error;
use crate::output::{self, Output};
use filter::Filter;

/// Which records, of which files.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Files of records, oldest first; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How records are written; without it, the first line tells.
    #[arg(long, value_enum)]
    format: Option<FormatName>,
    #[command(flatten)]
    filter: Filter,
    /// One JSON object a line, with the names that records have in JSON.
    #[arg(long)]
    json: bool,
}

/// Lines that are no records.
#[derive(Default)]
struct Unread {
    count: u64,
    first: Option<(Place, String)>,
}

/// Writes what is asked for, as it is found.
pub(crate) fn run(arguments: &Arguments) -> Result<Output, Error> {
    let mut out = BufWriter::new(io::stdout().lock());
    let unread = match search(arguments, &mut out) {
        Ok(unread) => unread,
        // Whoever read it has seen enough.
        Err(Error::Stream(error)) if error.kind() == io::ErrorKind::BrokenPipe => Unread::default(),
        Err(error) => return Err(error),
    };
    match unread.first {
        None => Ok(Output::good(String::new())),
        Some((Place { file, line }, why)) => Err(Error::Records(format!(
            "{} of these lines cannot be read as records, the first at {file:?}, line {line}: it \
             {why}; warden audit verify tells more",
            unread.count
        ))),
    }
}

fn search(arguments: &Arguments, out: &mut impl Write) -> Result<Unread, Error> {
    let mut lines = Lines::of(&arguments.files)?;
    let mut line = Line::default();
    let mut unread = Unread::default();
    let mut format = arguments.format.map(Format::from);
    let mut is_headed = arguments.json;
    while lines.read(&mut line)? {
        format = format.or_else(|| guess(&line));
        let fields = match format {
            Some(format) if is_header(format, &line) => continue,
            Some(_) if line.is_too_long => Err("is longer than a line may be".to_owned()),
            Some(format) => format.read(&line.bytes).map_err(|why| format!("is {why}")),
            None => Err("is of no format".to_owned()),
        };
        match fields {
            Ok(fields) if arguments.filter.takes(&fields) => {
                if !is_headed {
                    writeln!(out, "{}", shown::head())?;
                    is_headed = true;
                }
                let text = if arguments.json {
                    shown::object(&fields)
                } else {
                    shown::row(&fields)
                };
                writeln!(out, "{}", output::shown(&text))?;
            }
            Ok(_) => {}
            Err(why) => {
                unread.count = unread.count.saturating_add(1);
                unread.first.get_or_insert((line.place.clone(), why));
            }
        }
    }
    out.flush()?;
    Ok(unread)
}
