//! Any bytes are a table of sites or an error, never a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wayside_core::scenario::{Area, Rsu, Sites};
use wayside_core::sites::{self, Plan};

fuzz_target!(|bytes: &[u8]| {
    let area = Area {
        x_min_m: 0.0,
        y_min_m: 0.0,
        x_max_m: 1000.0,
        y_max_m: 1000.0,
    };
    let wanted = Sites {
        margin_m: Some(1e7),
        projection: Some("utm32n".into()),
        ..Sites::default()
    };
    let plan = Plan {
        sites: &wanted,
        template: &Rsu::default(),
        area: &area,
        projection: None,
    };
    if let Ok((rsus, report)) = sites::from_bytes("fuzz", bytes.to_vec(), plan) {
        assert_eq!(rsus.len(), report.kept);
        assert!(rsus.iter().all(|rsu| rsu.x_m.is_finite() && rsu.y_m.is_finite()));
    }
});
