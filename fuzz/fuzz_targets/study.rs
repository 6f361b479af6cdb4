//! Any text is either a valid study or an error, never a panic.

#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use wayside_study::studies::Study;

fuzz_target!(|text: &str| {
    // the paths in it lead nowhere
    let _ = Study::from_toml("fuzz", text, Path::new("/nonexistent"));
});
