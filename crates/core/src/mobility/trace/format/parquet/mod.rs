//! Reader of tables as Parquet, one file or the files of a folder; a batch of rows in memory at a time.

mod cells;
mod chunks;
mod table;

use std::cell::Cell;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Once;

use ::parquet::errors::ParquetError;
use ::parquet::file::reader::{FileReader, SerializedFileReader};

use super::super::bytes::Trace;
use super::super::columns::{Missing, Role, by_sumo, in_degrees};
use super::super::projection::Wanted;
use super::super::step::{Input, NUMBER, Place, Rows, Step, Traits, is_plausible, shown};
use crate::error::{Error, Result};
use cells::{Numbers, Strings, refusal};
pub(in super::super) use table::as_csv;

pub(in super::super) struct ParquetRows {
    input: Input,
    file: SerializedFileReader<Trace>,
    /// The files after it.
    more: VecDeque<PathBuf>,
    /// Next row group.
    group: usize,
    columns: Columns,
    batch: Batch,
    /// Current row, in the batch and in the file.
    at: usize,
    row: u64,
}

/// Positions of the columns that are read, and the names that messages give them.
struct Columns {
    time: usize,
    id: usize,
    x: usize,
    y: usize,
    kind: Option<usize>,
    lane: Option<usize>,
    edge: Option<usize>,
    names: [String; 3],
}

#[derive(Default)]
struct Batch {
    rows: usize,
    time: Numbers,
    id: Strings,
    x: Numbers,
    y: Numbers,
    kind: Strings,
    lane: Strings,
    edge: Strings,
}

/// Opens the files of a folder, one after the other.
pub(in super::super) fn open(
    mut input: Input,
    mut files: VecDeque<PathBuf>,
) -> Result<ParquetRows> {
    let Some(first) = files.pop_front() else {
        return Err(input.bad(Place::File, "", "has no files"));
    };
    let trace = Trace::open(&first)?;
    input.name = first.display().to_string();
    input.path = Some(first);
    let count = files.len() + 1;
    let mut rows = open_one(input, trace)?;
    rows.input.found.format = format!("{count} Parquet files");
    rows.more = files;
    Ok(rows)
}

/// Opens a single file.
pub(in super::super) fn open_one(mut input: Input, trace: Trace) -> Result<ParquetRows> {
    let file = open_file(&input, trace)?;
    let columns = Columns::find(&input, &file)?;
    let [time, x, y] = &columns.names;
    input.found.plain = !by_sumo(time);
    input.found.has_lanes = columns.lane.is_some() && columns.edge.is_some();
    if in_degrees(x) && in_degrees(y) {
        input.found.degrees = Some(true);
    }
    input.found.format = "Parquet".into();
    recorded(&mut input, &file)?;
    Ok(ParquetRows {
        input,
        file,
        more: VecDeque::new(),
        group: 0,
        columns,
        batch: Batch::default(),
        at: 0,
        row: 0,
    })
}

/// The key of the metadata that says how an import's coordinates become metres.
pub(in super::super) const PROJECTION: &str = "wayside.projection";

/// What an import has recorded of the source's unit: a survey need not find it again.
fn recorded(input: &mut Input, file: &SerializedFileReader<Trace>) -> Result<()> {
    let metadata = file.metadata().file_metadata().key_value_metadata();
    let mut entries = metadata.into_iter().flatten();
    let Some(text) = entries
        .find(|entry| entry.key == PROJECTION)
        .and_then(|e| e.value.clone())
    else {
        return Ok(());
    };
    match Wanted::parse(&text) {
        Ok(wanted) => {
            input.found.degrees = Some(wanted != Wanted::Metres);
            input.found.recorded = Some(wanted);
            Ok(())
        }
        Err(message) => Err(input.bad(Place::File, PROJECTION, message)),
    }
}

fn open_file(input: &Input, mut trace: Trace) -> Result<SerializedFileReader<Trace>> {
    match trace.magic() {
        Ok(magic) if magic.is_empty() => {
            return Err(input.bad(Place::File, "", "must hold a trace, got an empty file"));
        }
        Ok(_) => {}
        Err(error) => return Err(input.unreadable(Place::File, &error)),
    }
    guarded(|| SerializedFileReader::new(trace))
        .map_err(|error| unreadable(input, Place::File, &error))
}

