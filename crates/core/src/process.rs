//! Other programs that work for this one: each in a process group of its own, with all that it starts in turn, which ends with it.

use std::collections::BTreeSet;
use std::io;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A program with all that it starts in turn. Dropped, it is ended.
#[derive(Debug)]
pub struct Group {
    child: Child,
    ended: bool,
}

impl Group {
    /// Starts `command`. Ctrl-C does not reach it: that is this process's to handle.
    ///
    /// # Errors
    /// It cannot be started, or [`end_all`] was called.
    pub fn start(command: &mut Command) -> io::Result<Self> {
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        let mut running = running();
        if running.closed {
            return Err(io::Error::other("the program ends"));
        }
        let child = command.spawn()?;
        running.ids.insert(child.id());
        Ok(Self {
            child,
            ended: false,
        })
    }

    /// The program, for its pipes.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait()?;
        self.ended = true;
        running().ids.remove(&self.child.id());
        Ok(status)
    }

    /// How it ended, once it has; then all that it had started in turn is ended too.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        if !has_exited(&mut self.child)? {
            return Ok(None);
        }
        // until it is waited for, its id belongs to no other process
        kill(self.child.id());
        self.wait().map(Some)
    }

    /// Ends it, if it has not ended by itself.
    pub fn end(&mut self) {
        if !self.ended {
            // until it is waited for, its id belongs to no other process
            kill(self.child.id());
            _ = self.child.kill();
            _ = self.wait();
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end();
    }
}

/// The programs that were started and not waited for.
struct Running {
    ids: BTreeSet<u32>,
    /// No more may be started.
    closed: bool,
}

fn running() -> MutexGuard<'static, Running> {
    static RUNNING: Mutex<Running> = Mutex::new(Running {
        ids: BTreeSet::new(),
        closed: false,
    });
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends every program that runs for this process, and lets none start: for a process that ends without dropping them.
pub fn end_all() {
    let mut running = running();
    running.closed = true;
    running.ids.iter().copied().for_each(kill);
}

#[cfg(unix)]
fn kill(id: u32) {
    use rustix::process::{Pid, Signal, kill_process_group};
    if let Some(pid) = i32::try_from(id).ok().and_then(Pid::from_raw) {
        _ = kill_process_group(pid, Signal::KILL);
    }
}

#[cfg(not(unix))]
fn kill(_: u32) {}

/// Whether it has exited; it is not waited for.
#[cfg(unix)]
fn has_exited(child: &mut Child) -> io::Result<bool> {
    use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or(io::ErrorKind::NotFound)?;
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    Ok(waitid(WaitId::Pid(pid), options)?.is_some())
}

#[cfg(not(unix))]
fn has_exited(child: &mut Child) -> io::Result<bool> {
    Ok(child.try_wait()?.is_some())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::io::Read as _;
    use std::process::Stdio;

    #[test]
    fn property_a_program_ends_with_all_that_it_has_started() {
        let mut command = Command::new("sh");
        command
            .args(["-c", "sleep 300 & echo up; sleep 300"])
            .stdout(Stdio::piped());
        let mut group = Group::start(&mut command).unwrap();
        let mut stdout = group.child().stdout.take().unwrap();
        let mut up = [0; 3];
        stdout.read_exact(&mut up).unwrap();
        drop(group);
        // the pipe is open as long as any of them lives
        assert_eq!(stdout.read(&mut up).unwrap(), 0);
    }
    #[test]
    fn property_what_a_program_leaves_behind_ends_with_it() {
        let mut command = Command::new("sh");
        command
            .args(["-c", "sleep 300 & exit 3"])
            .stdout(Stdio::piped());
        let mut group = Group::start(&mut command).unwrap();
        let mut stdout = group.child().stdout.take().unwrap();
        let status = loop {
            if let Some(status) = group.try_wait().unwrap() {
                break status;
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        };
        assert_eq!(status.code(), Some(3));
        assert_eq!(stdout.read(&mut [0; 1]).unwrap(), 0);
    }
}
