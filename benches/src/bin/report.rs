//! The report of a run: `report [FOLDER [CRITERION]]`, by default `target/bench` and
//! `target/criterion`. Writes `report.json`, `report.md` and `report.html` into FOLDER, and says
//! what was asked for and not reached.

#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a benchmark prints its figures"
)]

use std::path::PathBuf;

use warden_benches::report::Report;

fn main() {
    let mut words = std::env::args_os().skip(1).map(PathBuf::from);
    let folder = words.next().unwrap_or_else(|| "target/bench".into());
    let criterion = words.next().unwrap_or_else(|| "target/criterion".into());
    let report = Report::gather(&folder, &criterion).expect("the figures can be read");
    report.write(&folder).expect("the report can be written");
    let questions = report
        .documents
        .iter()
        .flat_map(|document| &document.parts)
        .flat_map(|part| &part.questions);
    for question in questions {
        for figure in &question.figures {
            if let (Some(aim), Some(false)) = (figure.aim, figure.is_reached()) {
                println!(
                    "not reached: {}: {} {figure}, asked {aim}",
                    question.asked, figure.name
                );
            }
        }
    }
    println!("{}", folder.join("report.html").display());
}
