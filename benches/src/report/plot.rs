//! Ratios of pairs as a picture: a row for each question, a dot for each pair, a bar at the
//! median, and a line where that is to be.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::figures::{Aim, Figure, Question};

const WIDTH: i32 = 1000;
/// Where the ratios begin: before it stand the questions.
const LEFT: i32 = 560;
const RIGHT: i32 = WIDTH - 20;
const ROW: i32 = 22;
const HEAD: i32 = 30;

const DOT: RGBColor = RGBColor(0x4c, 0x72, 0xb0);
const MEDIAN: RGBColor = RGBColor(0x1a, 0x1a, 0x1a);
const ASKED: RGBColor = RGBColor(0xc4, 0x4e, 0x52);
const FAINT: RGBColor = RGBColor(0xbb, 0xbb, 0xbb);

/// A picture for each figure of these questions that is a ratio.
pub(super) fn ratios(questions: &[Question]) -> Vec<String> {
    let mut names: Vec<&str> = Vec::new();
    for figure in questions.iter().flat_map(|question| &question.figures) {
        if figure.unit == "times" && !names.contains(&figure.name.as_str()) {
            names.push(&figure.name);
        }
    }
    let pictures = names.into_iter().map(|name| {
        let rows: Vec<(&str, &Figure)> = questions
            .iter()
            .filter_map(|question| {
                let mut figures = question.figures.iter();
                let figure = figures.find(|figure| figure.name == name)?;
                Some((question.asked.as_str(), figure))
            })
            .collect();
        let mut svg = String::new();
        // Drawing into a string does not fail.
        let _ = draw(&mut svg, name, &rows);
        svg
    });
    pictures.collect()
}

fn draw(
    svg: &mut String,
    name: &str,
    rows: &[(&str, &Figure)],
) -> Result<(), Box<dyn std::error::Error>> {
    let count = i32::try_from(rows.len())?;
    let height = HEAD + ROW * (count + 1);
    let size = (WIDTH.unsigned_abs(), height.unsigned_abs());
    let area = SVGBackend::with_string(svg, size).into_drawing_area();
    let scale = Scale::of(rows);
    let text = |anchor| ("sans-serif", 12).into_font().color(&BLACK).pos(anchor);
    let right = text(Pos::new(HPos::Right, VPos::Center));
    let middle = text(Pos::new(HPos::Center, VPos::Center));
    let bottom = height - ROW;
    let heading = format!("{name}, times the baseline");
    area.draw(&Text::new(
        heading,
        ((LEFT + RIGHT) / 2, HEAD / 2),
        middle.clone(),
    ))?;
    for mark in scale.marks() {
        let x = scale.place(mark);
        area.draw(&PathElement::new([(x, HEAD), (x, bottom)], FAINT))?;
        area.draw(&Text::new(
            format!("{mark:.2}"),
            (x, bottom + ROW / 2),
            middle.clone(),
        ))?;
    }
    for (place, (question, figure)) in rows.iter().enumerate() {
        let y = HEAD + ROW * i32::try_from(place)? + ROW / 2;
        area.draw(&Text::new(
            (*question).to_owned(),
            (LEFT - 10, y),
            right.clone(),
        ))?;
        for value in &figure.values {
            let dot = (scale.place(*value), y);
            area.draw(&Circle::new(dot, 3, DOT.mix(0.5).filled()))?;
        }
        let bar = |value: f64, color: RGBColor, half: i32| {
            let x = scale.place(value);
            PathElement::new([(x, y - half), (x, y + half)], color.stroke_width(2))
        };
        area.draw(&bar(figure.spread().middle, MEDIAN, 7))?;
        if let Some(aim) = figure.aim {
            area.draw(&bar(aim.bound(), ASKED, ROW / 2))?;
        }
    }
    area.present()?;
    Ok(())
}

/// Which ratios are where.
struct Scale {
    least: f64,
    most: f64,
}

impl Scale {
    /// Room for all values, what they are to be, and 1.
    fn of(rows: &[(&str, &Figure)]) -> Self {
        let figures = rows.iter().map(|(_, figure)| figure);
        let values = figures.flat_map(|figure| {
            let aim = figure.aim.map(Aim::bound);
            figure.values.iter().copied().chain(aim)
        });
        let (least, most) = values
            .filter(|value| value.is_finite())
            .fold((1.0_f64, 1.0_f64), |(least, most), value| {
                (least.min(value), most.max(value))
            });
        let margin = ((most - least) * 0.05).max(0.01);
        Self {
            least: least - margin,
            most: most + margin,
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "pixels of a picture a thousand wide"
    )]
    fn place(&self, value: f64) -> i32 {
        let part = (value - self.least) / (self.most - self.least);
        LEFT + (part * f64::from(RIGHT - LEFT)).round() as i32
    }

    /// A few round numbers.
    fn marks(&self) -> Vec<f64> {
        let range = self.most - self.least;
        let steps = [0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];
        let step = steps.into_iter().find(|step| range / step <= 8.0);
        let step = step.unwrap_or(100.0);
        let first = (self.least / step).ceil();
        let marks = (0..10).map(|number| (first + f64::from(number)) * step);
        marks.take_while(|mark| *mark <= self.most).collect()
    }
}
