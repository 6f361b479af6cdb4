//! The journal: what was accepted, in a file that survives a kill.
//!
//! A thread of its own writes it. All that waits is committed at once, and only then answered.

use crate::centre::{Change, Saved};
use redb::backends::FileBackend;
use redb::{Database, Durability, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use std::fs::{File, Metadata};
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use wayside_core::Error;

const TABLE: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("state");
/// Of the layout of the file.
const FORMAT: (&str, &[u8]) = ("format", b"2");
/// Name of the file.
const FILE: &str = "journal.redb";
/// Most jobs that wait for the journal: more hold up the centre, and so its clients.
const WAITING: usize = 1024;
/// Most jobs of a commit.
const AT_ONCE: usize = 512;
/// Memory for pages of the file \[bytes\]: the state is in memory anyway, and is read from the file at the start only.
const CACHE: usize = 16 << 20;
/// How long changes wait at most that nobody waits for. Each commit takes the disk's time: one for every lease that ends would hold up the answers.
const DEFERRED: Duration = Duration::from_millis(100);

/// Told whether the changes are durable.
pub(crate) type Done = Box<dyn FnOnce(bool) + Send>;

struct Job {
    changes: Vec<Change>,
    /// Whether they are all that the journal is to hold from now on.
    afresh: bool,
    done: Done,
}

/// Where changes go; without a file they count as durable at once.
pub(crate) struct Journal {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    /// Changes that nobody waits for, and when they are written at the latest.
    deferred: Vec<Change>,
    due: Option<Instant>,
}

impl Journal {
    /// None: nothing survives the process.
    pub(crate) fn none() -> Self {
        Self {
            jobs: None,
            thread: None,
            deferred: Vec::new(),
            due: None,
        }
    }

    /// Opens the journal in `folder`, which is made where it is missing, and returns what it holds.
    ///
    /// # Errors
    /// A folder or file that cannot be used, or that another process has.
    pub(crate) fn open(folder: &Path) -> wayside_core::Result<(Self, Saved)> {
        std::fs::create_dir_all(folder).map_err(|source| Error::io(folder, source))?;
        let path = folder.join(FILE);
        let failed = |error: redb::Error| Error::io(&path, std::io::Error::other(error));
        let (database, identity) = open(&path).map_err(failed)?;
        let mut saved = read(&database).map_err(failed)?;
        if saved
            .remove(FORMAT.0)
            .is_some_and(|format| format != FORMAT.1)
        {
            let message = "has another format: it was written by another version";
            return Err(Error::invalid(
                path.display().to_string(),
                None,
                "",
                message,
            ));
        }
        let (jobs, receiver) = mpsc::channel(WAITING);
        let writer = Writer {
            path: path.clone(),
            database: Some(database),
            identity,
        };
        let thread = thread::Builder::new().name("journal".to_owned());
        let thread = thread.spawn(move || writer.run(receiver));
        let journal = Self {
            jobs: Some(jobs),
            thread: Some(thread.map_err(|source| Error::io(&path, source))?),
            deferred: Vec::new(),
            due: None,
        };
        Ok((journal, saved))
    }

    /// Writes `changes` after all that came before, then tells `done`.
    pub(crate) async fn write(&mut self, changes: Vec<Change>, done: Done) {
        self.due = None;
        let mut all = std::mem::take(&mut self.deferred);
        all.extend(changes);
        self.send(all, false, done).await;
    }

    /// Writes `changes`, which nobody waits for, with the next that somebody waits for, or when they are [due](Self::due).
    pub(crate) fn defer(&mut self, changes: Vec<Change>) {
        if self.jobs.is_some() && !changes.is_empty() {
            self.due.get_or_insert_with(|| Instant::now() + DEFERRED);
            self.deferred.extend(changes);
        }
    }

    /// When what was deferred is to be [flushed](Self::flush).
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Writes what was deferred.
    pub(crate) async fn flush(&mut self) {
        if self.due.is_some() {
            self.write(Vec::new(), Box::new(|_| {})).await;
        }
    }

    /// Replaces all that the journal holds.
    pub(crate) async fn rewrite(&mut self, changes: Vec<Change>, done: Done) {
        self.deferred.clear();
        self.due = None;
        self.send(changes, true, done).await;
    }

    async fn send(&self, changes: Vec<Change>, afresh: bool, done: Done) {
        let Some(jobs) = &self.jobs else {
            return done(true);
        };
        let job = Job {
            changes,
            afresh,
            done,
        };
        if let Err(refused) = jobs.send(job).await {
            (refused.0.done)(false);
        }
    }

    /// Waits until all is written.
    pub(crate) async fn close(mut self) {
        self.flush().await;
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // a panic there has been reported, and answered as a failure
            let _ = thread.join();
        }
    }
}

