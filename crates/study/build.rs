//! Tells the library which commit it is built from, for the manifests of results, and from which sources, for the blocks of studies.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// All that numbers depend on: the same sources find the same ones, in the program and in the extension for Python.
const SOURCES: [&str; 6] = [
    "../../Cargo.lock",
    "../../policies",
    "../core/assets",
    "../core/src",
    "../learn/src",
    "src",
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let mut hasher = DefaultHasher::new();
    for source in SOURCES
        .map(Path::new)
        .iter()
        .filter(|source| source.exists())
    {
        println!("cargo::rerun-if-changed={}", source.display());
        hash(source, &mut hasher);
    }
    let target = env::var("TARGET").unwrap_or_default();
    let sources = format!("{:016x} {target}", hasher.finish());
    println!("cargo::rustc-env=WAYSIDE_SOURCES={sources}");
    commit();
}

/// Names and contents of all files in `path`.
fn hash(path: &Path, hasher: &mut DefaultHasher) {
    let entries = fs::read_dir(path).map(|entries| entries.flatten().map(|entry| entry.path()));
    let Ok(entries) = entries else {
        path.hash(hasher);
        fs::read(path).unwrap_or_default().hash(hasher);
        return;
    };
    let mut entries: Vec<PathBuf> = entries.collect();
    entries.sort();
    entries.iter().for_each(|entry| hash(entry, hasher));
}

fn commit() {
    // Grows with every commit and checkout; absent outside a checkout, and then never the cause of a rerun.
    let log = Path::new("../../.git/logs/HEAD");
    if !log.exists() {
        return;
    }
    println!("cargo::rerun-if-changed={}", log.display());
    let output = Command::new("git").args(["rev-parse", "HEAD"]).output();
    if let Some(output) = output.ok().filter(|o| o.status.success()) {
        let commit = String::from_utf8_lossy(&output.stdout);
        println!("cargo::rustc-env=WAYSIDE_COMMIT={}", commit.trim());
    }
}
