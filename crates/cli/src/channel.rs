//! `wayside channel`.

use crate::args::{Format, key_value};
use crate::console::{Outcome, print, say};
use crate::listing::Listing;
use clap::Args;
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use wayside_core::error::{Error, Problem, Problems, Result};
use wayside_core::radio::curve::{CurvePoint, curve};
use wayside_core::scenario::{self, MODELS, RsuLayout};
use wayside_output::Draft;
use wayside_study::plot::{self, Axis, Figure, Names, Point, Scale, Series};

/// Print path loss and rate of a radio model against distance.
///
/// Path loss is that of the model without shadowing and fading, in line of sight and without; the rate is over the whole
/// band of the first RSU of the scenario, with the most transmit power that its fleet has. --plot draws both.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  wayside channel umi
  wayside channel v2x-highway --set carrier_hz=5.9e9 --set noise_figure_db=9
  wayside channel umi --set rate='\"cqi\"' --plot figures/")]
pub(crate) struct ChannelArgs {
    /// The model: log-distance, umi, uma, v2x-urban, v2x-highway or free-space.
    pub(crate) model: String,
    /// The scenario that the other keys are of.
    #[arg(long, default_value = "wang2025")]
    pub(crate) scenario: String,
    /// Change a key of [channel]; repeatable.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_value)]
    pub(crate) set: Vec<(String, String)>,
    /// Distances, separated by commas [m].
    #[arg(
        long,
        value_name = "M",
        value_delimiter = ',',
        default_value = "10,20,50,100,150,200,300,400,500,700,1000"
    )]
    pub(crate) distance_m: Vec<f64>,
    /// Draw both against distance, to channel-MODEL-loss.svg and channel-MODEL-rate.svg of this folder.
    #[arg(long, value_name = "DIR")]
    pub(crate) plot: Option<PathBuf>,
    /// How to print the table.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// What clap does not know of the arguments.
fn check(args: &ChannelArgs) -> Result<()> {
    let mut problems = Problems::default();
    let mut refuse = |path: &str, message: String| {
        problems.push(Problem {
            file: "command line".to_owned(),
            line: None,
            path: path.to_owned(),
            message,
        });
    };
    let names = MODELS.iter().map(|&(name, _)| name);
    // a table knows nothing of distances
    let names: Vec<&str> = names.filter(|&name| name != "table").collect();
    if !names.contains(&args.model.as_str()) {
        let message = format!("must be one of {}, got {:?}", names.join(", "), args.model);
        refuse("MODEL", message);
    }
    for wrong in args.distance_m.iter().filter(|m| !(0.0..=1e7).contains(*m)) {
        refuse(
            "--distance-m",
            format!("must be between 0 and 1e7, got {wrong}"),
        );
    }
    problems.into_result(())
}

pub(crate) fn execute(args: &ChannelArgs) -> Outcome {
    check(args)?;
    let channel = |(key, value): &(String, String)| (format!("channel.{key}"), value.clone());
    let mut set: Vec<_> = args.set.iter().map(channel).collect();
    set.push(("channel.model".to_owned(), format!("{:?}", args.model)));
    let scenario = scenario::resolve(&args.scenario, &set)?;
    let bandwidth_hz = bandwidth_hz(&scenario.rsus);
    let row = |point: &CurvePoint| -> [Value; 6] {
        let other = |f: fn((f64, f64)) -> f64| point.other.map(f);
        [
            json!(point.distance_m),
            json!(point.los_probability),
            json!(point.clear_loss_db),
            json!(other(|(loss_db, _)| loss_db)),
            json!(point.clear_rate_bps / 1e6),
            json!(other(|(_, rate_bps)| rate_bps / 1e6)),
        ]
    };
    let listing = Listing {
        columns: [
            "distance_m",
            "p_los",
            "loss_los_db",
            "loss_nlos_db",
            "rate_los_mbps",
            "rate_nlos_mbps",
        ],
        rows: curve(&scenario, bandwidth_hz, &args.distance_m)
            .iter()
            .map(row)
            .collect(),
    };
    if let Some(folder) = &args.plot {
        draw(folder, &args.model, |distances_m| {
            curve(&scenario, bandwidth_hz, distances_m)
        })?;
    }
    print(&listing.render(args.format))
}

/// Draws path loss and rate up to 1 km.
fn draw(folder: &Path, model: &str, curve: impl Fn(&[f64]) -> Vec<CurvePoint>) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|error| Error::io(folder, error))?;
    let distances_m: Vec<f64> = (1..=200).map(|step| 5.0 * f64::from(step)).collect();
    let points = curve(&distances_m);
    for figure in [loss(model, &points), rate(model, &points)] {
        let path = folder.join(format!("{}.svg", figure.id));
        let mut draft = Draft::begin(&path, true)?;
        let written = draft.file().write_all(plot::svg(&figure).as_bytes());
        written.map_err(|error| Error::io(&path, error))?;
        draft.commit()?;
        say(format_args!("wrote {}", path.display()));
    }
    Ok(())
}

/// Band of the first RSU.
fn bandwidth_hz(rsus: &RsuLayout) -> f64 {
    match rsus {
        RsuLayout::Explicit(rsus) => rsus.first().map_or(0.0, |rsu| rsu.bandwidth_hz),
        RsuLayout::Grid { template, .. } | RsuLayout::Sites { template, .. } => {
            template.bandwidth_hz
        }
    }
}

fn loss(model: &str, points: &[CurvePoint]) -> Figure {
    let y = Axis::new("Path loss", Some("dB"), Scale::Linear);
    let values = |p: &CurvePoint| (p.clear_loss_db, p.other.map(|(loss_db, _)| loss_db));
    figure((model, "loss", "Path loss"), y, points, values)
}

fn rate(model: &str, points: &[CurvePoint]) -> Figure {
    let y = Axis::new("Rate", Some("Mbit/s"), Scale::FromZero);
    let mbps = |rate_bps: f64| rate_bps / 1e6;
    let values = |p: &CurvePoint| {
        (
            mbps(p.clear_rate_bps),
            p.other.map(|(_, rate_bps)| mbps(rate_bps)),
        )
    };
    figure(
        (model, "rate", "Rate over the whole band"),
        y,
        points,
        values,
    )
}

fn figure(
    (model, id, what): (&str, &str, &str),
    y: Axis,
    points: &[CurvePoint],
    values: impl Fn(&CurvePoint) -> (f64, Option<f64>),
) -> Figure {
    let at = |x: f64, y: f64| Point {
        x,
        y,
        ..Point::default()
    };
    let line = |name: &str, style: usize, points: Vec<Point>| Series {
        name: name.to_owned(),
        style,
        joined: true,
        points,
    };
    let clear = points
        .iter()
        .map(|p| at(p.distance_m, values(p).0))
        .collect();
    let other: Vec<Point> = points
        .iter()
        .filter_map(|p| Some(at(p.distance_m, values(p).1?)))
        .collect();
    let mut series = vec![line("LOS", 0, clear)];
    if !other.is_empty() {
        series.push(line("NLOS", 1, other));
    }
    Figure {
        id: format!("channel-{model}-{id}"),
        title: format!("{what} of {model}"),
        caption: "Without shadowing and fading.".to_owned(),
        x: Axis::new("Distance", Some("m"), Scale::FromZero),
        y,
        series,
        references: Vec::new(),
        published: Vec::new(),
        names: Names::AtEnd,
    }
}