impl Columns {
    fn find(input: &Input, file: &SerializedFileReader<Trace>) -> Result<Self> {
        let schema = file.metadata().file_metadata().schema_descr();
        // columns inside of others have longer paths
        let header: Vec<String> = (schema.columns().iter())
            .map(|column| match column.path().parts() {
                [name] => name.clone(),
                _ => String::new(),
            })
            .collect();
        let mapped = &input.rules.columns;
        let usable = |index: usize, text: bool| match refusal(&schema.column(index), text) {
            None => Ok(index),
            Some(message) => Err(input.bad(Place::File, &header[index], message)),
        };
        let required = |role: Role, text: bool| match role.find(&header, mapped) {
            Ok(index) => usable(index, text),
            Err(Missing::Twice) => {
                let name = role.name(mapped);
                Err(input.bad(Place::File, name, "must be one column, got two"))
            }
            Err(Missing::Absent) => {
                let there: Vec<_> = header
                    .iter()
                    .take(30)
                    .map(|name| shown(name.as_bytes()))
                    .collect();
                let message = format!(
                    "must be a column, got {}; `columns` can name another",
                    there.join(", ")
                );
                Err(input.bad(Place::File, role.name(mapped), message))
            }
        };
        let optional = |role: Role| {
            let index = role.find(&header, mapped).ok();
            index.map(|index| usable(index, true)).transpose()
        };
        let (time, id) = (required(Role::Time, false)?, required(Role::Id, true)?);
        let (x, y) = (required(Role::X, false)?, required(Role::Y, false)?);
        let kind = if input.rules.vehicle_types.is_empty() {
            optional(Role::Type)?
        } else {
            Some(required(Role::Type, true)?)
        };
        // persons are told by both
        let (lane, edge) = match (optional(Role::Lane)?, optional(Role::Edge)?) {
            (Some(lane), Some(edge)) => (Some(lane), Some(edge)),
            _ => (None, None),
        };
        Ok(Self {
            time,
            id,
            x,
            y,
            kind,
            lane,
            edge,
            names: [time, x, y].map(|column| header[column].clone()),
        })
    }
}

impl Batch {
    fn open_group(
        &mut self,
        file: &SerializedFileReader<Trace>,
        group: usize,
        columns: &Columns,
    ) -> ::parquet::errors::Result<()> {
        let schema = file.metadata().file_metadata().schema_descr();
        let group = file.get_row_group(group)?;
        // the library panics on what these checks turn down
        let damaged = group.metadata().columns().iter().any(|column| {
            let dictionary = column.dictionary_page_offset().unwrap_or(0);
            column.compressed_size() < 0 || column.data_page_offset() < 0 || dictionary < 0
        });
        if damaged {
            return Err(ParquetError::General("negative size or offset".into()));
        }
        let number = |column: usize, to: &mut Numbers| {
            to.open(group.get_column_reader(column)?, &schema.column(column));
            Ok::<_, ParquetError>(())
        };
        number(columns.time, &mut self.time)?;
        number(columns.x, &mut self.x)?;
        number(columns.y, &mut self.y)?;
        let strings = [
            (Some(columns.id), &mut self.id),
            (columns.kind, &mut self.kind),
            (columns.lane, &mut self.lane),
            (columns.edge, &mut self.edge),
        ];
        for (column, to) in strings {
            if let Some(column) = column {
                to.open(group.get_column_reader(column)?, &schema.column(column));
            }
        }
        Ok(())
    }

    /// Decodes the next rows of the row group; none at its end.
    fn fill(&mut self, columns: &Columns) -> ::parquet::errors::Result<()> {
        self.rows = 0;
        let rows = self.time.fill()?;
        let mut others = vec![self.id.fill()?, self.x.fill()?, self.y.fill()?];
        let strings = [
            (columns.kind, &mut self.kind),
            (columns.lane, &mut self.lane),
            (columns.edge, &mut self.edge),
        ];
        for (column, cells) in strings {
            if column.is_some() {
                others.push(cells.fill()?);
            }
        }
        if others.iter().any(|&other| other != rows) {
            let message = format!("columns of different lengths: {rows} and {others:?}");
            return Err(ParquetError::General(message));
        }
        self.rows = rows;
        Ok(())
    }
}

