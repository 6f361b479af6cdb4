//! Standard input, kept in a temporary file: a survey, every seed and every policy read a trace anew.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read, Seek, SeekFrom};
use std::sync::{Arc, OnceLock};

/// As messages name it.
pub(super) const NAME: &str = "standard input";

/// A place in what came from standard input.
#[derive(Clone)]
pub(super) struct Spool {
    file: Arc<File>,
    length: u64,
    at: u64,
}

impl Spool {
    /// Reads standard input to its end where that was not done before. The file has no name, and is gone with the process.
    pub(super) fn open() -> io::Result<Self> {
        static SPOOL: OnceLock<Result<Spool, (io::ErrorKind, String)>> = OnceLock::new();
        let spool = SPOOL.get_or_init(|| fill().map_err(|e| (e.kind(), e.to_string())));
        let failed =
            |(kind, message): &(io::ErrorKind, String)| io::Error::new(*kind, message.clone());
        spool.as_ref().cloned().map_err(failed)
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// The same bytes from `at` on.
    pub(super) fn from(&self, at: u64) -> Self {
        Self { at, ..self.clone() }
    }
}

fn fill() -> io::Result<Spool> {
    let mut stdin = io::stdin().lock();
    if stdin.is_terminal() {
        return Err(io::Error::other("is a terminal: pipe a trace into it"));
    }
    let mut file = tempfile::tempfile()?;
    let length = io::copy(&mut stdin, &mut file)?;
    Ok(Spool {
        file: Arc::new(file),
        length,
        at: 0,
    })
}

impl Read for Spool {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = read_at(&self.file, out, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Spool {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

#[cfg(unix)]
fn read_at(file: &File, out: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, out, at)
}

#[cfg(windows)]
fn read_at(file: &File, out: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, out, at)
}
