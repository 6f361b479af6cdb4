//! Any text is either a topology (GraphML or JSON) or an error, never a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wayside_core::backhaul::Topology;

fuzz_target!(|text: &str| {
    let _ = Topology::parse(text, "fuzz");
});
