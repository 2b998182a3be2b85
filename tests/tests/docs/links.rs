//! Every relative link of the documentation leads to a file that is there, and every anchor
//! to a heading of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use warden_tests::parts::workspace;

use crate::markdown::document;

/// Pages of a directory and of those in it.
fn pages(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            pages(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}

/// README.md, docs/ and the READMEs of the SDKs, by their paths in this repository.
fn documents() -> Vec<PathBuf> {
    let root = workspace();
    let mut found = vec![root.join("README.md")];
    pages(&root.join("docs"), &mut found);
    let sdks = fs::read_dir(root.join("sdk")).expect("a directory");
    let readmes = sdks.map(|sdk| sdk.expect("an entry").path().join("README.md"));
    found.extend(readmes.filter(|readme| readme.exists()));
    let inside = found.iter().map(|path| path.strip_prefix(&root));
    inside
        .map(|path| path.expect("inside").to_owned())
        .collect()
}

/// The lines of a page that are no code.
fn prose(text: &str) -> Vec<&str> {
    let mut is_code = false;
    let outside = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        is_code ^= fence;
        !is_code && !fence
    });
    outside.collect()
}

/// A line without what stands between ticks.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect()
}

/// Where the links of a page lead to.
fn links(text: &str) -> Vec<String> {
    let lines = prose(text).into_iter().map(without_code);
    let text = lines.collect::<Vec<_>>().join("\n");
    let behind = text.split("](").skip(1);
    let targets = behind.filter_map(|rest| Some(rest.split_once(')')?.0.to_owned()));
    targets.collect()
}

/// The anchors of a page's headings, as GitHub makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    let mut anchors = BTreeSet::new();
    for line in prose(text).iter().filter(|line| line.starts_with('#')) {
        let title = line.trim_start_matches('#').trim();
        // Of a link in a heading its text counts.
        let title: String = title
            .split("](")
            .enumerate()
            .map(|(part, text)| match part {
                0 => text,
                _ => text.split_once(')').map_or("", |(_, rest)| rest),
            })
            .collect();
        let kept = title
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        let anchor: String = kept.collect::<String>().to_lowercase().replace(' ', "-");
        let count = taken.entry(anchor.clone()).or_default();
        anchors.insert(match *count {
            0 => anchor,
            more => format!("{anchor}-{more}"),
        });
        *count += 1;
    }
    anchors
}

/// `docs/policies/../cli.md` as `docs/cli.md`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                assert!(plain.pop(), "{}: out of the repository", path.display());
            }
            part => plain.push(part),
        }
    }
    plain
}

#[test]
fn every_relative_link_and_anchor_leads_somewhere() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for page in documents() {
        let text = document(&page.to_string_lossy());
        for link in links(&text) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            count += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = match file {
                "" => page.clone(),
                file => plain(&page.parent().expect("a directory").join(file)),
            };
            let there = workspace().join(&target);
            let is_heading = || anchors(&document(&target.to_string_lossy())).contains(anchor);
            if !there.exists() || (!anchor.is_empty() && !is_heading()) {
                wrong.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "these lead nowhere: {wrong:#?}");
    assert!(count > 200, "only {count} links found");
}

#[test]
fn anchors_are_those_that_github_makes() {
    let text = "# A `code`, and [a link](x.md)\n```sh\n# no heading\n```\n## Twice\n## Twice\n## `WARDEN.X [a]`\n";
    let expected = ["a-code-and-a-link", "twice", "twice-1", "wardenx-a"];
    assert_eq!(anchors(text), expected.map(str::to_owned).into());
    let text = "[a](b.md#c) `[x](y)` and [`d`](e\n```\n[f](g)\n```\n";
    assert_eq!(links(text), ["b.md#c"]);
}
