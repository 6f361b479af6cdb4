//! Gives the Parquet library access to our bytes.

use std::fs::File;
use std::io::{BufReader, Read};

use ::parquet::errors::ParquetError;
use ::parquet::file::reader::{ChunkReader, Length};
use bytes::Bytes;

use crate::mobility::trace::bytes::Trace;

impl Length for Trace {
    fn len(&self) -> u64 {
        match self {
            Self::File(file) => file.len(),
            Self::Memory(bytes) => bytes.len() as u64,
            Self::Spool(spool) => spool.length(),
        }
    }
}

/// Checks every range against the length first: the library allocates what a damaged header claims.
impl ChunkReader for Trace {
    type T = Box<dyn Read>;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        within(start, 0, self.len())?;
        Ok(match self {
            Self::File(file) => Box::new(<File as ChunkReader>::get_read(file, start)?),
            Self::Memory(bytes) => Box::new(bytes.get_read(start)?),
            Self::Spool(spool) => Box::new(BufReader::new(spool.from(start))),
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        within(start, length, self.len())?;
        match self {
            Self::File(file) => file.get_bytes(start, length),
            Self::Memory(bytes) => bytes.get_bytes(start, length),
            Self::Spool(spool) => {
                let mut bytes = vec![0; length];
                spool.from(start).read_exact(&mut bytes)?;
                Ok(bytes.into())
            }
        }
    }
}

fn within(start: u64, length: usize, total: u64) -> parquet::errors::Result<()> {
    match start.checked_add(length as u64) {
        Some(end) if end <= total => Ok(()),
        _ => Err(ParquetError::EOF(format!(
            "{length} bytes at {start} reach beyond the end of the file ({total} bytes)"
        ))),
    }
}
