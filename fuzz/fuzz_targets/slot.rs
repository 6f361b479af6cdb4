//! Any text is either a valid slot or an error, never a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wayside_core::Slot;

fuzz_target!(|text: &str| {
    let _ = Slot::from_json("fuzz", text);
});
