//! The report of a run: what every program measured, on one page.
//!
//! In: the folder that they wrote their [`Document`]s into, and criterion's. Out: `report.json`
//! with everything, `report.md` and `report.html` with what was asked for, a table for each part,
//! and plots: criterion's own of what was measured inside one process, one of every pair's ratio
//! for what was measured end to end.

mod machine;
mod plot;
mod rooms;
mod tables;

use std::path::Path;
use std::{fs, io};

use minijinja::{Environment, context};
use serde::Serialize;

use crate::figures::Document;
pub use machine::Machine;
use tables::{Asked, Table};

/// Everything that was measured, and where.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Where and what.
    pub machine: Machine,
    /// What each program measured.
    pub documents: Vec<Document>,
}

impl Report {
    /// Gathers what is in `folder`, and what criterion wrote into `criterion`.
    ///
    /// # Errors
    /// When a document cannot be read.
    pub fn gather(folder: &Path, criterion: &Path) -> io::Result<Self> {
        let mut documents = vec![rooms::read(criterion)?];
        let mut files: Vec<_> = fs::read_dir(folder)?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| {
                path.extension()
                    .is_some_and(|extension| extension == "json")
            })
            .filter(|path| path.file_stem().is_none_or(|stem| stem != "report"))
            .collect();
        files.sort();
        for file in files {
            documents.push(Document::read(&file)?);
        }
        Ok(Self {
            machine: Machine::this(),
            documents,
        })
    }

    /// Writes `report.json`, `report.md` and `report.html` into `folder`.
    ///
    /// # Errors
    /// When one cannot be written.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        let json = serde_json::to_string_pretty(self)?;
        fs::write(folder.join("report.json"), json + "\n")?;
        for (name, template) in [
            ("report.md", include_str!("report/report.md.jinja")),
            ("report.html", include_str!("report/report.html.jinja")),
        ] {
            let page = self.page(name, template).map_err(io::Error::other)?;
            fs::write(folder.join(name), page)?;
        }
        Ok(())
    }

    /// `name` says by its ending what must be escaped.
    fn page(&self, name: &str, template: &str) -> Result<String, minijinja::Error> {
        let mut environment = Environment::new();
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        environment.add_template(name, template)?;
        let tables: Vec<Table> = self.documents.iter().flat_map(Table::all).collect();
        let asked: Vec<Asked> = self.documents.iter().flat_map(Asked::all).collect();
        environment.get_template(name)?.render(context! {
            machine => self.machine,
            asked,
            tables,
        })
    }
}
