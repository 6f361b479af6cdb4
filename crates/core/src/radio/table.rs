//! Gains from other tools: a table with a row per instant, vehicle and RSU, read instant by instant.

use std::collections::BTreeMap;
use std::mem;
use std::ops::Range;
use std::path::Path;

use ::csv::{ByteRecord, ErrorKind, Reader, ReaderBuilder};

use crate::error::{Error, Problem, Problems, Result};
use crate::mobility::trace::{self, Text};

/// The columns that are read, in any order.
const COLUMNS: [&str; 4] = ["time_s", "vehicle", "rsu", "gain_db"];

/// Instants closer than this are the same.
const SAME_INSTANT_S: f64 = 1e-6;

/// Problems of one instant after which reading ends, and the most repeated rows of it that are named.
const MOST_PROBLEMS: usize = 20;

/// A table at an instant. Two instants are in memory, whatever its length.
pub struct Gains {
    file: String,
    reader: Reader<Text>,
    columns: [usize; 4],
    /// The row read last, which begins the instant after `next`.
    row: ByteRecord,
    has_row: bool,
    /// Row of every RSU by its name.
    rsus: BTreeMap<String, u32>,
    now: Instant,
    next: Option<Instant>,
}

/// The gains of one instant, by vehicle and RSU.
#[derive(Debug, Default)]
struct Instant {
    time_s: f64,
    names: Vec<u8>,
    rows: Vec<Row>,
}

/// One gain.
#[derive(Clone, Debug)]
pub struct Row {
    name: Range<usize>,
    /// Row of the RSU.
    pub rsu: u32,
    /// The gain, antennas included \[dB\].
    pub gain_db: f64,
    line: usize,
}

impl Gains {
    /// Opens the table of a file, CSV or Parquet, compressed or not, for RSUs of these names.
    ///
    /// # Errors
    /// A file that cannot be read; everything that is wrong with its first instant.
    pub fn open(path: &str, rsus: &[String]) -> Result<Self> {
        Self::begin(path, trace::text(Path::new(path))?, rsus)
    }

    /// The same of a table in memory, called `name` in messages.
    ///
    /// # Errors
    /// Everything that is wrong with its first instant.
    pub fn from_bytes(name: &str, bytes: Vec<u8>, rsus: &[String]) -> Result<Self> {
        Self::begin(name, trace::text_of(name, bytes)?, rsus)
    }

    fn begin(file: &str, text: Text, rsus: &[String]) -> Result<Self> {
        let mut reader = ReaderBuilder::new().from_reader(text);
        let header = reader.byte_headers().map_err(|e| unreadable(file, &e))?;
        let mut columns = [0; 4];
        let mut problems = Problems::default();
        for (at, name) in columns.iter_mut().zip(COLUMNS) {
            let mut places =
                (0..header.len()).filter(|&i| header[i].trim_ascii() == name.as_bytes());
            match (places.next(), places.next()) {
                (Some(place), None) => *at = place,
                (found, _) => problems.push(Problem {
                    file: file.to_owned(),
                    line: Some(1),
                    path: name.to_owned(),
                    message: match found {
                        None => "missing column".to_owned(),
                        Some(_) => "must be one column, got two".to_owned(),
                    },
                }),
            }
        }
        problems.into_result(())?;
        let mut gains = Self {
            file: file.to_owned(),
            reader,
            columns,
            row: ByteRecord::new(),
            has_row: false,
            rsus: rsus.iter().cloned().zip(0..).collect(),
            now: Instant::default(),
            next: None,
        };
        gains.next_row()?;
        gains.next = gains.read(Instant::default())?;
        if gains.next.is_none() {
            let message = "must have a row below its header, got none";
            return Err(Error::invalid(file, None, "", message));
        }
        Ok(gains)
    }

