//! Finished blocks, one file each, so that a study that was killed continues where it was.
//!
//! A part holds one block of seeds of one cell. It is written under another name and then renamed, so that it is
//! complete or absent. Its name is the hash of everything that its content depends on: the program, the resolved
//! scenario, the policies, the bound and the seeds. So other changes of the study leave a part valid, and a relevant
//! change never finds an old part.

use super::data::{Row, columns};
use super::metrics::NAMES;
use crate::columns::ParquetWriter;
use crate::output::draft_file;
use bytes::Bytes;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::RowAccessor;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// A folder of finished blocks.
#[derive(Clone, Debug)]
pub(super) struct BlockCache(PathBuf);

/// Identifies the running program.
pub(super) static PROGRAM: LazyLock<String> = LazyLock::new(|| {
    let built = std::env::current_exe().and_then(fs::metadata);
    let built = built.map(|m| (m.len(), m.modified().ok()));
    format!("{} {built:?}", env!("CARGO_PKG_VERSION"))
});

impl BlockCache {
    /// Creates the folder if needed, and removes files that a killed run left unfinished.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        remove_drafts(folder)?;
        Ok(Self(folder.to_owned()))
    }

    /// The name of the part that depends on `on` and on the program: another build may find other numbers.
    pub(super) fn name(program: &str, on: &[&str]) -> String {
        let mut all = program.to_owned();
        for part in on {
            write!(all, "\n{}:{part}", part.len()).expect("a string takes everything");
        }
        // Half of the hash is plenty, and keeps file names short.
        hex::encode(&Sha256::digest(all)[..20])
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}.parquet"))
    }

    /// The rows of a part, if it exists and is complete.
    pub(super) fn read(&self, name: &str, like: &Row) -> Option<Vec<Row>> {
        decode(fs::read(self.path(name)).ok()?, like)
    }

    pub(super) fn write(&self, name: &str, part: &[u8]) -> io::Result<()> {
        let mut draft = draft_file(&self.0)?;
        draft.write_all(part)?;
        draft.persist(self.path(name))?;
        Ok(())
    }
}

/// Rows as a part: the bytes of its file.
pub(super) fn encode(rows: &[Row]) -> io::Result<Vec<u8>> {
    let columns = columns(true);
    let mut table = ParquetWriter::create(Vec::new(), "part", &columns)?;
    table.write(&columns, rows)?;
    table.finish()
}

/// The rows of a part, if it is complete; grid and cell are those of `like`.
pub(super) fn decode(part: Vec<u8>, like: &Row) -> Option<Vec<Row>> {
    let reader = SerializedFileReader::new(Bytes::from(part)).ok()?;
    let schema = reader.metadata().file_metadata().schema_descr();
    if schema.num_columns() != columns(true).len() {
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

/// Removes files that were being written when their program was killed.
pub(super) fn remove_drafts(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .and_then(|n| n.to_str())
            .unwrap_or_default();
        if name.starts_with(".wayside-") && name.ends_with(".tmp") {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}
