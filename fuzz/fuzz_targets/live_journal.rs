//! Any lines are records of the journal of the live centre, or an error, never a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wayside_live::fuzzing;

fuzz_target!(|text: &str| fuzzing::journal(text));
