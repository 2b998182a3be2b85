//! Findings as text for people, or as JSON for machines.

use std::io::{self, IsTerminal};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use serde_json::json;

use super::finding::{Finding, Rank};

/// Whether one of them is a problem.
pub(crate) fn has_problem(findings: &[Finding]) -> bool {
    count(findings, Rank::Problem) > 0
}

/// Colours are for terminals alone, and there only where `NO_COLOR`, `CLICOLOR`
/// and `TERM` let us.
pub(crate) fn wants_colours() -> bool {
    let out = io::stdout();
    out.is_terminal() && AutoStream::choice(&out) != ColorChoice::Never
}

/// One object; strings of several lines where a check saw several things.
pub(crate) fn json(findings: &[Finding]) -> String {
    let checks: Vec<_> = findings
        .iter()
        .map(|finding| {
            json!({
                "name": finding.name,
                "result": finding.outcome.rank.word(),
                "seen": finding.outcome.seen.join("\n"),
                "why": finding.why,
                "advice": finding.outcome.advice.join("\n"),
            })
        })
        .collect();
    format!("{:#}\n", json!({ "checks": checks }))
}

/// One line for what is well; what, why and what to do for the rest; a sum.
pub(crate) fn text(findings: &[Finding], coloured: bool) -> String {
    let width = findings
        .iter()
        .map(|finding| finding.name.len())
        .max()
        .unwrap_or_default();
    let mut text = String::new();
    for finding in findings {
        text.push_str(&paragraph(finding, width, coloured));
    }
    let (problems, warnings) = (
        count(findings, Rank::Problem),
        count(findings, Rank::Warning),
    );
    text.push_str(&format!(
        "\n{} checks: {problems} {}, {warnings} {}\n",
        findings.len(),
        if problems == 1 { "problem" } else { "problems" },
        if warnings == 1 { "warning" } else { "warnings" },
    ));
    text
}

/// Width of the longest word of [`Rank::word`].
const RANK_WIDTH: usize = 7;

fn paragraph(finding: &Finding, width: usize, coloured: bool) -> String {
    let rank = finding.outcome.rank;
    let indent = RANK_WIDTH + 2 + width + 2;
    let style = if coloured { style(rank) } else { Style::new() };
    let dim = if coloured {
        Style::new().dimmed()
    } else {
        Style::new()
    };
    let mut text = format!(
        "{style}{:RANK_WIDTH$}{style:#}  {:width$}  ",
        rank.word(),
        finding.name
    );
    for (number, seen) in finding.outcome.seen.iter().enumerate() {
        let indent = if number == 0 { 0 } else { indent };
        text.push_str(&format!("{:indent$}{seen}\n", ""));
    }
    if rank > Rank::Ok {
        text.push_str(&format!("{:indent$}{dim}why:{dim:#} {}\n", "", finding.why));
        for advice in &finding.outcome.advice {
            text.push_str(&format!("{:indent$}{dim}do: {dim:#} {advice}\n", ""));
        }
    }
    text
}

fn style(rank: Rank) -> Style {
    match rank {
        Rank::Ok => AnsiColor::Green.on_default(),
        Rank::Warning => AnsiColor::Yellow.on_default(),
        Rank::Problem => AnsiColor::Red.on_default().bold(),
    }
}

fn count(findings: &[Finding], rank: Rank) -> usize {
    findings
        .iter()
        .filter(|finding| finding.outcome.rank == rank)
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Outcome;

    fn findings() -> Vec<Finding> {
        let finding = |name, outcome| Finding {
            name,
            why: "It matters.",
            outcome,
        };
        let mut bad = Outcome::problem("one", "mend one");
        bad.warn("two", "mend two");
        vec![
            finding("short", Outcome::good("fine")),
            finding("much-longer", bad),
        ]
    }

    #[test]
    fn what_is_well_takes_a_line_and_the_rest_says_why_and_what_to_do() {
        let expected = "\
ok       short        fine
problem  much-longer  one
                      two
                      why: It matters.
                      do:  mend one
                      do:  mend two

2 checks: 1 problem, 0 warnings
";
        assert_eq!(text(&findings(), false), expected);
        assert!(has_problem(&findings()));
        assert!(!has_problem(&[]));
    }

    #[test]
    fn colours_change_nothing_but_colours() {
        let coloured = text(&findings(), true);
        assert!(coloured.contains("\x1b[32mok"), "{coloured:?}");
        let stripped = anstream::adapter::strip_str(&coloured).to_string();
        assert_eq!(stripped, text(&findings(), false));
    }

    #[test]
    fn json_holds_every_finding_with_all_its_members() {
        let document: serde_json::Value = serde_json::from_str(&json(&findings())).unwrap();
        assert_eq!(
            document,
            serde_json::json!({ "checks": [
                { "name": "short", "result": "ok", "seen": "fine", "why": "It matters.", "advice": "" },
                { "name": "much-longer", "result": "problem", "seen": "one\ntwo",
                  "why": "It matters.", "advice": "mend one\nmend two" },
            ]})
        );
    }
}
