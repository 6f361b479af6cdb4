//! Opens a trace: its format is told by its content, never by its name.

mod csv;
mod parquet;
mod xml;

use std::io::{BufRead, BufReader};

use flate2::bufread::MultiGzDecoder;

use super::bytes::{BUFFER, Text, Trace};
use super::step::{Input, Place, StepReader};
use crate::error::Result;

pub(super) fn reader(input: Input, mut trace: Trace) -> Result<Box<dyn StepReader>> {
    let magic = trace
        .magic()
        .map_err(|error| input.unreadable(Place::File, &error))?;
    match magic.as_slice() {
        b"PAR1" => parquet::open(input, trace),
        [0x1f, 0x8b, ..] => {
            let unzipped = MultiGzDecoder::new(trace.into_read());
            text_reader(input, Box::new(BufReader::with_capacity(BUFFER, unzipped)))
        }
        _ => text_reader(input, trace.into_read()),
    }
}

fn text_reader(input: Input, mut inner: Box<dyn BufRead + Send>) -> Result<Box<dyn StepReader>> {
    let start = match inner.fill_buf() {
        Ok(start) => start,
        Err(error) => return Err(input.unreadable(Place::File, &error)),
    };
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    match start.trim_ascii_start().first() {
        None => Err(input.bad(Place::File, "", "must hold a trace, got an empty file")),
        Some(b'<') => xml::open(input, Text::new(inner)),
        Some(_) => csv::open(input, Text::new(inner)),
    }
}
