//! The Python package: its tests, on what cargo has built, and its wheel.

use crate::{command, root, succeeds};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

/// Interpreters looked for, where `WAYSIDE_PYTHON` names none.
const NAMES: [&str; 3] = ["python3", "python", "py"];

/// Runs the tests of the package on the extension that `cargo build` leaves: no second build for a wheel.
pub(crate) fn tests() -> bool {
    if env::var_os("WAYSIDE_PYTHON").is_some_and(|python| python.is_empty()) {
        eprintln!("left out: WAYSIDE_PYTHON is empty");
        return true;
    }
    let Some(venv) = environment() else {
        return false;
    };
    // as `cargo xtask test` has built it: parts of the workspace have other features, and would be built anew
    if !succeeds(&mut command(&["build", "--workspace"])) {
        return false;
    }
    if let Err(e) = install(&venv) {
        eprintln!("the package cannot be laid into {}: {e}", venv.display());
        return false;
    }
    let program = format!("wayside{}", env::consts::EXE_SUFFIX);
    succeeds(
        // not `python -m pytest`: it would find the sources of the package before the package
        Command::new(program_of(&venv, "pytest"))
            .args(["-q", "-p", "no:cacheprovider"])
            .current_dir(root().join("python"))
            .env("WAYSIDE_BIN", built(&program)),
    )
}

/// Builds the wheel into `target/wheels`.
pub(crate) fn wheel() -> bool {
    let Some(venv) = environment() else {
        return false;
    };
    succeeds(
        Command::new(program_of(&venv, "maturin"))
            .args(["build", "--release", "--locked", "--interpreter"])
            .arg(program_of(&venv, "python"))
            .current_dir(root().join("python")),
    )
}

/// A virtual environment with everything that the tests need; it says itself what is missing.
fn environment() -> Option<PathBuf> {
    let venv = root().join("target/python/venv");
    let wanted = fs::read_to_string(root().join("python/requirements.txt")).ok()?;
    let mark = venv.join("requirements.txt");
    if fs::read_to_string(&mark).is_ok_and(|there| there == wanted) {
        return Some(venv);
    }
    let python = interpreter()?;
    let created = succeeds(
        Command::new(python)
            .args(["-m", "venv", "--clear"])
            .arg(&venv),
    );
    let installed = created
        && succeeds(
            Command::new(program_of(&venv, "python"))
                .args([
                    "-m",
                    "pip",
                    "install",
                    "--quiet",
                    "--disable-pip-version-check",
                    "-r",
                ])
                .arg(root().join("python/requirements.txt")),
        );
    if !installed {
        eprintln!(
            "no virtual environment with python/requirements.txt: are `venv` and PyPI at hand?"
        );
        return None;
    }
    fs::write(mark, wanted).ok()?;
    Some(venv)
}

fn interpreter() -> Option<String> {
    let suits = |name: &str| {
        let code = "import sys; sys.exit(sys.version_info < (3, 10))";
        let run = Command::new(name).args(["-c", code]).output();
        run.is_ok_and(|o| o.status.success())
    };
    let named = env::var("WAYSIDE_PYTHON").ok();
    let names = named.iter().map(String::as_str);
    let names: Vec<_> = if named.is_some() {
        names.collect()
    } else {
        NAMES.to_vec()
    };
    let found = names.iter().find(|name| suits(name));
    if found.is_none() {
        eprintln!(
            "Python is missing: no {} of version 3.10 or later. Install one, name it by WAYSIDE_PYTHON, or leave \
             Python out with WAYSIDE_PYTHON= (empty)",
            names.join(", ")
        );
    }
    found.map(|name| (*name).to_owned())
}

fn program_of(venv: &Path, name: &str) -> PathBuf {
    let folder = if cfg!(windows) { "Scripts" } else { "bin" };
    venv.join(folder)
        .join(format!("{name}{}", env::consts::EXE_SUFFIX))
}

fn built(file: &str) -> PathBuf {
    let target =
        env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    target.join("debug").join(file)
}

/// Lays package and extension side by side among what is installed.
fn install(venv: &Path) -> io::Result<()> {
    let code = "import sysconfig; print(sysconfig.get_path('purelib'))";
    let said = Command::new(program_of(venv, "python"))
        .args(["-c", code])
        .output()?;
    let packages = String::from_utf8_lossy(&said.stdout).trim().to_owned();
    let to = Path::new(&packages).join("wayside");
    if to.exists() {
        fs::remove_dir_all(&to)?;
    }
    fs::create_dir_all(&to)?;
    for entry in fs::read_dir(root().join("python/wayside"))? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    let (prefix, suffix) = (env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX);
    let extension = if cfg!(windows) {
        "_native.pyd"
    } else {
        "_native.abi3.so"
    };
    fs::copy(
        built(&format!("{prefix}_native{suffix}")),
        to.join(extension),
    )?;
    Ok(())
}
