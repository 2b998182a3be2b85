//! Test results as JUnit XML, the form that CI systems read.
//!
//! In: how each test went and what tests touched. Out: a suite for each policy with tests
//! or labels; or, where the directory cannot be loaded, one suite that says so.

use std::fs;
use std::io;
use std::path::Path;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::coverage::{Coverage, written};
use super::{Outcome, Ran};
use crate::error::Error;

/// What is being written to.
type Xml = Writer<Vec<u8>>;

/// A suite: its properties and its tests.
#[derive(Default)]
pub(super) struct Suite {
    name: String,
    properties: Vec<(&'static str, String)>,
    cases: Vec<Case>,
}

/// One test of it.
struct Case {
    class: String,
    name: String,
    bad: Option<Bad>,
}

/// Why a test did not pass.
struct Bad {
    /// `failure`, `error` or `skipped`.
    kind: &'static str,
    message: String,
    /// Every problem, one a line.
    text: String,
}

/// What the tests of a directory came to.
pub(super) fn suites(tests: &[Ran], coverage: &[Coverage]) -> Vec<Suite> {
    let suites = coverage.iter().map(|covered| {
        let of_policy = tests.iter().filter(|test| test.policy == covered.policy);
        Suite {
            name: covered.policy.clone(),
            properties: properties(covered),
            cases: of_policy.map(case).collect(),
        }
    });
    suites
        .filter(|suite| !suite.cases.is_empty() || !suite.properties.is_empty())
        .collect()
}

/// That no test could be run.
pub(super) fn not_loaded(dir: &Path, errors: &[String]) -> Vec<Suite> {
    let dir = dir.display().to_string();
    vec![Suite {
        cases: vec![Case {
            class: dir.clone(),
            name: "the directory can be loaded".to_owned(),
            bad: Some(Bad {
                kind: "error",
                message: "no server would take it".to_owned(),
                text: errors.join("\n"),
            }),
        }],
        name: dir,
        ..Suite::default()
    }]
}

fn properties(covered: &Coverage) -> Vec<(&'static str, String)> {
    let mut properties = Vec::new();
    if covered.possible > 0 {
        properties.push(("labels", covered.possible.to_string()));
        properties.push(("touched", covered.touched().to_string()));
    }
    let untouched = covered.untouched.iter();
    properties.extend(untouched.map(|label| ("untouched", written(label))));
    properties.extend(covered.failure.iter().map(|why| ("failure", why.clone())));
    properties
}

fn case(test: &Ran) -> Case {
    let bad = |kind, message: &str| Bad {
        kind,
        message: message.to_owned(),
        text: test.problems.join("\n"),
    };
    Case {
        class: test.file.clone(),
        name: test.test.clone(),
        bad: match test.outcome {
            Outcome::Passed => None,
            Outcome::NotRun => Some(bad("skipped", "all tests took more than a minute")),
            Outcome::Failed => {
                let first = test.problems.first().map_or("", String::as_str);
                Some(bad("failure", first))
            }
        },
    }
}

/// Writes suites to a file, over what it held.
pub(super) fn write(file: &Path, suites: &[Suite]) -> Result<(), Error> {
    let written = document(suites).and_then(|text| fs::write(file, text));
    written.map_err(Error::file(file))
}

/// The document, whose last line ends.
fn document(suites: &[Suite]) -> io::Result<Vec<u8>> {
    let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let counted = counts(suites.iter().flat_map(|suite| &suite.cases));
    xml.create_element("testsuites")
        .with_attribute(("name", "warden policy test"))
        .with_attributes(attributes(&counted))
        .write_inner_content(|xml| suites.iter().try_for_each(|suite| suite.write(xml)))?;
    let mut text = xml.into_inner();
    text.push(b'\n');
    Ok(text)
}

impl Suite {
    fn write(&self, xml: &mut Xml) -> io::Result<()> {
        let counted = counts(self.cases.iter());
        xml.create_element("testsuite")
            .with_attribute(("name", &*valid(&self.name)))
            .with_attributes(attributes(&counted))
            .write_inner_content(|xml| {
                if !self.properties.is_empty() {
                    xml.create_element("properties")
                        .write_inner_content(|xml| {
                            self.properties.iter().try_for_each(|(name, value)| {
                                let property = xml.create_element("property");
                                let property = property.with_attribute(("name", *name));
                                let property = property.with_attribute(("value", &*valid(value)));
                                property.write_empty().map(drop)
                            })
                        })?;
                }
                self.cases.iter().try_for_each(|case| case.write(xml))
            })?;
        Ok(())
    }
}

impl Case {
    fn write(&self, xml: &mut Xml) -> io::Result<()> {
        let case = xml
            .create_element("testcase")
            .with_attribute(("classname", &*valid(&self.class)))
            .with_attribute(("name", &*valid(&self.name)));
        let Some(bad) = &self.bad else {
            return case.write_empty().map(drop);
        };
        let inside = |xml: &mut Xml| {
            let bad_element = xml.create_element(bad.kind);
            let bad_element = bad_element.with_attribute(("message", &*valid(&bad.message)));
            let text = valid(&bad.text);
            bad_element
                .write_text_content(BytesText::new(&text))
                .map(drop)
        };
        case.write_inner_content(inside).map(drop)
    }
}

/// How many tests there are, and how many of each kind of bad end.
fn counts<'c>(cases: impl Iterator<Item = &'c Case> + Clone) -> [(&'static str, String); 4] {
    let of = |kind: &str| {
        let bad = cases.clone().filter_map(|case| case.bad.as_ref());
        bad.filter(|bad| bad.kind == kind).count().to_string()
    };
    [
        ("tests", cases.clone().count().to_string()),
        ("failures", of("failure")),
        ("errors", of("error")),
        ("skipped", of("skipped")),
    ]
}

fn attributes<'c>(
    counts: &'c [(&'static str, String)],
) -> impl Iterator<Item = (&'c str, &'c str)> {
    counts.iter().map(|(name, count)| (*name, count.as_str()))
}

