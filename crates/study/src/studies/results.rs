//! What a study leaves in its folder.
//!
//! `results.parquet`, `claims.json`, `validation.md`, `report.html`, tables and figures have equal bytes for
//! equal inputs; `manifest.json`, `timing.csv` and figures of decision times tell when and where it ran.

use super::block_cache::remove_drafts;
use super::data::Data;
use super::metrics::{DECISION_TIME, unit};
use super::{FigureSpec, Measure, SCENARIO_AXIS, SEEDS, Study, TableSpec};
use super::{draws, page};
use crate::claim::Claim;
use crate::output::{Manifest, draft_file};
use crate::report;
use crate::stats;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use wayside_core::{Error, Result};
use wayside_plot::html::{Content, Page, Section, Table, TableCell};
use wayside_plot::{Axis, Figure, Names, Point, Published, Scale, Series};

/// The folder of a study, which may hold an earlier, unfinished run of it.
#[derive(Debug)]
pub struct StudyFolder {
    root: PathBuf,
    manifest: Manifest,
}

impl StudyFolder {
    /// Opens or makes `root` for `study`. With `force` it may hold the results of another one.
    ///
    /// # Errors
    /// [`Error::Invalid`] where it holds anything else; [`Error::Io`] where it cannot be written.
    pub fn open(root: &Path, study: &Study, quick: bool, force: bool) -> Result<Self> {
        let failed = |e| Error::io(root, e);
        fs::create_dir_all(root).map_err(failed)?;
        let refuse = |message: &str| {
            Err(Error::invalid(
                root.display().to_string(),
                None,
                "",
                message,
            ))
        };
        let found: Option<Manifest> = fs::read(root.join("manifest.json"))
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok());
        remove_drafts(root).map_err(failed)?;
        match found {
            Some(found) if force || found.scenario == study.name => {}
            Some(_) => {
                return refuse("holds the results of another study or run; --force replaces them");
            }
            None if fs::read_dir(root).map_err(failed)?.next().is_none() => {}
            None => {
                return refuse(
                    "holds files, but no results of Wayside; name a new or an empty folder",
                );
            }
        }
        let count = study.seeds.looks(quick).last().copied().unwrap_or(0) as u64;
        let seeds: Vec<u64> = (0..count).map(|i| study.seeds.first + i).collect();
        let mut policies: Vec<String> = Vec::new();
        for name in study
            .grids
            .iter()
            .flat_map(|g| g.policies.iter().chain(&g.awaited))
        {
            if !policies.contains(name) {
                policies.push(name.clone());
            }
        }
        let folder = Self {
            root: root.to_owned(),
            manifest: Manifest::now(&study.name, &study.text, &seeds, 0, &policies),
        };
        folder.write_manifest()?;
        Ok(folder)
    }

    /// Where finished blocks are kept.
    #[must_use]
    pub fn parts(&self) -> PathBuf {
        Self::parts_of(&self.root)
    }

    /// Where the folder `root` keeps finished blocks.
    #[must_use]
    pub fn parts_of(root: &Path) -> PathBuf {
        root.join("cells")
    }

    /// Writes everything.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file.
    pub fn finish(
        mut self,
        study: &Study,
        data: &Data,
        claims: &[Claim],
        quick: bool,
    ) -> Result<()> {
        self.write("study.toml", study.text.as_bytes())?;
        let parquet = data
            .write_parquet(Vec::new())
            .map_err(|e| Error::io(&self.root, e))?;
        self.write("results.parquet", &parquet)?;
        let mut json = serde_json::to_string_pretty(claims).expect("plain data");
        json.push('\n');
        self.write("claims.json", json.as_bytes())?;
        self.write("timing.csv", data.times().as_bytes())?;
        for grid in study.grids.iter().filter(|grid| !grid.drawn.is_empty()) {
            let text = draws::csv(&grid.drawn);
            self.write(&format!("draws/{}.csv", grid.id), text.as_bytes())?;
        }
        let figures = figures(study, data, quick);
        for (spec, figure) in &figures {
            let files = wayside_plot::files(figure).map_err(|e| Error::io(&self.root, e))?;
            for (extension, bytes) in files {
                self.write(&format!("figures/{}.{extension}", spec.id), &bytes)?;
            }
        }
        let mut tables = Vec::new();
        for spec in &study.tables {
            let table = table(study, data, spec, quick);
            self.write(&format!("tables/{}.csv", spec.id), table.csv().as_bytes())?;
            tables.push((spec, table));
        }
        let page = page::markdown(study, claims, &figures, &tables);
        self.write("validation.md", page.as_bytes())?;
        self.write(
            "report.html",
            report(study, claims, &figures, &tables).as_bytes(),
        )?;
        self.manifest.complete = true;
        self.write_manifest()
    }

    /// The text of the page that was written.
    ///
    /// # Errors
    /// [`Error::Io`] where it cannot be read.
    pub fn page(root: &Path) -> Result<String> {
        let path = root.join("validation.md");
        fs::read_to_string(&path).map_err(|e| Error::io(&path, e))
    }

    fn write_manifest(&self) -> Result<()> {
        let mut text = serde_json::to_string_pretty(&self.manifest).expect("plain data");
        text.push('\n');
        self.write("manifest.json", text.as_bytes())
    }

    /// Under another name first, so that a file is whole or as it was.
    fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.root.join(name);
        let write = || -> io::Result<()> {
            fs::create_dir_all(path.parent().expect("inside the folder"))?;
            let mut file = draft_file(&self.root)?;
            file.write_all(bytes)?;
            file.persist(&path)?;
            Ok(())
        };
        write().map_err(|e| Error::io(&path, e))
    }
}