struct Writer {
    path: PathBuf,
    /// None after a failure, until the whole state is written afresh.
    database: Option<Database>,
    /// Of the file that is written: at its path there may be another one, or none any more.
    identity: Identity,
}

/// What tells files apart, where the system has it.
type Identity = Option<(u64, u64)>;

impl Writer {
    fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        let mut batch = Vec::new();
        while jobs.blocking_recv_many(&mut batch, AT_ONCE) > 0 {
            let is_durable = match self.commit(&batch) {
                Ok(()) => true,
                Err(_) => {
                    self.database = None;
                    false
                }
            };
            for job in batch.drain(..) {
                (job.done)(is_durable);
            }
        }
    }

    fn commit(&mut self, jobs: &[Job]) -> Result<(), redb::Error> {
        if jobs.iter().all(|job| job.changes.is_empty() && !job.afresh) {
            return Ok(());
        }
        let database = match self.database.take() {
            Some(database) => database,
            // what is there may be anything: changes alone would not make it the state
            None if !jobs.iter().any(|job| job.afresh) => return Err(gone()),
            None => {
                let (database, identity) = reopen(&self.path)?;
                self.identity = identity;
                database
            }
        };
        let mut transaction = database.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        {
            let mut table = transaction.open_table(TABLE)?;
            for job in jobs {
                if job.afresh {
                    table.retain(|_, _| false)?;
                }
                for Change { key, value } in &job.changes {
                    match value {
                        Some(value) => drop(table.insert(key.as_str(), value.as_slice())?),
                        None => drop(table.remove(key.as_str())?),
                    }
                }
            }
            table.insert(FORMAT.0, FORMAT.1)?;
        }
        transaction.commit()?;
        let found = std::fs::metadata(&self.path).ok();
        if found.as_ref().and_then(identity_of) != self.identity {
            return Err(gone());
        }
        self.database = Some(database);
        Ok(())
    }
}

fn gone() -> redb::Error {
    redb::Error::Io(std::io::ErrorKind::NotFound.into())
}

fn open(path: &Path) -> Result<(Database, Identity), redb::Error> {
    let mut options = File::options();
    let options = options.read(true).write(true).create(true).truncate(false);
    let file = options.open(path)?;
    let identity = identity_of(&file.metadata()?);
    let backend = FileBackend::new(file)?;
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE);
    Ok((builder.create_with_backend(backend)?, identity))
}

/// Opens the journal again, in a folder that may be gone.
fn reopen(path: &Path) -> Result<(Database, Identity), redb::Error> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    open(path)
}

#[cfg(unix)]
fn identity_of(file: &Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt as _;
    Some((file.dev(), file.ino()))
}

#[cfg(not(unix))]
fn identity_of(_: &Metadata) -> Identity {
    None
}

fn read(database: &Database) -> Result<Saved, redb::Error> {
    let transaction = database.begin_read()?;
    let table = match transaction.open_table(TABLE) {
        Ok(table) => table,
        // a new file
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Saved::new()),
        Err(error) => return Err(error.into()),
    };
    let mut saved = Saved::new();
    for row in table.iter()? {
        let (key, value) = row?;
        saved.insert(key.value().to_owned(), value.value().to_owned());
    }
    Ok(saved)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(key: &str, value: &str) -> Change {
        Change {
            key: key.to_owned(),
            value: Some(value.as_bytes().to_vec()),
        }
    }

    fn remove(key: &str) -> Change {
        Change {
            key: key.to_owned(),
            value: None,
        }
    }

    /// What nobody waits for is written all the same: in order, with the next write, when it is due, at the end.
    #[tokio::test]
    async fn property_what_is_deferred_is_written_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let saved = || Journal::open(folder.path()).unwrap();
        let (mut journal, _) = saved();
        journal
            .write(vec![put("a", "1"), put("b", "1")], Box::new(|_| {}))
            .await;
        assert!(journal.due().is_none());
        journal.defer(vec![remove("a"), remove("b")]);
        assert!(journal.due().is_some());
        journal.write(vec![put("b", "2")], Box::new(|_| {})).await;
        assert!(journal.due().is_none());
        journal.close().await;
        let (mut journal, read) = saved();
        assert_eq!(read, Saved::from([("b".to_owned(), b"2".to_vec())]));

        journal.defer(vec![put("c", "1")]);
        journal.flush().await;
        assert!(journal.due().is_none());
        journal.defer(vec![remove("b")]);
        journal.close().await;
        let (mut journal, read) = saved();
        assert_eq!(read, Saved::from([("c".to_owned(), b"1".to_vec())]));

        // all that there is to be: what was deferred before is in it, or is over
        journal.defer(vec![put("d", "1")]);
        journal.rewrite(vec![put("e", "1")], Box::new(|_| {})).await;
        journal.close().await;
        assert_eq!(saved().1, Saved::from([("e".to_owned(), b"1".to_vec())]));
    }
}
