//! What criterion measured, as its files tell it.

use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::figures::{Document, Part, Question};
use crate::program::INSIDE;

/// `new/benchmark.json` of one benchmark.
#[derive(Deserialize)]
struct Benchmark {
    group_id: String,
    function_id: Option<String>,
    title: String,
}

/// `new/estimates.json` of it.
#[derive(Deserialize)]
struct Estimates {
    median: Estimate,
}

#[derive(Deserialize)]
struct Estimate {
    confidence_interval: Interval,
    point_estimate: f64,
}

#[derive(Deserialize)]
struct Interval {
    lower_bound: f64,
    upper_bound: f64,
}

/// All benchmarks below criterion's folder, a part for each group. Nothing where there is none.
pub(super) fn read(criterion: &Path) -> io::Result<Document> {
    let mut parts: Vec<Part> = Vec::new();
    for folder in benchmarks(criterion) {
        let benchmark: Benchmark = parse(&folder.join("new/benchmark.json"))?;
        let Estimates { median } = parse(&folder.join("new/estimates.json"))?;
        let interval = median.confidence_interval;
        let asked = benchmark.function_id.unwrap_or(benchmark.title);
        let mut question = Question::new(asked);
        for nanoseconds in [
            interval.lower_bound,
            median.point_estimate,
            interval.upper_bound,
        ] {
            question.add(
                "median, with its confidence interval",
                "us",
                nanoseconds / 1e3,
            );
        }
        let plot = folder.join("report/pdf.svg");
        question.plot = plot.exists().then(|| beside(criterion, &plot));
        match parts
            .iter_mut()
            .find(|part| part.name == benchmark.group_id)
        {
            Some(part) => part.questions.push(question),
            None => parts.push(Part {
                name: benchmark.group_id,
                taken: None,
                questions: vec![question],
            }),
        }
    }
    Ok(Document {
        program: INSIDE.to_owned(),
        valkey: None,
        parts,
    })
}

fn parse<T: DeserializeOwned>(file: &Path) -> io::Result<T> {
    Ok(serde_json::from_str(&fs::read_to_string(file)?)?)
}

/// Folders that hold a benchmark, in order.
fn benchmarks(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut folders: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    let mut found = Vec::new();
    for folder in folders {
        if folder.join("new/estimates.json").exists() {
            found.push(folder);
        } else {
            found.extend(benchmarks(&folder));
        }
    }
    found
}

/// As the report, which lies in a folder beside criterion's, names it.
fn beside(criterion: &Path, plot: &Path) -> String {
    let rest = plot.strip_prefix(criterion).unwrap_or(plot);
    format!("../criterion/{}", rest.display())
}
