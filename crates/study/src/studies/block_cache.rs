//! Finished blocks, one file each, so that a study that was killed continues where it was.
//!
//! A part holds one block of seeds of one cell. It is whole or absent, and its name begins with the hash of all that
//! its content depends on: the program, the resolved scenario, the policies, the bound and the seeds. So a part is
//! found again whatever changed in the study around it, and never where anything changed that matters. The second half
//! of the name is a hash of the content, so that a damaged part is not taken for a whole one.

use super::data::{Row, columns};
use super::metrics::NAMES;
use crate::columns::ParquetWriter;
use bytes::Bytes;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::RowAccessor;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard};
use wayside_core::{Error, Result, input};
use wayside_output::Folder;

/// Folder of the parts.
pub(super) const CELLS: &str = "cells";

/// Letters of a name's first half, and of its second.
const LENGTHS: (usize, usize) = (40, 24);

/// The parts in the folder of a study.
#[derive(Debug)]
pub struct BlockCache {
    folder: Folder,
    /// Checksums by name.
    kept: Mutex<BTreeMap<String, String>>,
    /// Files of parts that were damaged.
    damaged: Mutex<Vec<PathBuf>>,
}

impl BlockCache {
    /// The parts that are in `folder`.
    pub(super) fn open(folder: Folder) -> Result<Self> {
        let path = folder.path(CELLS);
        let names = match fs::read_dir(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            entries => entries.and_then(|entries| entries.map(|e| Ok(e?.file_name())).collect()),
        };
        let names: Vec<OsString> = names.map_err(|e| Error::io(&folder.shown(CELLS), e))?;
        let split = |name: OsString| {
            let name = name.into_string().ok()?;
            let (name, sum) = split_name(&name)?;
            Some((name.to_owned(), sum.to_owned()))
        };
        let kept = names.into_iter().filter_map(split).collect();
        Ok(Self {
            folder,
            kept: Mutex::new(kept),
            damaged: Mutex::default(),
        })
    }

    pub(super) fn folder(&self) -> &Folder {
        &self.folder
    }

    pub(super) fn folder_mut(&mut self) -> &mut Folder {
        &mut self.folder
    }

    /// Names of all parts, relative to the folder.
    pub(super) fn files(&self) -> Vec<String> {
        let kept = locked(&self.kept);
        kept.iter().map(|(name, sum)| file(name, sum)).collect()
    }

    /// Files that were damaged, so that their blocks were run again.
    #[must_use]
    pub fn damaged(&self) -> Vec<PathBuf> {
        locked(&self.damaged).clone()
    }

    /// The name of the part that depends on `on` and on the program: another build may find other numbers.
    pub(super) fn name(program: &str, on: &[&str]) -> String {
        let mut all = program.to_owned();
        for part in on {
            write!(all, "\n{}:{part}", part.len()).expect("a string takes everything");
        }
        // Half of the hash is plenty, and keeps file names short.
        hex::encode(&Sha256::digest(all)[..LENGTHS.0 / 2])
    }

    /// The rows of a part, where it is there and whole. One that is not is removed.
    pub(super) fn read(&self, name: &str, like: &Row) -> Option<Vec<Row>> {
        let sum = locked(&self.kept).get(name)?.clone();
        let file = file(name, &sum);
        let path = self.folder.path(&file);
        let whole = input::read(&path).ok().filter(|part| checksum(part) == sum);
        let rows = whole.and_then(|part| decode(part, like));
        if rows.is_none() {
            locked(&self.kept).remove(name);
            locked(&self.damaged).push(self.folder.shown(&file));
            // a file that cannot be removed is ignored later, because its name does not fit
            _ = fs::remove_file(path);
        }
        rows
    }

    pub(super) fn write(&self, name: &str, part: &[u8]) -> Result<()> {
        let sum = checksum(part);
        self.folder.put(&file(name, &sum), part)?;
        locked(&self.kept).insert(name.to_owned(), sum);
        Ok(())
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nobody panics with it")
}

fn checksum(part: &[u8]) -> String {
    hex::encode(&Sha256::digest(part)[..LENGTHS.1 / 2])
}

fn file(name: &str, sum: &str) -> String {
    format!("{CELLS}/{name}-{sum}.parquet")
}

/// The two halves of the name of a part's file.
fn split_name(file: &str) -> Option<(&str, &str)> {
    let (name, sum) = file.strip_suffix(".parquet")?.split_once('-')?;
    let is_hex = |text: &str| text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    ((name.len(), sum.len()) == LENGTHS && is_hex(name) && is_hex(sum)).then_some((name, sum))
}

/// Rows as a part: the bytes of its file.
pub(super) fn encode(rows: &[Row]) -> io::Result<Vec<u8>> {
    let columns = columns(|_, _| true);
    let mut table = ParquetWriter::create(Vec::new(), "part", &columns)?;
    table.write(&columns, rows)?;
    table.finish()
}

/// The rows of a part, if it is complete; grid and cell are those of `like`.
pub(super) fn decode(part: Vec<u8>, like: &Row) -> Option<Vec<Row>> {
    let reader = SerializedFileReader::new(Bytes::from(part)).ok()?;
    let schema = reader.metadata().file_metadata().schema_descr();
    if schema.num_columns() != columns(|_, _| true).len() {
        return None;
    }
    let rows = reader.get_row_iter(None).ok()?.map(|row| {
        let row = row.ok()?;
        Some(Row {
            seed: row.get_ulong(3).ok()?,
            policy: row.get_string(4).ok()?.clone(),
            values: (0..NAMES.len())
                .map(|i| row.get_double(5 + i).ok())
                .collect(),
            ..like.clone()
        })
    });
    rows.collect()
}
