//! One line, as far as the chain goes by it.

use warden_audit::format::{Field, read::Fields};
use warden_audit::{Format, chain};

use crate::audit::lines::{Line, Place};

/// A line that is a record, or why it is none.
pub(super) struct Entry {
    pub(super) place: Place,
    /// Whether a line feed ends it.
    pub(super) has_end: bool,
    pub(super) record: Result<Record, String>,
}

/// What the chain goes by.
pub(super) struct Record {
    pub(super) sequence: u64,
    pub(super) node: String,
    pub(super) time: String,
    pub(super) kind: Kind,
    /// The chain value it carries.
    pub(super) value: chain::Value,
    /// What that is of.
    body: Vec<u8>,
}

/// What a record says about the file itself.
pub(super) enum Kind {
    /// The sink began to write.
    Start,
    /// It wrote its last record.
    Stop,
    /// So many records were lost.
    Loss(u64),
    /// All before it, signed.
    Checkpoint { key: String, signature: String },
    /// Nothing.
    Other,
}

impl Entry {
    pub(super) fn read(format: Format, line: Line) -> Self {
        let record = if line.is_too_long {
            Err("is longer than a line may be".to_owned())
        } else {
            record(format, line.bytes)
        };
        Self {
            place: line.place,
            has_end: line.has_end,
            record,
        }
    }

    /// Whether it is the record of this number behind one of that chain value.
    pub(super) fn follows(&self, before: &chain::Value, sequence: u64) -> bool {
        let record = self.record.as_ref();
        record.is_ok_and(|record| record.sequence == sequence && record.continues(before))
    }
}

impl Record {
    /// Whether its chain value is right behind this one.
    pub(super) fn continues(&self, before: &chain::Value) -> bool {
        chain::next(before, &self.body) == self.value
    }
}

fn record(format: Format, mut bytes: Vec<u8>) -> Result<Record, String> {
    let fields = format.read(&bytes).map_err(|why| format!("is {why}"))?;
    let text = |field: Field| word(&fields, field);
    let sequence = text(Field::Sequence).and_then(|text| text.parse().ok());
    let sequence = sequence.ok_or("has no sequence number")?;
    let kind = kind(&fields).ok_or("lacks what a record of its kind has")?;
    let sealed = chain::split(format, &bytes)
        .ok_or("has no chain value at its end: only records of sinks with `chain = true` have")?;
    let (value, length) = (sealed.value, sealed.body.len());
    let record = Record {
        sequence,
        node: text(Field::Node).unwrap_or_default(),
        time: text(Field::Time).unwrap_or_default(),
        kind,
        value,
        body: Vec::new(),
    };
    bytes.truncate(length);
    Ok(Record {
        body: bytes,
        ..record
    })
}

fn kind(fields: &Fields) -> Option<Kind> {
    let is_own = fields.bytes(Field::Category) == Some(b"audit");
    Some(match fields.bytes(Field::Action).filter(|_| is_own) {
        Some(b"audit-start") => Kind::Start,
        Some(b"audit-stop") => Kind::Stop,
        Some(b"audit-loss") => Kind::Loss(word(fields, Field::Lost)?.parse().ok()?),
        Some(b"audit-checkpoint") => Kind::Checkpoint {
            key: word(fields, Field::PublicKey)?,
            signature: word(fields, Field::Signature)?,
        },
        _ => Kind::Other,
    })
}

fn word(fields: &Fields, field: Field) -> Option<String> {
    let bytes = fields.bytes(field)?;
    str::from_utf8(bytes).ok().map(str::to_owned)
}