    /// Moves on to `time_s`, from the start of the run: to the last instant that is not after it.
    ///
    /// # Errors
    /// A table that begins later or ends before; everything that is wrong with an instant.
    pub fn advance(&mut self, time_s: f64) -> Result<()> {
        while let Some(next) = self
            .next
            .take_if(|next| next.time_s <= time_s + SAME_INSTANT_S)
        {
            let past = mem::replace(&mut self.now, next);
            self.next = self.read(past)?;
        }
        let message = match &self.next {
            Some(next) if self.now.rows.is_empty() => {
                format!(
                    "the gains begin at {} s, {time_s} s was asked for",
                    next.time_s
                )
            }
            None if self.now.time_s < time_s - SAME_INSTANT_S => {
                format!(
                    "the gains end at {} s, {time_s} s was asked for",
                    self.now.time_s
                )
            }
            _ => return Ok(()),
        };
        Err(Error::invalid(&self.file, None, "channel.table", message))
    }

    /// The gains of the vehicle called `name`, by RSU; none where the table does not have it at this instant.
    #[must_use]
    pub fn of(&self, name: &[u8]) -> &[Row] {
        let Instant { names, rows, .. } = &self.now;
        let name_of = |row: &Row| &names[row.name.clone()];
        let first = rows.partition_point(|row| name_of(row) < name);
        let count = rows[first..].partition_point(|row| name_of(row) == name);
        &rows[first..first + count]
    }

    /// What to say where no vehicle of the run, such as `name`, is in the table.
    #[must_use]
    pub fn strange(&self, name: &[u8]) -> Error {
        let shown = |name: &[u8]| format!("{:?}", shortened(name));
        let row = &self.now.rows[0];
        let message = format!(
            "must name vehicles of the run, such as {}, got {} and no other that is there",
            shown(name),
            shown(&self.now.names[row.name.clone()])
        );
        Error::invalid(&self.file, Some(row.line), COLUMNS[1], message)
    }

    /// Reads the instant that the present row begins, if there is one, into memory no longer needed.
    fn read(&mut self, mut memory: Instant) -> Result<Option<Instant>> {
        if !self.has_row {
            return Ok(None);
        }
        memory.names.clear();
        memory.rows.clear();
        let mut problems = Problems::default();
        match self.time_s() {
            Ok(time_s) => memory.time_s = time_s,
            Err(problem) => problems.push(problem),
        }
        while self.has_row && problems.0.len() < MOST_PROBLEMS {
            match self.time_s() {
                Ok(time_s) if time_s > memory.time_s + SAME_INSTANT_S => break,
                Ok(time_s) if time_s < memory.time_s - SAME_INSTANT_S => {
                    let message = format!(
                        "must be in the order of time, got {time_s} after {}",
                        memory.time_s
                    );
                    problems.push(self.bad(0, message));
                    // it is of another instant, and so no repeat of a row of this one
                    self.next_row()?;
                    continue;
                }
                // the first one is named already
                Err(problem) if !problems.0.contains(&problem) => problems.push(problem),
                _ => {}
            }
            match self.gain(&mut memory.names) {
                Ok(row) => memory.rows.push(row),
                Err(found) => found
                    .0
                    .into_iter()
                    .for_each(|problem| problems.push(problem)),
            }
            self.next_row()?;
        }
        let Instant { names, rows, .. } = &mut memory;
        let key = |row: &Row| (&names[row.name.clone()], row.rsu);
        rows.sort_by(|a, b| key(a).cmp(&key(b)));
        for pair in rows
            .windows(2)
            .filter(|pair| key(&pair[0]) == key(&pair[1]))
            .take(MOST_PROBLEMS)
        {
            problems.push(Problem {
                file: self.file.clone(),
                line: Some(pair[1].line),
                path: COLUMNS[3].to_owned(),
                message: format!("must be there once, is in line {} too", pair[0].line),
            });
        }
        problems.into_result(Some(memory))
    }

    fn next_row(&mut self) -> Result<()> {
        self.reader.get_mut().renew();
        let more = self.reader.read_byte_record(&mut self.row);
        self.has_row = more.map_err(|error| unreadable(&self.file, &error))?;
        Ok(())
    }

