//! Any text is a body that the live centre takes, or an error, never a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wayside_live::fuzzing;

fuzz_target!(|text: &str| fuzzing::bodies(text));
