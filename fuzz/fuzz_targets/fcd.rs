//! Any bytes are a trace or an error, never a panic.
//!
//! ```text
//! cargo +nightly fuzz run fcd fuzz/corpus/fcd crates/core/tests/corpus/fcd -- -rss_limit_mb=4096
//! ```
#![no_main]

use libfuzzer_sys::fuzz_target;
use wayside_core::mobility::trace::FcdTrace;
use wayside_core::mobility::{MobilitySource, Positions};
use wayside_core::scenario::{Fcd, FcdSource};

// libFuzzer's hook aborts on every panic, also on those of the Parquet library that we catch;
// without it, only a panic that gets through to here does
fuzz_target!(init: std::panic::set_hook(Box::new(|_| {})), |bytes: &[u8]| {
    let fcd = Fcd::new(FcdSource::Builtin("fuzz"));
    let Ok(mut trace) = FcdTrace::from_bytes("fuzz", bytes.to_vec(), &fcd) else {
        return;
    };
    let mut out = Positions::default();
    for tick in 0..200 {
        if trace.advance(f64::from(tick) * 0.5, &mut out).is_err() {
            return;
        }
        let places = out.x_m.iter().chain(&out.y_m);
        assert!(places.into_iter().all(|place| place.is_finite()));
    }
});