    /// The vehicle, the RSU and the gain of the present row; the name goes to the end of `names`.
    fn gain(&self, names: &mut Vec<u8>) -> std::result::Result<Row, Problems> {
        let mut problems = Problems::default();
        let name = self.cell(1);
        if name.is_empty() {
            problems.push(self.bad(1, "must be the name of a vehicle, got nothing"));
        }
        let rsu = std::str::from_utf8(self.cell(2)).ok();
        let rsu = rsu.and_then(|name| self.rsus.get(name)).copied();
        if rsu.is_none() {
            let got = shortened(self.cell(2));
            problems.push(self.bad(2, format!("must be an RSU of the scenario, got {got:?}")));
        }
        let gain_db = self.number(3, -1000.0..=200.0);
        let gain_db = gain_db
            .map_err(|problem| problems.push(problem))
            .unwrap_or(0.0);
        match rsu {
            Some(rsu) if problems.0.is_empty() => {
                let first = names.len();
                names.extend_from_slice(name);
                Ok(Row {
                    name: first..names.len(),
                    rsu,
                    gain_db,
                    line: self.line(),
                })
            }
            _ => Err(problems),
        }
    }

    fn time_s(&self) -> std::result::Result<f64, Problem> {
        self.number(0, -1e12..=1e12)
    }

    fn number(
        &self,
        column: usize,
        range: std::ops::RangeInclusive<f64>,
    ) -> std::result::Result<f64, Problem> {
        let text = self.cell(column);
        let value = std::str::from_utf8(text)
            .ok()
            .and_then(|text| text.parse::<f64>().ok());
        value.filter(|value| range.contains(value)).ok_or_else(|| {
            let (least, most) = (range.start(), range.end());
            let got = shortened(text);
            self.bad(
                column,
                format!("must be a number between {least} and {most}, got {got:?}"),
            )
        })
    }

    fn cell(&self, column: usize) -> &[u8] {
        self.row
            .get(self.columns[column])
            .unwrap_or_default()
            .trim_ascii()
    }

    fn line(&self) -> usize {
        let line = self.row.position().map_or(0, |position| position.line());
        usize::try_from(line).unwrap_or(0)
    }

    fn bad(&self, column: usize, message: impl Into<String>) -> Problem {
        Problem {
            file: self.file.clone(),
            line: Some(self.line()),
            path: COLUMNS[column].to_owned(),
            message: message.into(),
        }
    }
}

fn unreadable(file: &str, error: &::csv::Error) -> Error {
    let line = error
        .position()
        .and_then(|position| usize::try_from(position.line()).ok());
    let message = match error.kind() {
        ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => format!("must have {expected_len} columns like the header, got {len}"),
        ErrorKind::Io(error) => format!("cut off or damaged: {error}"),
        _ => error.to_string(),
    };
    Error::invalid(file, line, "", message)
}