/// A name of more letters would take a third of a column from its line.
const LONGEST_NAME: usize = 18;

/// The figures that there is something to draw in.
#[must_use]
pub fn figures<'s>(study: &'s Study, data: &Data, quick: bool) -> Vec<(&'s FigureSpec, Figure)> {
    let drawn = study
        .figures
        .iter()
        .map(|spec| (spec, figure(study, data, spec, quick)));
    drawn
        .filter(|(_, figure)| !figure.series.is_empty())
        .collect()
}

fn figure(study: &Study, data: &Data, spec: &FigureSpec, quick: bool) -> Figure {
    let grid = study.grid(&spec.grid);
    let at = study
        .grids
        .iter()
        .position(|g| g.id == spec.grid)
        .expect("found above");
    let cells = grid.cells(quick);
    let x = (spec.x != SEEDS).then(|| grid.axis(&spec.x));
    let among: Vec<usize> = (0..cells.len())
        .filter(|&c| grid.is_among(&cells[c], &spec.cells))
        .collect();
    let labels: Vec<String> = match spec.series.as_str() {
        "policy" if spec.policies.is_empty() => {
            grid.policies.iter().chain(&grid.awaited).cloned().collect()
        }
        "policy" => spec.policies.clone(),
        axis => {
            let axis = grid.axis(axis);
            let mut labels: Vec<String> = Vec::new();
            for &c in &among {
                let label = &cells[c].values[axis].label;
                if !labels.contains(label) {
                    labels.push(label.clone());
                }
            }
            labels
        }
    };
    let number = |c: usize| cells[c].values[x?].number;
    let is_numeric = among.iter().all(|&c| number(c).is_some());
    let mut seeds = usize::MAX;
    let series = labels.iter().enumerate().filter_map(|(style, label)| {
        let own = |c: &&usize| {
            spec.series == "policy" || cells[**c].values[grid.axis(&spec.series)].label == *label
        };
        let policy = match (
            spec.series.as_str(),
            spec.policies.first(),
            grid.policies.first(),
        ) {
            ("policy", ..) => label.as_str(),
            (_, Some(policy), _) | (_, None, Some(policy)) => policy.as_str(),
            (_, None, None) => "",
        };
        let samples = among.iter().filter(own).map(|&c| {
            let sample = data.sample(at, c, policy, &spec.y);
            (c, sample.into_iter().flatten().collect::<Vec<f64>>())
        });
        let mean = |(nth, (c, sample)): (usize, (usize, Vec<f64>))| {
            let estimate = stats::estimate(&sample)?;
            seeds = seeds.min(sample.len());
            Some(Point {
                x: number(c).filter(|_| is_numeric).unwrap_or(nth as f64),
                y: estimate.mean,
                interval: estimate.ci95,
                label: None,
            })
        };
        let run = |(nth, y): (usize, f64)| Point {
            x: (nth + 1) as f64,
            y,
            ..Point::default()
        };
        let points: Vec<Point> = match x {
            Some(_) => samples.enumerate().filter_map(mean).collect(),
            None => samples
                .flat_map(|(_, sample)| sample)
                .enumerate()
                .map(run)
                .collect(),
        };
        (!points.is_empty()).then(|| Series {
            name: match spec.series.as_str() {
                "policy" => label.clone(),
                axis if grid.axes[grid.axis(axis)].key == SCENARIO_AXIS => label.clone(),
                axis => format!("{axis} {label}"),
            },
            style,
            joined: true,
            points,
        })
    });
    let series: Vec<Series> = series.collect();
    let published = spec.published.iter().map(|p| Published {
        series: p.series.clone(),
        x: p.x,
        y: p.y,
        source: p.place.clone(),
    });
    // What a point is where each is drawn by itself.
    let (by_seed, each) = match grid.measure {
        Measure::Slots => ("Slot", "Each slot of one run by itself."),
        _ => ("Run", "Each run by itself, one seed each."),
    };
    // Beside their lines, as far as these leave room for them.
    let names = if series.iter().map(|s| s.name.len()).max() <= Some(LONGEST_NAME) {
        Names::AtEnd
    } else {
        Names::Above
    };
    Figure {
        id: spec.id.clone(),
        title: spec.title.clone(),
        caption: match seeds {
            _ if x.is_none() => each.to_owned(),
            usize::MAX | 1 => "One seed, hence no interval.".to_owned(),
            n => format!(
                "Mean over {n} seeds or more, with its 95 % confidence interval (Student's t)."
            ),
        },
        x: Axis::new(
            x.map_or(by_seed, |x| &grid.axes[x].label),
            None,
            Scale::Linear,
        ),
        y: Axis::new(&spec.y_label, unit(&spec.y), Scale::Linear).named("value"),
        series,
        references: Vec::new(),
        published: published.collect(),
        names,
    }
}

