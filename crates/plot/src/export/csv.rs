//! The numbers of a figure as CSV.

use crate::figure::{Direction, Figure, Point};
use crate::text::csv_field;

/// A line per point; references and published points as series of their own.
pub(super) fn csv(figure: &Figure) -> String {
    let (key, value) = (figure.key_axis(), figure.value_axis());
    let name = value.column();
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    let header = ["series", &key.column(), &name, "lo", "hi", "kind"];
    let mut rows = vec![header.map(str::to_owned)];
    for series in &figure.series {
        rows.extend(series.points.iter().map(|point| {
            let [lo, hi] = point.interval.map_or([None, None], |ends| ends.map(Some));
            let end = |end: Option<f64>| end.map_or_else(String::new, |v| v.to_string());
            [
                series.name.clone(),
                key.value(figure.key(point)),
                figure.value(point).to_string(),
                end(lo),
                end(hi),
                "measured".into(),
            ]
        }));
    }
    for point in &figure.published {
        let at = Point {
            x: point.x,
            y: point.y,
            ..Point::default()
        };
        rows.push([
            point.series.clone(),
            key.value(figure.key(&at)),
            figure.value(&at).to_string(),
            String::new(),
            String::new(),
            format!("published: {}", point.source),
        ]);
    }
    for reference in &figure.references {
        let along = if reference.of == Direction::X {
            &figure.x
        } else {
            &figure.y
        };
        let [lo, hi] = reference.zone.map(|v| v.to_string());
        rows.push([
            reference.label.clone(),
            String::new(),
            String::new(),
            lo,
            hi,
            format!("reference: {}", along.column()),
        ]);
    }
    for row in rows {
        let row = row.map(|field| csv_field(&field));
        writer.write_record(row).expect("memory takes everything");
    }
    let bytes = writer.into_inner().expect("memory takes everything");
    String::from_utf8(bytes).expect("made of strings")
}
