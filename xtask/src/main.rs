//! `cargo xtask`: the same checks on a laptop and in CI.

mod bytes;
#[cfg(test)]
mod dependencies;
mod links;
mod python;
mod structure;

use std::env;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::thread;
use std::time::Instant;

const USAGE: &str = "\
usage: cargo xtask test     everything that CI checks
       cargo xtask burn     learning by Burn
       cargo xtask bytes    the bytes that some 90 commands print and write [--bless | --against PROGRAM]
       cargo xtask links    relative links of the Markdown files
       cargo xtask python   the Python package's tests
       cargo xtask structure  rooms and arrows of docs/architecture.md, circles, lengths
       cargo xtask wheel    the Python package as target/wheels/*.whl";

/// A named check; it says itself what is wrong and answers whether all is well.
type Step = (&'static str, fn() -> bool);

/// The quickest first; the tests last, so that their closing line stands at the end of the log.
const TEST: &[Step] = &[
    ("links in Markdown", links),
    ("structure", structure::check),
    ("format", || cargo(&["fmt", "--all", "--check"])),
    ("clippy", || {
        cargo(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ])
    }),
    ("build", || cargo(&["build", "--workspace"])),
    ("documentation", documentation),
    ("documentation tests", || {
        cargo(&["test", "--workspace", "--doc"])
    }),
    ("examples", examples),
    ("bytes", || bytes::check(false, None)),
    ("Python", python::tests),
    ("without AVX-512", without_avx512),
    ("learning by Burn", burn),
    ("tests", tests),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["test"] => run(TEST),
        ["burn"] => run(&[("learning by Burn", burn)]),
        ["bytes"] => run(&[("bytes", || bytes::check(false, None))]),
        ["bytes", "--bless"] => run(&[("bytes", || bytes::check(true, None))]),
        ["bytes", "--against", other] => {
            ExitCode::from(u8::from(!bytes::check(false, Some(other))))
        }
        ["links"] => run(&[("links in Markdown", links)]),
        ["python"] => run(&[("Python", python::tests)]),
        ["structure"] => run(&[("structure", structure::check)]),
        ["wheel"] => run(&[("wheel", python::wheel)]),
        _ => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

/// Runs every step, even after a failure, so that one run shows everything that is wrong.
fn run(steps: &[Step]) -> ExitCode {
    let mut failed = Vec::new();
    for (name, check) in steps {
        eprintln!("\n== {name}");
        let begin = Instant::now();
        let ok = check();
        let verdict = if ok { "passed" } else { "FAILED" };
        eprintln!("== {name}: {verdict} in {:.1?}", begin.elapsed());
        if !ok {
            failed.push(*name);
        }
    }
    eprintln!(
        "\nsteps: {} passed, {} failed {}",
        steps.len() - failed.len(),
        failed.len(),
        failed.join(", ")
    );
    ExitCode::from(u8::from(!failed.is_empty()))
}

fn root() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().expect("xtask lies in the workspace")
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    command
}

fn succeeds(command: &mut Command) -> bool {
    match command.status() {
        Ok(status) => status.success(),
        Err(e) => {
            eprintln!("{command:?}: {e}");
            false
        }
    }
}

fn cargo(arguments: &[&str]) -> bool {
    succeeds(&mut command(arguments))
}

fn documentation() -> bool {
    succeeds(command(&["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))
}

/// What depends on the kernels of matrix products, without the widest. With all of the workspace selected its third-party
/// crates keep their features: `-p wayside-learn` would build nearly all of them anew.
fn without_avx512() -> bool {
    cargo(&[
        "test",
        "--workspace",
        "--no-default-features",
        "--test",
        "cores",
    ])
}

/// Learning by Burn, a crate outside the workspace: it is built only here. Not `--locked`: a new dependency of one of our
/// crates changes its lock file too.
fn burn() -> bool {
    cargo(&["test", "--manifest-path", "burn/Cargo.toml"])
}

/// Says which tests will be skipped without a browser.
fn tell_of_browser() {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::var_os("WAYSIDE_CHROMIUM").is_some()
        || env::split_paths(&path).any(|folder| names.iter().any(|n| folder.join(n).is_file()));
    if !found {
        eprintln!(
            "SKIPPED: the tests of the report in a browser, for there is no Chromium. Get it with\n    \
             apt-get install --no-install-recommends chromium\nor name one in WAYSIDE_CHROMIUM."
        );
    }
}

fn tests() -> bool {
    tell_of_browser();
    let nextest = command(&["nextest", "--version"]).output();
    if nextest.is_ok_and(|o| o.status.success()) {
        // half of the time goes into waiting: for processes, clocks, the disk, a browser
        let threads = 2 * thread::available_parallelism().map_or(1, usize::from);
        cargo(&[
            "nextest",
            "run",
            "--test-threads",
            &threads.to_string(),
            "--workspace",
            "--no-fail-fast",
            "--no-tests",
            "pass",
        ])
    } else {
        cargo(&["test", "--workspace", "--all-targets"])
    }
}

/// Runs every example; each ends in assertions.
fn examples() -> bool {
    let output = command(&["metadata", "--no-deps", "--format-version", "1"]).output();
    let Some(metadata) = output
        .ok()
        .and_then(|o| serde_json::from_slice::<serde_json::Value>(&o.stdout).ok())
    else {
        eprintln!("cargo metadata failed");
        return false;
    };
    let mut ok = true;
    for package in metadata["packages"].as_array().into_iter().flatten() {
        for target in package["targets"].as_array().into_iter().flatten() {
            if target["kind"][0] == "example"
                && let (Some(package), Some(example)) =
                    (package["name"].as_str(), target["name"].as_str())
            {
                eprintln!("-- {example}");
                ok &= cargo(&["run", "--quiet", "-p", package, "--example", example]);
            }
        }
    }
    ok
}

fn links() -> bool {
    match links::broken(root()) {
        Ok(broken) => {
            for link in &broken {
                eprintln!("{link}");
            }
            broken.is_empty()
        }
        Err(e) => {
            eprintln!("{e}");
            false
        }
    }
}