/// A table with a row per policy.
pub(super) struct Tabulated {
    pub(super) header: Vec<String>,
    /// Name and a value per column.
    pub(super) rows: Vec<(String, Vec<Option<f64>>)>,
}

impl Tabulated {
    fn csv(&self) -> String {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let mut write = |fields: Vec<String>| {
            writer
                .write_record(fields)
                .expect("memory takes everything")
        };
        write(self.header.clone());
        for (name, values) in &self.rows {
            let values = values
                .iter()
                .map(|v| v.map_or_else(String::new, |v| v.to_string()));
            write(std::iter::once(name.clone()).chain(values).collect());
        }
        String::from_utf8(writer.into_inner().expect("memory takes everything"))
            .expect("made of strings")
    }
}

fn table(study: &Study, data: &Data, spec: &TableSpec, quick: bool) -> Tabulated {
    let mut header = vec!["policy".to_owned()];
    let mut rows: Vec<(String, Vec<Option<f64>>)> = Vec::new();
    for id in &spec.grids {
        let at = study
            .grids
            .iter()
            .position(|g| g.id == *id)
            .expect("checked");
        let grid = &study.grids[at];
        for (c, cell) in grid.cells(quick).iter().enumerate() {
            let name = grid.name_of(cell, &[]);
            header.push(if name.is_empty() { id.clone() } else { name });
            for policy in data.policies(at, c) {
                let sample: Vec<f64> = data
                    .sample(at, c, policy, &spec.metric)
                    .into_iter()
                    .flatten()
                    .collect();
                let value = stats::mean(&sample).map(|mean| spec.scale * mean);
                let row = match rows.iter().position(|(name, _)| name == policy) {
                    Some(row) => row,
                    None => {
                        rows.push((policy.to_owned(), Vec::new()));
                        rows.len() - 1
                    }
                };
                rows[row].1.resize(header.len() - 2, None);
                rows[row].1.push(value);
            }
        }
    }
    for (_, values) in &mut rows {
        values.resize(header.len() - 1, None);
    }
    Tabulated { header, rows }
}

fn report(
    study: &Study,
    claims: &[Claim],
    figures: &[(&FigureSpec, Figure)],
    tables: &[(&TableSpec, Tabulated)],
) -> String {
    let mut sections: Vec<Section> = report::claims(claims).into_iter().collect();
    let timeless = figures.iter().filter(|(spec, _)| spec.y != DECISION_TIME);
    let charts = timeless.map(|(_, figure)| Content::Chart(Box::new(figure.clone())));
    sections.extend(Section::new("figures", "Figures", charts.collect()));
    let blocks = tables.iter().map(|(spec, table)| {
        let cell = |v: &Option<f64>| TableCell {
            text: v.map_or_else(|| "–".into(), |v| format!("{v:.*}", spec.digits)),
            ..TableCell::default()
        };
        let row = |(name, values): &(String, Vec<Option<f64>>)| {
            let name = TableCell::new(name);
            std::iter::once(name)
                .chain(values.iter().map(cell))
                .collect()
        };
        Content::Table(Table {
            caption: spec.title.clone(),
            header: table.header.clone(),
            rows: table.rows.iter().map(row).collect(),
        })
    });
    sections.extend(Section::new("tables", "Tables", blocks.collect()));
    let source = Content::Source {
        heading: "The study as it was run".into(),
        text: study.text.clone(),
    };
    sections.extend(Section::new("study", "Study", vec![source]));
    Page {
        title: study.name.clone(),
        question: study.title.clone(),
        answer: page::count(claims),
        caption: study.source.clone(),
        sections,
    }
    .to_html()
}
