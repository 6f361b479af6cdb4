//! The bytes of a trace, and text that bounds what its parser may gather.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::Path;

use bytes::Bytes;

use crate::error::{Error, Result};

pub(super) const BUFFER: usize = 1 << 16;

/// Where the bytes of a trace are.
pub(super) enum Trace {
    File(File),
    Memory(Bytes),
}

impl Trace {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let open = || {
            // opening a named pipe may wait forever
            let found = std::fs::metadata(path)?;
            if !found.is_file() && !found.is_dir() {
                let message = "must be a file: every seed reads it anew, a pipe can be read once";
                return Err(io::Error::other(message));
            }
            File::open(path).map(Self::File)
        };
        open().map_err(|error| Error::io(path, error))
    }

    /// The first bytes, without moving on.
    pub(super) fn magic(&mut self) -> io::Result<Vec<u8>> {
        const LONGEST: u64 = 4;
        let mut magic = Vec::new();
        match self {
            Self::File(file) => {
                file.take(LONGEST).read_to_end(&mut magic)?;
                file.seek(SeekFrom::Start(0))?;
            }
            Self::Memory(bytes) => {
                bytes.as_ref().take(LONGEST).read_to_end(&mut magic)?;
            }
        }
        Ok(magic)
    }

    pub(super) fn into_read(self) -> Box<dyn BufRead + Send> {
        match self {
            Self::File(file) => Box::new(BufReader::with_capacity(BUFFER, file)),
            Self::Memory(bytes) => Box::new(Cursor::new(bytes)),
        }
    }
}

/// Text that counts its lines and bounds what a parser may gather before it makes sense of it.
pub(super) struct Text {
    inner: Box<dyn BufRead + Send>,
    lines: u64,
    /// Bytes taken since the parser was last done with what it had.
    held: usize,
}

impl Text {
    /// Longest row, tag or comment: a quote that is never closed must not fill the memory.
    const LONGEST: usize = 1 << 20;

    pub(super) fn new(inner: Box<dyn BufRead + Send>) -> Self {
        Self {
            inner,
            lines: 0,
            held: 0,
        }
    }

    /// The parser is done with everything taken so far.
    pub(super) fn renew(&mut self) {
        self.held = 0;
    }

    /// The line at which the parser is, from 1.
    pub(super) fn line(&self) -> u64 {
        self.lines + 1
    }
}

impl BufRead for Text {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.held > Self::LONGEST {
            let message = "a single row or tag of more than 1 MiB";
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        // what is consumed is still buffered: this does not read
        if let Ok(buffered) = self.inner.fill_buf() {
            let taken = &buffered[..amount.min(buffered.len())];
            self.lines += taken
                .iter()
                .map(|&byte| u64::from(byte == b'\n'))
                .sum::<u64>();
        }
        self.held += amount;
        self.inner.consume(amount);
    }
}

impl Read for Text {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.fill_buf()?.read(out)?;
        self.consume(n);
        Ok(n)
    }
}
