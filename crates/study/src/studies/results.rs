//! The folder of a study.
//!
//! Equal inputs give equal bytes in `results.parquet`, `claims.json`, `validation.md`, `report.html`, tables and figures.
//! `manifest.json`, `timing.csv` and figures of decision times depend on when and where the study ran.

use super::block_cache::BlockCache;
use super::data::Data;
use super::figures::figures;
use super::metrics::DECISION_TIME;
use super::tables::{Tabulated, table};
use super::{FigureSpec, Study, TableSpec};
use super::{draws, page};
use crate::claim::Claim;
use crate::manifest::Manifest;
use crate::report;
use serde::Deserialize as _;
use std::collections::BTreeSet;
use std::path::Path;
use wayside_core::{Error, Result};
use wayside_output::{Folder, Kind, Request};
use wayside_plot::Figure;
use wayside_plot::html::{Content, Page, Section, Table, TableCell};

/// The folder of a study, which may hold an earlier, unfinished run of it.
#[derive(Debug)]
pub struct StudyFolder {
    parts: BlockCache,
    manifest: Manifest,
}

impl StudyFolder {
    /// Opens or makes `root` for `study`. With `force` it may hold the results of another one, which stay until those
    /// of `study` are whole.
    ///
    /// # Errors
    /// As [`Folder::open`].
    pub fn open(root: &Path, study: &Study, quick: bool, force: bool) -> Result<Self> {
        let names = names(study);
        let of_study = |found: &Manifest| found.scenario == study.name;
        let request = Request {
            kind: Kind::Study,
            force,
            same: &|found| Manifest::deserialize(found).is_ok_and(|found| of_study(&found)),
            writes: &|name| names.contains(name),
        };
        let mut folder = Folder::open(root, &request)?;
        let manifest = manifest(study, quick);
        if folder.found().is_none() {
            // a study that is killed finds its blocks again
            folder.add(&manifest.to_value(), &[])?;
        }
        let parts = BlockCache::open(folder)?;
        Ok(Self { parts, manifest })
    }

    /// Where finished blocks are kept.
    #[must_use]
    pub fn parts(&self) -> &BlockCache {
        &self.parts
    }

    /// Puts everything into place, the manifest last; the text of the page.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file.
    pub fn finish(
        &mut self,
        study: &Study,
        data: &Data,
        claims: &[Claim],
        quick: bool,
    ) -> Result<String> {
        self.write("study.toml", study.text.as_bytes())?;
        let parquet = data
            .write_parquet(Vec::new())
            .map_err(|e| Error::io(&self.folder().shown("results.parquet"), e))?;
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
            let files = wayside_plot::files(figure)
                .map_err(|e| Error::io(&self.folder().shown(&spec.id), e))?;
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
        let (manifest, parts) = (self.manifest.to_value(), self.parts.files());
        self.parts.folder_mut().replace(&manifest, &parts)?;
        Ok(page)
    }

    fn folder(&self) -> &Folder {
        self.parts.folder()
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.folder().write(name, bytes)
    }
}

/// The manifest of a study that starts now.
fn manifest(study: &Study, quick: bool) -> Manifest {
    let count = study.looks(quick).last().copied().unwrap_or(0) as u64;
    let seeds: Vec<u64> = (0..count).map(|i| study.seeds.first + i).collect();
    let mut policies: Vec<String> = Vec::new();
    let grids = study.grids.iter();
    for name in grids.flat_map(|g| g.policies.iter().chain(&g.awaited)) {
        if !policies.contains(name) {
            policies.push(name.clone());
        }
    }
    Manifest::now(&study.name, &study.text, &seeds, 0, &policies)
}

/// All files that the study may leave, but its parts.
fn names(study: &Study) -> BTreeSet<String> {
    let fixed = [
        "study.toml",
        "results.parquet",
        "claims.json",
        "timing.csv",
        "validation.md",
        "report.html",
    ];
    let mut names: BTreeSet<String> = fixed.map(str::to_owned).into();
    names.extend(study.grids.iter().map(|g| format!("draws/{}.csv", g.id)));
    names.extend(study.tables.iter().map(|t| format!("tables/{}.csv", t.id)));
    for figure in &study.figures {
        let files = wayside_plot::EXTENSIONS.iter();
        names.extend(files.map(|extension| format!("figures/{}.{extension}", figure.id)));
    }
    names
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