/// A value as messages quote it.
fn shortened(text: &[u8]) -> String {
    String::from_utf8_lossy(text).chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Streams;

    const TABLE: &str = "rsu,time_s,gain_db,vehicle,los\n\
                         b,0,-90.5,car1,1\na,0,-80,car1,1\na,0,-100,car2,0\n\
                         a,1.5,-81,car1,1\n\
                         b,3,-91,car2,1\n";

    fn gains(text: &str) -> Result<Gains> {
        let rsus = ["a", "b"].map(str::to_owned);
        Gains::from_bytes("g.csv", text.as_bytes().to_vec(), &rsus)
    }

    fn at(gains: &Gains, name: &str) -> Vec<(u32, f64)> {
        let rows = gains.of(name.as_bytes()).iter();
        rows.map(|row| (row.rsu, row.gain_db)).collect()
    }

    #[test]
    fn closed_form_an_instant_holds_until_the_next() {
        let mut gains = gains(TABLE).unwrap();
        for _ in 0..2 {
            gains.advance(0.0).unwrap();
            assert_eq!(at(&gains, "car1"), [(0, -80.0), (1, -90.5)]);
            assert_eq!(at(&gains, "car2"), [(0, -100.0)]);
            assert!(at(&gains, "car").is_empty() && at(&gains, "car3").is_empty());
        }
        gains.advance(2.0).unwrap();
        assert_eq!(at(&gains, "car1"), [(0, -81.0)]);
        assert!(at(&gains, "car2").is_empty());
        gains.advance(3.0).unwrap();
        assert_eq!(at(&gains, "car2"), [(1, -91.0)]);
        let error = gains.advance(4.0).unwrap_err().to_string();
        assert_eq!(
            error,
            "g.csv: channel.table: the gains end at 3 s, 4 s was asked for"
        );
    }

    #[test]
    fn regress_every_problem_of_an_instant_is_named() {
        let refused = |text: &str| gains(text).map(|_| ()).unwrap_err().to_string();
        let error = refused("time_s,vehicle,gain_db,gain_db\n0,v,1,1\n");
        let expected =
            "g.csv:1: gain_db: must be one column, got two\ng.csv:1: rsu: missing column";
        assert_eq!(error, expected);
        let error = refused("time_s,vehicle,rsu,gain_db\n0,,c,x\n0,v,a,-1\n0,w,a,-1\n0,v,a,-2\n");
        let expected = "g.csv:2: gain_db: must be a number between -1000 and 200, got \"x\"\n\
                        g.csv:2: rsu: must be an RSU of the scenario, got \"c\"\n\
                        g.csv:2: vehicle: must be the name of a vehicle, got nothing\n\
                        g.csv:5: gain_db: must be there once, is in line 3 too";
        assert_eq!(error, expected);
        let error = refused("time_s,vehicle,rsu,gain_db\n1,v,a,-1\n0,v,b,-1\n");
        assert_eq!(
            error,
            "g.csv:3: time_s: must be in the order of time, got 0 after 1"
        );
        let error = refused("time_s,vehicle,rsu,gain_db\n");
        assert_eq!(error, "g.csv: must have a row below its header, got none");
        let mut late = gains("time_s,vehicle,rsu,gain_db\n2,v,a,-1\n").unwrap();
        let error = late.advance(0.0).unwrap_err().to_string();
        assert_eq!(
            error,
            "g.csv: channel.table: the gains begin at 2 s, 0 s was asked for"
        );
    }

    #[test]
    fn regress_a_damaged_table_does_not_flood() {
        let problems = |text: &str| match gains(text).map(|_| ()).unwrap_err() {
            Error::Invalid(problems) => problems.0,
            other => panic!("{other:?}"),
        };
        let header = "time_s,vehicle,rsu,gain_db\n";
        let repeated = problems(&(header.to_owned() + &"0,v,a,-1\n".repeat(5000)));
        assert_eq!(repeated.len(), MOST_PROBLEMS);
        // a row out of order is not a repeat too
        let back = problems(&format!("{header}1,v,a,-1\n0,v,a,-1\n1,v,b,-1\n"));
        let named: Vec<_> = back.iter().map(|p| (p.line, p.path.as_str())).collect();
        assert_eq!(named, [(Some(3), "time_s")]);
    }

    #[test]
    fn property_damaged_tables_never_panic() {
        let mut rng = Streams::new(5).stream("mutations");
        for _ in 0..3000 {
            let mut bytes = TABLE.as_bytes().to_vec();
            for _ in 0..1 + rng.below(4) {
                let place = rng.below(bytes.len());
                bytes[place] = rng.below(256) as u8;
            }
            let rsus = ["a", "b"].map(str::to_owned);
            if let Ok(mut gains) = Gains::from_bytes("g.csv", bytes, &rsus) {
                for t in 0..4 {
                    if gains.advance(f64::from(t)).is_err() {
                        break;
                    }
                    assert!(at(&gains, "car1").iter().all(|&(rsu, _)| rsu < 2));
                }
            }
        }
    }
}
