//! Tells the library which commit it is built from, for the manifests of results.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
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
