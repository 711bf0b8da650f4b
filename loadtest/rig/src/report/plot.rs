//! Plots: one SVG for each curve that the measures name, a line for each arm, both axes logarithmic.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::{
    chart::{ChartBuilder, SeriesLabelPosition},
    element::{Circle, PathElement},
    prelude::{
        BLACK, Color as _, IntoDrawingArea as _, IntoLogRange as _, RGBColor, SVGBackend, WHITE,
    },
    series::LineSeries,
};

use super::curve::Curve;

const SIZE: (u32, u32) = (760, 460);

/// The same colour for an arm in every plot, ours the first; told apart by those who see few colours.
const COLOURS: [(&str, RGBColor); 5] = [
    ("hubbub", RGBColor(0, 114, 178)),
    ("hubbub-socketio", RGBColor(86, 180, 233)),
    ("socketioxide", RGBColor(213, 94, 0)),
    ("socketio-node", RGBColor(0, 158, 115)),
    ("floor", RGBColor(120, 120, 120)),
];
const OTHERS: RGBColor = RGBColor(204, 121, 167);

/// Draws the curve into `folder`, in a file of its name.
pub(super) fn draw(curve: &Curve<'_>, folder: &Path) -> Result<()> {
    let path = folder.join(file_name(curve));
    drawn(curve, &path).map_err(|error| anyhow!("cannot draw {}: {error}", path.display()))
}

/// `fan-out-cpu-per-delivery-one-at-a-time.svg`
fn file_name(curve: &Curve<'_>) -> String {
    let words = format!("{} {}", curve.scenario, curve.name).to_lowercase();
    let words: Vec<&str> =
        words.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    format!("{}.svg", words.join("-"))
}

fn drawn(curve: &Curve<'_>, path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let (x, y) = (bounds(curve, |(x, _)| x, 1.0), bounds(curve, |(_, y)| y, 1.5));
    let mut chart = ChartBuilder::on(&area)
        .caption(format!("{}: {}", curve.scenario, curve.name), ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(42)
        .y_label_area_size(76)
        .build_cartesian_2d((x.0..x.1).log_scale(), (y.0..y.1).log_scale())?;
    chart
        .configure_mesh()
        .x_desc(curve.axis)
        .light_line_style(WHITE)
        .x_label_formatter(&|x| crate::measure::grouped(*x))
        .y_label_formatter(&|y| curve.unit.show(*y))
        .draw()?;
    for line in &curve.lines {
        let colour = COLOURS.iter().find(|(arm, _)| *arm == line.arm).map_or(OTHERS, |(_, it)| *it);
        let points = line.points.iter().copied();
        chart
            .draw_series(LineSeries::new(points.clone(), colour.stroke_width(2)))?
            .label(line.arm)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
        chart.draw_series(points.map(|point| Circle::new(point, 3, colour.filled())))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.2))
        .draw()?;
    area.present()?;
    Ok(())
}

/// The least and the greatest of all lines, with room around them. A logarithm has no zero.
fn bounds(curve: &Curve<'_>, of: impl Fn((f64, f64)) -> f64, room: f64) -> (f64, f64) {
    let values = || curve.lines.iter().flat_map(|line| line.points.iter().copied().map(&of));
    let least = values().fold(f64::INFINITY, f64::min).max(1e-6);
    let greatest = values().fold(least, f64::max);
    (least / room, (greatest * room).max(least * 1.1))
}
