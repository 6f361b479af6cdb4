//! The folder of a study.
//!
//! Equal inputs give equal bytes in `results.parquet`, `claims.json`, `validation.md`, `report.html`, tables and figures.
//! `manifest.json`, `timing.csv` and figures of decision times depend on when and where the study ran.

use super::block_cache::remove_drafts;
use super::data::Data;
use super::figures::figures;
use super::metrics::DECISION_TIME;
use super::tables::{Tabulated, table};
use super::{FigureSpec, Study, TableSpec};
use super::{draws, page};
use crate::claim::Claim;
use crate::output::{Manifest, draft_file};
use crate::report;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use wayside_core::{Error, Result};
use wayside_plot::Figure;
use wayside_plot::html::{Content, Page, Section, Table, TableCell};

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
