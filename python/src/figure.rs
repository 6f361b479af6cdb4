//! Figures.

use numpy::{PyArray1, PyArray3, PyArrayMethods as _};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use serde_json::{Value, json};
use wayside_study::plot::{self, Axis, Direction, Point, Scale};

/// A figure; `wayside.Figure` wraps it.
#[pyclass(frozen, module = "wayside._native")]
pub(crate) struct Figure(pub(crate) plot::Figure);

#[pymethods]
impl Figure {
    /// What it shows, as SVG.
    fn svg(&self) -> String {
        plot::svg(&self.0)
    }

    /// All that is drawn, as JSON.
    fn data_json(&self) -> String {
        let Self(figure) = self;
        let series = figure.series.iter().map(|series| {
            json!({
                "name": series.name,
                "style": series.style,
                "joined": series.joined,
                "points": series.points.iter().map(point).collect::<Vec<_>>(),
            })
        });
        let references = figure.references.iter().map(|reference| {
            let of = match reference.of {
                Direction::X => "x",
                Direction::Y => "y",
            };
            json!({ "of": of, "zone": reference.zone, "label": reference.label })
        });
        let published = figure
            .published
            .iter()
            .map(|p| json!({ "series": p.series, "x": p.x, "y": p.y, "source": p.source }));
        json!({
            "id": figure.id,
            "title": figure.title,
            "caption": figure.caption,
            "x": axis(&figure.x),
            "y": axis(&figure.y),
            "series": series.collect::<Vec<_>>(),
            "references": references.collect::<Vec<_>>(),
            "published": published.collect::<Vec<_>>(),
        })
        .to_string()
    }

    /// The file with this extension: csv, pdf, png, svg or tex.
    fn file<'py>(&self, py: Python<'py>, extension: &str) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let files = plot::files(&self.0).map_err(|e| PyRuntimeError::new_err(e.to_string()))?;
        let mut files = files.into_iter();
        let found = files.find(|(name, _)| *name == extension);
        Ok(found.map(|(_, bytes)| PyBytes::new(py, &bytes)))
    }
}

/// An SVG as pixels: uint8 of shape `(high, wide, 3)`.
#[pyfunction]
pub(crate) fn pixels<'py>(
    py: Python<'py>,
    svg: &str,
    wide: u32,
    high: u32,
) -> PyResult<Bound<'py, PyArray3<u8>>> {
    let rgb = plot::pixels(svg, wide, high).map_err(|e| PyValueError::new_err(e.to_string()))?;
    PyArray1::from_vec(py, rgb).reshape([high as usize, wide as usize, 3])
}

fn point(point: &Point) -> Value {
    json!({ "x": point.x, "y": point.y, "interval": point.interval, "label": point.label })
}

fn axis(axis: &Axis) -> Value {
    let (scale, limits) = match axis.scale {
        Scale::Linear => ("linear", None),
        Scale::FromZero => ("linear", Some([Some(0.0), None])),
        Scale::Between(low, high) => ("linear", Some([Some(low), Some(high)])),
        Scale::Log => ("log", None),
    };
    json!({
        "label": axis.label,
        "unit": axis.unit,
        "title": axis.title(),
        "scale": scale,
        "limits": limits,
        "categories": axis.categories,
    })
}