impl ParquetRows {
    /// Moves on to the next file of a folder.
    fn next_file(&mut self) -> Result<bool> {
        let Some(path) = self.more.pop_front() else {
            return Ok(false);
        };
        let trace = Trace::open(&path)?;
        self.input.name = path.display().to_string();
        self.input.path = Some(path);
        self.file = open_file(&self.input, trace)?;
        self.columns = Columns::find(&self.input, &self.file)?;
        self.batch = Batch::default();
        (self.group, self.at, self.row) = (0, 0, 0);
        Ok(true)
    }
}

impl Rows for ParquetRows {
    fn input(&mut self) -> &mut Input {
        &mut self.input
    }

    fn next_row(&mut self) -> Result<bool> {
        let started = self.batch.rows > 0;
        self.at += usize::from(started);
        self.row += u64::from(started);
        while self.at >= self.batch.rows {
            self.at = 0;
            let (batch, file, columns) = (&mut self.batch, &self.file, &self.columns);
            let group = &mut self.group;
            let more = guarded(|| {
                if batch.time.is_open() {
                    batch.fill(columns)?;
                }
                if batch.rows == 0 {
                    if *group == file.num_row_groups() {
                        return Ok(false);
                    }
                    batch.open_group(file, *group, columns)?;
                    *group += 1;
                }
                Ok(true)
            });
            let place = Place::Row(self.row);
            let more = more.map_err(|error| unreadable(&self.input, place, &error))?;
            if !more && !self.next_file()? {
                return Ok(false);
            }
        }
        let time_s = self.time_s();
        check(&self.input, self.place(), &self.columns.names[0], time_s)?;
        Ok(true)
    }

    fn place(&self) -> Place {
        Place::Row(self.row)
    }

    fn time_s(&self) -> f64 {
        self.batch
            .time
            .values
            .get(self.at)
            .copied()
            .unwrap_or(f64::NAN)
    }

    fn push_to(&mut self, step: &mut Step) -> Result<()> {
        let (columns, batch) = (&self.columns, &self.batch);
        let at = self.at;
        let row = Traits {
            id: batch.id.values[at].data(),
            kind: columns.kind.map(|_| batch.kind.values[at].data()),
            lane: columns.lane.map(|_| batch.lane.values[at].data()),
            edge: columns.edge.map(|_| batch.edge.values[at].data()),
        };
        if !self.input.takes(row) {
            return Ok(());
        }
        let place = Place::Row(self.row);
        let (x_m, y_m) = (batch.x.values[at], batch.y.values[at]);
        let [_, x_name, y_name] = &columns.names;
        check(&self.input, place, x_name, x_m)?;
        check(&self.input, place, y_name, y_m)?;
        self.input.add(step, row, [x_m, y_m], place)
    }

    fn not_later(&mut self) -> Error {
        let name = &self.columns.names[0];
        self.input.not_later(self.place(), name, self.time_s())
    }
}

fn check(input: &Input, place: Place, path: &str, value: f64) -> Result<()> {
    if is_plausible(value) {
        return Ok(());
    }
    let got = if value.is_nan() {
        "NaN or null".to_owned()
    } else {
        value.to_string()
    };
    Err(input.bad(place, path, format!("{NUMBER}, got {got}")))
}

thread_local! {
    /// Whether the library is running on this thread, so that a panic means a damaged file.
    static DECODING: Cell<bool> = const { Cell::new(false) };
}

/// Runs the library. A panic of its decoders on a damaged file is that file's error: it must neither end
/// the program nor print anything.
fn guarded<T>(
    decode: impl FnOnce() -> ::parquet::errors::Result<T>,
) -> ::parquet::errors::Result<T> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let print = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !DECODING.get() {
                print(panic);
            }
        }));
    });
    DECODING.set(true);
    let decoded = catch_unwind(AssertUnwindSafe(decode));
    DECODING.set(false);
    decoded.unwrap_or_else(|_| Err(ParquetError::General("the decoder gave up".into())))
}

fn unreadable(input: &Input, place: Place, error: &ParquetError) -> Error {
    match error {
        ParquetError::External(source) => match source.downcast_ref() {
            Some(error) => input.unreadable(place, error),
            None => input.bad(place, "", format!("cut off or damaged: {source}")),
        },
        _ => {
            let message = format!(
                "cut off or damaged: {}",
                shown(error.to_string().as_bytes())
            );
            input.bad(place, "", message)
        }
    }
}
