//! What `check` found: errors and warnings, each told once.
//!
//! The same finding about several people, or on several release lines, is one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde_json::json;
use warden_core::Principal;
use warden_policy::{BundleError, Generation};

use crate::style::{Paint, counted};

/// The most people a text names for one warning.
const SHOWN_PEOPLE: usize = 6;

/// What keeps a directory from coming into force, or data from being as its schema says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mistake {
    /// What is wrong, with its file and place.
    error: String,
    /// What to do, where the error does not say it.
    instead: Option<String>,
}

impl Mistake {
    pub(super) fn new(error: String, instead: Option<&str>) -> Self {
        Self {
            error,
            instead: instead.map(str::to_owned),
        }
    }

    /// What a load says, and what to do about it.
    pub(super) fn of_load(error: &BundleError) -> Self {
        Self::new(error.what(), error.fault.remedy())
    }
}

/// Something authors trip over.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Warning {
    /// Its kind in a word, for machines.
    pub(super) name: &'static str,
    /// The bundle, where it is of one.
    pub(super) bundle: Option<String>,
    /// The rule, where it is about one.
    pub(super) rule: Option<String>,
    /// What is so, and why it matters.
    pub(super) why: String,
    /// What to write instead.
    pub(super) instead: String,
}

impl Warning {
    /// What the load itself warns of.
    pub(super) fn of_load(text: &str) -> Self {
        Self {
            name: "load",
            bundle: None,
            rule: None,
            why: text.to_owned(),
            instead: "put it right, or take it out of the directory".to_owned(),
        }
    }

    /// Nothing is behind these imports.
    pub(super) fn wasi(bundle: &str, imports: &[String]) -> Self {
        let why = format!(
            "it imports {}: nothing is behind them, and a call ends the evaluation",
            imports.join(" ")
        );
        Self {
            name: "wasi",
            bundle: Some(bundle.to_owned()),
            rule: None,
            why,
            instead: "build it for wasm32-unknown-unknown, or make sure that nothing calls them"
                .to_owned(),
        }
    }

    /// Nothing holds the policies to what their author means.
    pub(super) fn no_tests() -> Self {
        let why = "there is no test file: an edit that grants more, or less, comes into force";
        Self {
            name: "no-tests",
            bundle: None,
            rule: None,
            why: why.to_owned(),
            instead: "write NAME.tests.toml beside NAME.wasm: who can, and who cannot".to_owned(),
        }
    }
}

/// About whom, and on which release lines.
#[derive(Default)]
struct Concerned {
    people: BTreeSet<String>,
    lines: BTreeSet<String>,
}

/// All that was found.
pub(super) struct Findings {
    lines: Vec<String>,
    errors: BTreeMap<Mistake, Concerned>,
    warnings: BTreeMap<Warning, Concerned>,
    bundles: usize,
    tests: usize,
}

impl Findings {
    /// Nothing yet, on these release lines.
    pub(super) fn of(lines: &[&str]) -> Self {
        Self {
            lines: lines.iter().map(|&line| line.to_owned()).collect(),
            errors: BTreeMap::new(),
            warnings: BTreeMap::new(),
            bundles: 0,
            tests: 0,
        }
    }

    pub(super) fn error(&mut self, line: &str, mistake: Mistake) {
        let concerned = self.errors.entry(mistake).or_default();
        concerned.lines.insert(line.to_owned());
    }

    pub(super) fn warn(&mut self, line: &str, whom: Option<&Principal>, warning: Warning) {
        let concerned = self.warnings.entry(warning).or_default();
        concerned.lines.insert(line.to_owned());
        let whom = whom.map(|principal| principal.user_name().to_string());
        concerned.people.extend(whom);
    }

    /// How much was looked at.
    pub(super) fn counted(&mut self, generation: &Generation) {
        self.bundles = generation.bundles().len();
        self.tests = generation.rehearsals().count();
    }

    pub(super) fn is_good(&self, strict: bool) -> bool {
        self.errors.is_empty() && (!strict || self.warnings.is_empty())
    }

    pub(super) fn json(&self) -> String {
        let errors = self.errors.iter();
        let errors = errors.map(|(mistake, concerned)| {
            json!({
                "error": mistake.error,
                "instead": mistake.instead,
                "servers": concerned.lines,
            })
        });
        let warnings = self.warnings.iter().map(|(warning, concerned)| {
            json!({
                "name": warning.name,
                "bundle": warning.bundle,
                "rule": warning.rule,
                "why": warning.why,
                "instead": warning.instead,
                "principals": concerned.people,
                "servers": concerned.lines,
            })
        });
        let document = json!({
            "servers": self.lines,
            "policies": self.bundles,
            "tests": self.tests,
            "errors": errors.collect::<Vec<_>>(),
            "warnings": warnings.collect::<Vec<_>>(),
        });
        format!("{document:#}\n")
    }

    pub(super) fn text(&self, paint: Paint) -> String {
        let mut text = String::new();
        let mut line = |words: &str| {
            // Writing to a String never fails.
            let _ = writeln!(text, "{words}");
        };
        for (mistake, concerned) in &self.errors {
            let only = self.only(concerned).map(|lines| format!(" (on {lines})"));
            let only = only.unwrap_or_default();
            let error = &mistake.error;
            line(&format!("{}  {error}{only}", paint.bad("error  ")));
            if let Some(instead) = &mistake.instead {
                line(&format!("         do:  {instead}"));
            }
        }
        for (warning, concerned) in &self.warnings {
            let bundle = warning.bundle.iter().map(|bundle| format!(" {bundle}"));
            let rule = warning.rule.iter().map(|rule| format!(" {rule:?}"));
            let head: String = bundle.chain(rule).collect();
            let colon = if head.is_empty() { "" } else { ":" };
            let word = paint.doubtful("warning");
            line(&format!("{word}  {}{colon}{head}", warning.name));
            if let Some(about) = self.about(concerned) {
                line(&format!("         for: {about}"));
            }
            line(&format!("         why: {}", warning.why));
            line(&format!("         do:  {}", warning.instead));
        }
        let policies = match self.bundles {
            1 => "1 policy".to_owned(),
            count => format!("{count} policies"),
        };
        line(&format!(
            "{policies} and {} on Valkey {}: {}, {}",
            counted(self.tests, "test"),
            self.lines.join(" and "),
            counted(self.errors.len(), "error"),
            counted(self.warnings.len(), "warning"),
        ));
        text
    }

    /// The release lines, when it is not all of them.
    fn only(&self, concerned: &Concerned) -> Option<String> {
        let some = concerned.lines.len() < self.lines.len();
        let lines: Vec<&str> = concerned.lines.iter().map(String::as_str).collect();
        some.then(|| format!("Valkey {}", lines.join(", ")))
    }

    fn about(&self, concerned: &Concerned) -> Option<String> {
        let people: Vec<&str> = concerned.people.iter().map(String::as_str).collect();
        let mut shown = people
            .iter()
            .take(SHOWN_PEOPLE)
            .copied()
            .collect::<Vec<_>>()
            .join(", ");
        let more = people.len().saturating_sub(SHOWN_PEOPLE);
        if more > 0 {
            shown.push_str(&format!(" and {more} more"));
        }
        match (people.is_empty(), self.only(concerned)) {
            (true, only) => only,
            (false, None) => Some(shown),
            (false, Some(only)) => Some(format!("{shown}, on {only}")),
        }
    }
}
