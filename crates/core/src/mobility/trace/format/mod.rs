//! Opens a trace: its content decides the format, not its name.

mod csv;
mod gpx;
mod ns2;
pub(super) mod parquet;
mod xml;

pub(super) use parquet::PROJECTION;

use std::io::{BufRead, BufReader, Cursor, Read};

use ::bzip2::bufread::MultiBzDecoder;
use ::flate2::bufread::MultiGzDecoder;
use ::lzma_rust2::XzReader;
use ::zstd::stream::read::Decoder as ZstdDecoder;

use super::bytes::{BUFFER, Latin1, Source, Text, Trace};
use super::step::{ByRow, Input, Place, StepReader};
use super::sumo::Sumo;
use super::tracks::Tracks;
use crate::error::Result;

/// Bytes of a file that tell what it is, and what that is called.
const OTHERS: [(&[u8], &str); 9] = [
    (b"PK\x03\x04", "a zip archive: unpack it"),
    (b"\xff\xfe", "UTF-16 text: convert it to UTF-8"),
    (b"\xfe\xff", "UTF-16 text: convert it to UTF-8"),
    (b"ARROW1", "Arrow or Feather: write it as Parquet"),
    (b"FEA1", "Feather: write it as Parquet"),
    (b"\x89HDF", "HDF5: write it as Parquet or CSV"),
    (b"SQLite f", "an SQLite database: export a table as CSV"),
    (b"7z\xbc\xaf", "a 7z archive: unpack it"),
    (b"\x1f\x9d", "compressed by compress: unpack it"),
];

const NEITHER: &str = "is neither SUMO FCD as XML, CSV or Parquet, nor another trace that is read";

/// The reader of `source`.
pub(super) fn reader(mut input: Input, source: &Source) -> Result<Box<dyn StepReader>> {
    let mut trace = match source {
        Source::Memory(bytes) => Trace::Memory(bytes.clone()),
        Source::File(path) => Trace::open(path)?,
        Source::Stdin => Trace::stdin()?,
        Source::Sumo(simulation) => {
            let read = whole_start(Sumo::start(simulation)?);
            let read = read.map_err(|error| input.unreadable(Place::File, &error))?;
            return text_reader(input, read);
        }
        Source::Folder(files) => {
            let rows = parquet::open(input, files.clone().into())?;
            return by_time(rows);
        }
    };
    let magic = trace
        .magic()
        .map_err(|error| input.unreadable(Place::File, &error))?;
    if magic.starts_with(b"PAR1") {
        return by_time(parquet::open_one(input, trace)?);
    }
    let (read, packed) = match unpacked(&magic, trace) {
        Ok(read) => read,
        Err(error) => return Err(input.unreadable(Place::File, &error)),
    };
    input.found.format = packed.to_owned();
    text_reader(input, read)
}

pub(super) type Bytes = Box<dyn BufRead + Send>;

/// The bytes of a pipe, which come in pieces: the first one is long enough to tell the format.
fn whole_start(mut pipe: Sumo) -> std::io::Result<Bytes> {
    const START: u64 = 4096;
    let mut start = Vec::new();
    pipe.by_ref().take(START).read_to_end(&mut start)?;
    let all = Cursor::new(start).chain(pipe);
    Ok(Box::new(BufReader::with_capacity(BUFFER, all)))
}

/// The bytes without their compression, and its name.
pub(super) fn unpacked(magic: &[u8], trace: Trace) -> std::io::Result<(Bytes, &'static str)> {
    /// Most memory that a file may make its decoder take [KiB].
    const XZ_MEMORY_KIB: u32 = 256 << 10;
    const ZSTD_WINDOW_LOG: u32 = 27;
    let raw = trace.into_read();
    let buffered = |inner: Box<dyn Read + Send>| -> Bytes {
        Box::new(BufReader::with_capacity(BUFFER, inner))
    };
    Ok(match magic {
        [0x1f, 0x8b, ..] => (buffered(Box::new(MultiGzDecoder::new(raw))), "gzip"),
        [b'B', b'Z', b'h', ..] => (buffered(Box::new(MultiBzDecoder::new(raw))), "bzip2"),
        [0xfd, b'7', b'z', b'X', b'Z', ..] => {
            let xz = XzReader::new_mem_limit(raw, true, XZ_MEMORY_KIB);
            (buffered(Box::new(xz)), "xz")
        }
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            let mut zstd = ZstdDecoder::with_buffer(raw)?;
            zstd.window_log_max(ZSTD_WINDOW_LOG)?;
            (buffered(Box::new(zstd)), "zstd")
        }
        _ => (raw, ""),
    })
}

