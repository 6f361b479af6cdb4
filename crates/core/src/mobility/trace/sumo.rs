//! SUMO itself: a process that simulates while a run reads what it writes.
//!
//! Its floating-car data comes through a pipe: SUMO waits where nobody reads, and nothing is on disk. Every reader of a
//! trace starts a process of its own, so a survey, a map's extent and every seed simulate anew. The process is ended when
//! its reader is dropped.

use std::env;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, ExitStatus, Stdio};
use std::sync::OnceLock;

use crate::error::{Error, Result};
use crate::process::Group;
use crate::scenario::Simulation;

/// What Wayside says itself, so that only floating-car data comes out and every process writes the same.
const OPTIONS: [&str; 14] = [
    "--fcd-output",
    "stdout",
    "--verbose",
    "false",
    "--print-options",
    "false",
    "--no-step-log",
    "true",
    "--duration-log.disable",
    "true",
    "--no-warnings",
    "true",
    "--random",
    "false",
];

const MISSING: &str = "needs the program sumo, which is not on PATH, not in SUMO_HOME/bin and not among Python's packages: \
                       install it with `pip install eclipse-sumo`, or name its folder by SUMO_HOME";

/// A running SUMO, as the bytes that it writes.
pub(super) struct Sumo {
    process: Group,
    stdout: ChildStdout,
    /// Without a name. Not a pipe: one that is full would stop SUMO, as nobody reads it before the end.
    stderr: File,
    ended: bool,
}

/// SUMO ended with an error; what it said.
#[derive(Debug)]
pub(super) struct Failed(String);

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failed {}

impl Failed {
    /// What SUMO said, where `error` is its failure.
    pub(super) fn of(error: &io::Error) -> Option<String> {
        let failed = error.get_ref()?.downcast_ref::<Self>()?;
        Some(failed.to_string())
    }
}

/// As messages name a simulation.
pub(super) fn name(simulation: &Simulation) -> String {
    simulation.config.display().to_string()
}

/// The program that would be started.
pub(super) fn program() -> Option<&'static Path> {
    found().map(|program| program.path.as_path())
}

impl Sumo {
    pub(super) fn start(simulation: &Simulation) -> Result<Self> {
        let name = name(simulation);
        let config = &simulation.config;
        if let Err(error) = File::open(config) {
            let message = format!("cannot be read: {error}");
            return Err(Error::invalid(name, None, "fleet.mobility.config", message));
        }
        let program =
            found().ok_or_else(|| Error::invalid(&*name, None, "fleet.mobility", MISSING))?;
        let mut command = program.command();
        let file = config.file_name().unwrap_or(config.as_os_str());
        command.arg("-c").arg(file);
        command.args(OPTIONS).args(&simulation.options);
        // paths among the options are relative to the configuration, like those in it
        if let Some(folder) = config.parent().filter(|f| !f.as_os_str().is_empty()) {
            command.current_dir(folder);
        }
        Self::spawn(command).map_err(|error| {
            let message = format!("cannot start {}: {error}", program.path.display());
            Error::invalid(name, None, "fleet.mobility", message)
        })
    }

    fn spawn(mut command: Command) -> io::Result<Self> {
        let stderr = tempfile::tempfile()?;
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr.try_clone()?);
        // in a group: the script of the PyPI package starts a process in turn
        let mut process = Group::start(&mut command)?;
        let stdout = process.child().stdout.take().expect("it is piped");
        Ok(Self {
            process,
            stdout,
            stderr,
            ended: false,
        })
    }

    /// Waits for the end of a process that has closed its output.
    fn end(&mut self) -> io::Result<()> {
        let status = self.process.wait()?;
        self.ended = true;
        if status.success() {
            return Ok(());
        }
        let mut said = Vec::new();
        self.stderr.seek(SeekFrom::Start(0))?;
        self.stderr.read_to_end(&mut said)?;
        let message = failure(status, &String::from_utf8_lossy(&said));
        Err(io::Error::other(Failed(message)))
    }
}

/// The errors among what SUMO has said.
fn failure(status: ExitStatus, said: &str) -> String {
    const MOST_LINES: usize = 10;
    let mut message = format!("sumo failed ({status})");
    let lines = said.lines().map(str::trim);
    let told = lines.filter(|line| !line.is_empty() && !line.starts_with("Quitting"));
    for line in told.take(MOST_LINES) {
        let _ = write!(message, ": {}", line.trim_start_matches("Error: "));
    }
    message
}

impl Read for Sumo {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.ended {
            return Ok(0);
        }
        let read = self.stdout.read(out)?;
        if read == 0 && !out.is_empty() {
            self.end()?;
        }
        Ok(read)
    }
}

/// Where SUMO is.
struct Program {
    path: PathBuf,
    /// The folder of the PyPI package, which needs to be told.
    home: Option<PathBuf>,
}

impl Program {
    fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        if let Some(home) = &self.home {
            let proj = home.join("data").join("proj");
            for (name, value) in [
                ("SUMO_HOME", home),
                ("PROJ_LIB", &proj),
                ("PROJ_DATA", &proj),
            ] {
                if env::var_os(name).is_none() {
                    command.env(name, value);
                }
            }
        }
        command
    }
}

/// Looked for once.
fn found() -> Option<&'static Program> {
    static FOUND: OnceLock<Option<Program>> = OnceLock::new();
    FOUND
        .get_or_init(|| {
            let path = env::var_os("PATH").unwrap_or_default();
            let home = env::var_os("SUMO_HOME").map(PathBuf::from);
            let folders = env::split_paths(&path).filter(|folder| folder.is_absolute());
            let at_home = home.into_iter().map(|home| home.join("bin"));
            let mut all = folders.chain(at_home).map(program_in);
            let plain = all.find(|program| program.is_file());
            plain
                .map(|path| Program { path, home: None })
                .or_else(of_python)
        })
        .as_ref()
}

fn program_in(folder: PathBuf) -> PathBuf {
    folder.join(format!("sumo{}", env::consts::EXE_SUFFIX))
}

/// The PyPI package `eclipse-sumo` of the first Python that has it.
fn of_python() -> Option<Program> {
    const ASK: &str = "import importlib.util as u; s = u.find_spec('sumo'); \
                       print(s.submodule_search_locations[0] if s and s.submodule_search_locations else '')";
    ["python3", "python", "py"].into_iter().find_map(|python| {
        // isolated: a folder `sumo` where the user works is no package
        let asked = Command::new(python)
            .args(["-I", "-c", ASK])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()
            .ok()?;
        let home = PathBuf::from(String::from_utf8(asked.stdout).ok()?.trim_end());
        let path = program_in(home.join("bin"));
        let home = Some(home);
        path.is_file().then_some(Program { path, home })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn closed_form_a_failure_tells_what_sumo_said() {
        use std::os::unix::process::ExitStatusExt as _;
        let said = "Error: File 'a.net.xml' is not accessible.\n\nQuitting (on error).\n";
        let message = failure(ExitStatus::from_raw(1 << 8), said);
        let told = "sumo failed (exit status: 1): File 'a.net.xml' is not accessible.";
        assert_eq!(message, told);
    }
}
