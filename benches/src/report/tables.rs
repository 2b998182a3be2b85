//! Figures as the tables of a page.

use serde::Serialize;

use super::plot;
use crate::figures::{Document, Figure, Part, Question};

/// A figure that was asked for.
#[derive(Debug, Serialize)]
pub(super) struct Asked {
    place: String,
    question: String,
    figure: String,
    aim: String,
    measured: String,
    is_reached: bool,
}

impl Asked {
    /// Those of a document.
    pub(super) fn all(document: &Document) -> Vec<Self> {
        let place = place(document);
        let figures = document.parts.iter().flat_map(|part| {
            let questions = part.questions.iter();
            questions.flat_map(move |question| {
                let figures = question.figures.iter();
                figures.map(move |figure| (part, question, figure))
            })
        });
        figures
            .filter_map(|(part, question, figure)| {
                Some(Self {
                    place: title(&place, part),
                    question: question.asked.clone(),
                    figure: figure.name.clone(),
                    aim: format!("{} {}", figure.aim?, figure.unit),
                    measured: figure.to_string(),
                    is_reached: figure.is_reached()?,
                })
            })
            .collect()
    }
}

/// What a part came to.
#[derive(Debug, Serialize)]
pub(super) struct Table {
    title: String,
    columns: Vec<String>,
    rows: Vec<Row>,
    /// Plots of ratios, as SVG.
    ratios: Vec<String>,
}

/// A question's figures.
#[derive(Debug, Serialize)]
struct Row {
    question: String,
    /// One for each column; empty where the question has no such figure.
    cells: Vec<String>,
    /// Where a plot of its own lies.
    plot: Option<String>,
}

impl Table {
    /// One for each part of a document.
    pub(super) fn all(document: &Document) -> Vec<Self> {
        let place = place(document);
        let tables = document.parts.iter().map(|part| {
            let mut columns: Vec<String> = Vec::new();
            for figure in part.questions.iter().flat_map(|q| &q.figures) {
                if !columns.contains(&figure.name) {
                    columns.push(figure.name.clone());
                }
            }
            let rows = part.questions.iter().map(|question| Row {
                question: question.asked.clone(),
                cells: columns.iter().map(|name| cell(question, name)).collect(),
                plot: question.plot.clone(),
            });
            Self {
                title: title(&place, part),
                rows: rows.collect(),
                ratios: plot::ratios(&part.questions),
                columns,
            }
        });
        tables.collect()
    }
}

/// Where a part was measured, and when, for one of them may have been taken apart.
fn title(place: &str, part: &Part) -> String {
    let Part { name, taken, .. } = part;
    match taken {
        Some(taken) => format!("{place}: {name} ({taken})"),
        None => format!("{place}: {name}"),
    }
}

/// The program, and which server it asked.
fn place(document: &Document) -> String {
    match &document.valkey {
        Some(version) => format!("{}, Valkey {version}", document.program),
        None => document.program.clone(),
    }
}

fn cell(question: &Question, name: &str) -> String {
    let mut figures = question.figures.iter();
    let figure = figures.find(|figure| figure.name == name);
    figure.map(Figure::to_string).unwrap_or_default()
}
