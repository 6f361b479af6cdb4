//! The bytes of a trace, and text that limits how much its parser may buffer.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::spool::{self, Spool};
use crate::error::{Error, Result};
use crate::scenario::Simulation;

pub(super) const BUFFER: usize = 1 << 16;

/// Where a trace can be read, as often as it takes.
#[derive(Clone)]
pub(super) enum Source {
    File(PathBuf),
    /// The Parquet files of a folder, in the order of their names.
    Folder(Vec<PathBuf>),
    Memory(Bytes),
    Stdin,
    /// SUMO, started for every reader.
    Sumo(Simulation),
}

impl Source {
    /// The file, or the files of the folder, at `path`.
    pub(super) fn at(path: &Path) -> Result<Self> {
        if !path.is_dir() {
            return Ok(Self::File(path.to_owned()));
        }
        let list = || {
            let mut files = Vec::new();
            for entry in std::fs::read_dir(path)? {
                let file = entry?.path();
                let hidden = file
                    .file_name()
                    .is_some_and(|name| name.to_string_lossy().starts_with(['.', '_']));
                if !hidden && file.extension().is_some_and(|e| e == "parquet") {
                    files.push(file);
                }
            }
            files.sort();
            Ok(files)
        };
        let files = list().map_err(|error| Error::io(path, error))?;
        if files.is_empty() {
            let message =
                "is a folder without Parquet files: must be a trace, or a folder of *.parquet";
            return Err(Error::invalid(
                path.display().to_string(),
                None,
                "",
                message,
            ));
        }
        Ok(Self::Folder(files))
    }
}

/// The bytes of a trace.
pub(super) enum Trace {
    File(File),
    Memory(Bytes),
    Spool(Spool),
}

impl Trace {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let failed = |error| Error::io(path, error);
        // opening a named pipe may wait forever
        let found = std::fs::metadata(path).map_err(failed)?;
        if !found.is_file() && !found.is_dir() {
            let message = "must be a file: every seed reads it anew, a pipe can be read once";
            return Err(Error::invalid(
                path.display().to_string(),
                None,
                "",
                message,
            ));
        }
        File::open(path).map(Self::File).map_err(failed)
    }

    pub(super) fn stdin() -> Result<Self> {
        let spool = Spool::open();
        (spool.map(Self::Spool)).map_err(|error| Error::io(Path::new(spool::NAME), error))
    }

    /// The first bytes, without moving on.
    pub(super) fn magic(&mut self) -> io::Result<Vec<u8>> {
        const LONGEST: u64 = 8;
        let mut magic = Vec::new();
        match self {
            Self::File(file) => {
                file.take(LONGEST).read_to_end(&mut magic)?;
                file.seek(SeekFrom::Start(0))?;
            }
            Self::Spool(spool) => {
                spool.from(0).take(LONGEST).read_to_end(&mut magic)?;
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
            Self::Spool(spool) => Box::new(BufReader::with_capacity(BUFFER, spool)),
        }
    }
}

/// Text in ISO-8859-1 as UTF-8.
pub(super) struct Latin1<R> {
    inner: R,
    /// Decoded and not yet handed out.
    decoded: Vec<u8>,
    at: usize,
}

impl<R: BufRead> Latin1<R> {
    pub(super) fn new(inner: R) -> Self {
        Self {
            inner,
            decoded: Vec::new(),
            at: 0,
        }
    }
}

impl<R: BufRead> Read for Latin1<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.at == self.decoded.len() {
            let raw = self.inner.fill_buf()?;
            self.decoded.clear();
            self.at = 0;
            for &byte in raw {
                let mut utf8 = [0; 2];
                let text = char::from(byte).encode_utf8(&mut utf8);
                self.decoded.extend_from_slice(text.as_bytes());
            }
            let taken = raw.len();
            self.inner.consume(taken);
        }
        let n = (&self.decoded[self.at..]).read(out)?;
        self.at += n;
        Ok(n)
    }
}

/// Text that counts its lines and limits how much a parser may buffer.
pub(crate) struct Text {
    inner: Box<dyn BufRead + Send>,
    lines: u64,
    /// Bytes taken since the parser was last done with what it had.
    held: usize,
    /// Most that may be held.
    most: usize,
}

impl Text {
    /// Longest row, tag or comment: a quote that is never closed must not fill the memory.
    const LONGEST: usize = 1 << 20;
    /// Longest comment before the trace begins.
    const LONGEST_HEADER: usize = 64 << 20;

    pub(super) fn new(inner: Box<dyn BufRead + Send>) -> Self {
        Self {
            inner,
            lines: 0,
            held: 0,
            most: Self::LONGEST,
        }
    }

    /// A header may be long: SUMO copies its whole configuration into a comment.
    pub(super) fn begin_header(mut self) -> Self {
        self.most = Self::LONGEST_HEADER;
        self
    }

    /// From here on rows and tags are short again.
    pub(super) fn begin_body(&mut self) {
        self.most = Self::LONGEST;
    }

    /// The parser is done with everything taken so far.
    pub(crate) fn renew(&mut self) {
        self.held = 0;
    }

    /// The line at which the parser is, from 1.
    pub(super) fn line(&self) -> u64 {
        self.lines + 1
    }
}

impl BufRead for Text {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.held > self.most {
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
