//! Any bytes are a table of gains or an error, never a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wayside_core::radio::table::Gains;

fuzz_target!(|bytes: &[u8]| {
    let rsus = ["r0", "r1"].map(str::to_owned);
    let Ok(mut gains) = Gains::from_bytes("fuzz", bytes.to_vec(), &rsus) else {
        return;
    };
    for t in 0..4 {
        if gains.advance(f64::from(t)).is_err() {
            return;
        }
        assert!(gains.of(b"0").iter().all(|row| row.rsu < 2 && row.gain_db.is_finite()));
    }
});