/// Rows in the order of time, or gathered and laid onto steps.
fn by_time(rows: impl super::step::Rows + 'static) -> Result<Box<dyn StepReader>> {
    let mut rows = rows;
    let resample_s = rows.input().rules.resample_s;
    Ok(match resample_s {
        None => Box::new(ByRow::new(rows)),
        Some(step_s) => Box::new(Tracks::gather(rows, step_s)?),
    })
}

fn text_reader(mut input: Input, mut inner: Bytes) -> Result<Box<dyn StepReader>> {
    let start = match inner.fill_buf() {
        Ok(start) => start,
        Err(error) => return Err(input.unreadable(Place::File, &error)),
    };
    if let Some((_, what)) = OTHERS.iter().find(|(magic, _)| start.starts_with(magic)) {
        return Err(input.bad(Place::File, "", format!("is {what}")));
    }
    if start.starts_with(b"PAR1") {
        let message = "is a Parquet file that was compressed as a whole: unpack it";
        return Err(input.bad(Place::File, "", message));
    }
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    let text = start.trim_ascii_start();
    let packed = std::mem::take(&mut input.found.format);
    let mut reader = match text.first() {
        None => return Err(input.bad(Place::File, "", "must hold a trace, got an empty file")),
        Some(b'{' | b'[') => {
            return Err(input.bad(Place::File, "", "is JSON: write it as CSV or Parquet"));
        }
        Some(_) if text.iter().any(|&byte| byte < 9 || byte == 0x7f) => {
            return Err(input.bad(Place::File, "", NEITHER));
        }
        Some(b'<') if gpx::is(text) => gpx::open(input, Text::new(inner))?,
        Some(b'<') => match encoding(text) {
            Ok(Encoding::Utf8) => xml::open(input, Text::new(inner).begin_header())?,
            Ok(Encoding::Latin1) => {
                let utf8 = BufReader::with_capacity(BUFFER, Latin1::new(inner));
                xml::open(input, Text::new(Box::new(utf8)).begin_header())?
            }
            Err(other) => {
                let message = format!("declares {other}; UTF-8 and ISO-8859-1 are read");
                return Err(input.bad(Place::Line(1), "", message));
            }
        },
        Some(_) if ns2::is(text) => ns2::open(input, Text::new(inner))?,
        Some(_) => by_time(csv::open(input, Text::new(inner))?)?,
    };
    if !packed.is_empty() {
        let format = &mut reader.input().found.format;
        *format = format!("{format}, {packed}");
    }
    Ok(reader)
}

enum Encoding {
    Utf8,
    Latin1,
}

/// The encoding that an XML declaration names.
fn encoding(text: &[u8]) -> std::result::Result<Encoding, String> {
    let end = text.iter().position(|&byte| byte == b'>').unwrap_or(0);
    let declaration = String::from_utf8_lossy(&text[..end]);
    let Some((_, value)) = declaration.split_once("encoding=") else {
        return Ok(Encoding::Utf8);
    };
    let name = value.trim_matches(['"', '\'', '?', ' ']);
    let name: String = name
        .chars()
        .take_while(|c| !matches!(c, '"' | '\''))
        .collect();
    match name.to_ascii_lowercase().as_str() {
        "utf-8" | "utf8" | "us-ascii" | "ascii" => Ok(Encoding::Utf8),
        "iso-8859-1" | "latin1" | "latin-1" => Ok(Encoding::Latin1),
        _ if declaration.starts_with("<?xml") => Err(name.escape_default().to_string()),
        _ => Ok(Encoding::Utf8),
    }
}
