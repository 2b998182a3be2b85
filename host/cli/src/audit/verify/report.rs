//! What verifying came to, for people and for machines.

use serde_json::{Value, json};
use warden_audit::{Format, chain};

use super::problem::Problem;
use super::trail::Trail;
use crate::style::Paint;

/// All that was found.
pub(super) struct Report<'a> {
    pub(super) format: Option<Format>,
    pub(super) trail: &'a Trail,
    pub(super) problem: Option<&'a Problem>,
}

impl Report<'_> {
    /// As lines.
    pub(super) fn text(&self) -> String {
        let trail = self.trail;
        let paint = Paint::of_stdout();
        let mut lines = vec![match self.problem {
            None => paint.good("whole"),
            Some(problem) => format!("{}: {problem}", paint.bad("not whole")),
        }];
        if let (Some((first, from)), Some((last, to))) = (&trail.first, &trail.last) {
            lines.push(format!(
                "verified: {} records, {first} to {last}, from {from} to {to}, of server {}",
                trail.records,
                trail.known.node.as_deref().unwrap_or_default(),
            ));
        }
        if trail.records > 0 {
            lines.push(match trail.losses {
                0 => "losses: none".to_owned(),
                losses => format!(
                    "losses: {} records were never written, as {losses} records among these say",
                    trail.lost
                ),
            });
            lines.push(format!("checkpoints: {}", self.checkpoints()));
        }
        if let Some(end) = self.end() {
            lines.push(format!("end: {end}"));
        }
        lines.extend(
            self.unknown()
                .iter()
                .map(|what| format!("not known: {what}")),
        );
        lines.join("\n") + "\n"
    }

    /// As one JSON document.
    pub(super) fn document(&self) -> Value {
        let trail = self.trail;
        let number = |seen: &Option<(u64, String)>| seen.as_ref().map(|(number, _)| *number);
        let time = |seen: &Option<(u64, String)>| seen.as_ref().map(|(_, time)| time.clone());
        let format = self.format.map(|format| match format {
            Format::Text => "text",
            Format::Json => "json",
            Format::Csv => "csv",
        });
        json!({
            "whole": self.problem.is_none(),
            "problem": self.problem.map(Problem::document),
            "format": format,
            "records": trail.records,
            "first": number(&trail.first),
            "last": number(&trail.last),
            "from": time(&trail.first),
            "to": time(&trail.last),
            "node": trail.known.node,
            "starts": trail.starts,
            "losses": { "records": trail.losses, "lost": trail.lost },
            "checkpoints": {
                "count": trail.checkpoints,
                "keys": trail.signers,
                "keys_given": !trail.known.keys.is_empty(),
                "vouched_to": trail.vouched.as_ref().map(|vouched| vouched.sequence),
                "vouched_at": trail.vouched.as_ref().map(|vouched| vouched.time.clone()),
            },
            "end": self.end(),
            "not_known": self.unknown(),
        })
    }

    /// What a later run takes as `--seen`.
    fn end(&self) -> Option<String> {
        let before = self.trail.before().filter(|_| self.trail.records > 0)?;
        Some(format!("{}:{}", before.sequence, chain::hex(&before.value)))
    }

    fn checkpoints(&self) -> String {
        let trail = self.trail;
        let Some(vouched) = &trail.vouched else {
            return "none".to_owned();
        };
        let whose = if trail.known.keys.is_empty() {
            let keys: Vec<&str> = trail.signers.iter().map(String::as_str).collect();
            format!("by the keys that they name ({})", keys.join(", "))
        } else {
            "by a given key".to_owned()
        };
        format!(
            "{}, signed {whose}; the last vouches for every record up to {}, at {}",
            trail.checkpoints, vouched.sequence, vouched.time
        )
    }

    /// What no file can tell, in sentences without an end.
    fn unknown(&self) -> Vec<String> {
        let trail = self.trail;
        let (Some((first, _)), Some((last, _))) = (&trail.first, &trail.last) else {
            return Vec::new();
        };
        let mut unknown = Vec::new();
        if !trail.has_beginning {
            unknown.push(format!(
                "what stood before record {first}, the first of these files: whether it was \
                 removed on purpose, and whether record {first} itself was changed (name older \
                 files too, or give --seen)"
            ));
        }
        if self.problem.is_some() {
            unknown.push(format!(
                "whether anything behind record {last} is as it was written"
            ));
            return unknown;
        }
        match &trail.vouched {
            None => unknown.push(
                "whether somebody who can write to these files wrote everything anew: no \
                 checkpoint vouches for them"
                    .to_owned(),
            ),
            Some(_) if trail.known.keys.is_empty() => unknown.push(
                "whose the keys are: whoever can write to these files may have signed anew (give \
                 --public-key)"
                    .to_owned(),
            ),
            // The checkpoint itself is what vouches.
            Some(vouched) if vouched.sequence.saturating_add(1) < *last => unknown.push(format!(
                "whether records {} to {last}, behind the last checkpoint, were written anew",
                vouched.sequence.saturating_add(2)
            )),
            Some(_) => {}
        }
        unknown.push(if trail.ends_with_stop {
            format!("whether records behind record {last}, where the sink stopped, were cut off")
        } else {
            format!(
                "whether records behind record {last} were cut off: the sink was still writing, \
                 or ended without saying so"
            )
        });
        unknown
    }
}