/// Text without what XML cannot hold, not even escaped (XML 1.0, section 2.2).
fn valid(text: &str) -> String {
    let is_valid = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    let replaced = text
        .chars()
        .map(|c| if is_valid(c) { c } else { '\u{fffd}' });
    replaced.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(test: &str, outcome: Outcome, problems: &[&str]) -> Ran {
        Ran {
            policy: "rbac".to_owned(),
            file: "rbac.tests.toml".to_owned(),
            test: test.to_owned(),
            outcome,
            problems: problems.iter().map(|&problem| problem.to_owned()).collect(),
        }
    }

    fn text(suites: &[Suite]) -> String {
        String::from_utf8(document(suites).unwrap()).unwrap()
    }

    #[test]
    fn results_are_a_suite_for_each_policy() {
        let tests = [
            ran("ann reads", Outcome::Passed, &[]),
            ran(
                "<ed> & \"co\"\u{1}",
                Outcome::Failed,
                &["cannot +get", "can \"+set ~a\""],
            ),
            ran("late", Outcome::NotRun, &[]),
        ];
        let covered = |policy: &str, possible| Coverage {
            policy: policy.to_owned(),
            possible,
            untouched: vec![("roles".to_owned(), "a&b".to_owned()); possible.min(1)],
            failure: None,
        };
        let suites = suites(&tests, &[covered("rbac", 3), covered("silent", 0)]);
        let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="warden policy test" tests="3" failures="1" errors="0" skipped="1">
  <testsuite name="rbac" tests="3" failures="1" errors="0" skipped="1">
    <properties>
      <property name="labels" value="3"/>
      <property name="touched" value="2"/>
      <property name="untouched" value="roles=a&amp;b"/>
    </properties>
    <testcase classname="rbac.tests.toml" name="ann reads"/>
    <testcase classname="rbac.tests.toml" name="&lt;ed&gt; &amp; &quot;co&quot;�">
      <failure message="cannot +get">cannot +get
can &quot;+set ~a&quot;</failure>
    </testcase>
    <testcase classname="rbac.tests.toml" name="late">
      <skipped message="all tests took more than a minute"></skipped>
    </testcase>
  </testsuite>
</testsuites>
"#;
        assert_eq!(text(&suites), expected);
    }

    #[test]
    fn a_directory_that_no_server_would_take_is_an_error() {
        let errors = ["\"a.wasm\": is not a component".to_owned(), "b".to_owned()];
        let text = text(&not_loaded(Path::new("/policies"), &errors));
        assert!(
            text.contains(r#"tests="1" failures="0" errors="1" skipped="0""#),
            "{text}"
        );
        assert!(
            text.contains(r#"<error message="no server would take it">"#),
            "{text}"
        );
        assert!(text.contains("is not a component\nb</error>"), "{text}");
    }
}
