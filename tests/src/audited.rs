//! A scene that is audited: sinks in a directory, and what they wrote.
//!
//! In: lines of a sink's file. Out: a server whose sink `file` writes JSON, and the records in
//! it. A record is waited for; that there is none is asked after one that came later.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;

use crate::connection::Connection;
use crate::directory::Directory;
use crate::parts::Line;
use crate::patience::eventually;
use crate::scene::{Scene, SceneBuilder};

/// An audited scene.
pub struct Audited {
    /// The server, with authenticators and policies.
    pub scene: Scene,
    /// `audit_dir`.
    pub sinks: Directory,
    /// What sink `file` writes to.
    pub file: PathBuf,
    directory: TempDir,
}

/// One record.
#[derive(Clone, Debug)]
pub struct AuditRecord(pub Value);

impl AuditRecord {
    /// A field as text; empty where it is absent.
    pub fn text(&self, field: &str) -> String {
        match &self.0[field] {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        }
    }

    /// Whether the field has this text.
    pub fn is(&self, field: &str, text: &str) -> bool {
        self.text(field) == text
    }

    /// Whether every field has its text.
    pub fn has(&self, fields: &[(&str, &str)]) -> bool {
        fields.iter().all(|(field, text)| self.is(field, text))
    }
}

impl Audited {
    /// A scene with sink `file`, which has these lines besides.
    pub fn start(line: Line, lines: &str) -> Self {
        Self::build(lines, Scene::builder(line))
    }

    /// The same, of a scene in the making.
    pub fn build(lines: &str, builder: SceneBuilder) -> Self {
        Self::build_beside(lines, &[], builder)
    }

    /// The same, with other sinks beside it: their names and whole files. They are in force
    /// before the first command; one that is added later is so some time after INFO has it.
    pub fn build_beside(lines: &str, others: &[(&str, &str)], builder: SceneBuilder) -> Self {
        let directory = tempfile::Builder::new()
            .prefix("warden-audited-")
            .tempdir()
            .expect("a temporary directory");
        let sinks = Directory::create(directory.path().join("audit"));
        let file = directory.path().join("audit.log");
        sinks.replace("10-file.toml", sink(&file, lines));
        for (name, text) in others {
            sinks.replace(&format!("{name}.toml"), text);
        }
        let path = sinks.path().display().to_string();
        let builder = builder.module_args(["audit_dir", &path]);
        let state = directory.path().join("state");
        crate::parts::state_of_its_own(&state);
        let state = state.display().to_string();
        let builder = builder.own_state().module_args(["state_dir", &state]);
        let builder = builder.server(crate::ServerBuilder::protected_configs);
        Self {
            scene: builder.start(),
            sinks,
            file,
            directory,
        }
    }

    /// A path beside the sink's file.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Sink `file` with other lines, from now on.
    pub fn change(&self, lines: &str) {
        self.sinks.replace("10-file.toml", sink(&self.file, lines));
    }

    /// Every record in the file so far; each line must be one.
    pub fn records(&self) -> Vec<AuditRecord> {
        let text = fs::read_to_string(&self.file).unwrap_or_default();
        // The last line may just be being written.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(record).collect()
    }

    /// Waits for a record with these fields.
    #[track_caller]
    pub fn wait_for(&self, fields: &[(&str, &str)]) -> AuditRecord {
        let found = crate::patience::within(crate::patience::PATIENCE, || {
            self.records().into_iter().find(|record| record.has(fields))
        });
        found.unwrap_or_else(|| {
            let all = fs::read_to_string(&self.file).unwrap_or_default();
            panic!("no record {fields:?} in:\n{all}")
        })
    }

    /// All records up to one that is made now.
    #[track_caller]
    pub fn records_so_far(&self) -> Vec<AuditRecord> {
        let number = self.records().len();
        let mark = format!("mark:{number}:{:?}", std::time::Instant::now());
        // A failure is recorded whatever the sink's mode; on 8.0 the arrival is.
        self.scene.server.admin().call(["LPUSH", &mark]);
        self.scene.server.admin().call(["CONFIG", "GET", &mark]);
        eventually("the mark is recorded", || {
            let records = self.records();
            let end = records.iter().position(|record| {
                let arguments = record.text("warden.arguments");
                arguments.contains(&mark) || record.text("warden.key").contains(&mark)
            });
            end.map(|end| records[..end].to_vec())
        })
    }

    /// A field of what INFO says of sink `file`.
    pub fn status(&self, field: &str) -> String {
        Self::status_by(&mut self.scene.server.admin(), field)
    }

    /// The same, asked on a connection that is there: while log-ins are refused.
    pub fn status_by(admin: &mut Connection, field: &str) -> String {
        sink_status(admin, "file", field)
    }
}

/// A field of what INFO says of a sink.
///
/// # Panics
/// When there is no such sink or field.
pub fn sink_status(admin: &mut Connection, sink: &str, field: &str) -> String {
    let info = admin.run("INFO warden").text();
    let prefix = format!("warden_audit_sink_{sink}:");
    let line = info.lines().find_map(|line| line.strip_prefix(&prefix));
    let line = line.expect("the sink is in INFO");
    let mut pairs = line.split(',');
    let value = pairs.find_map(|pair| pair.strip_prefix(field)?.strip_prefix('='));
    value
        .unwrap_or_else(|| panic!("no {field} in {line}"))
        .to_owned()
}

fn sink(file: &std::path::Path, lines: &str) -> String {
    format!(
        "type = \"file\"\npath = {file:?}\nformat = \"json\"\nflush_interval_seconds = 1\n{lines}\n"
    )
}

fn record(line: &str) -> AuditRecord {
    AuditRecord(serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
}
