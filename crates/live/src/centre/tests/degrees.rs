//! Vehicles by longitude and latitude.

use super::*;

/// A vehicle in degrees is where core puts an RSU of the same degrees.
#[test]
fn oracle_vehicles_in_degrees() {
    let fcd = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../core/tests/corpus/trace/03-fcd.xml"
    );
    let text = format!(
        "scenario = {{ name = \"mine\" }}
        time = {{ slots = 4 }}
        channel = {{ noise_dbm = -104 }}
        task = {{ cycles = 4e8, data_bytes = 250_000, deadline_s = 1.0 }}
        objective = {{ omega = 0.65 }}
        backhaul = {{ max_distance_m = 2000, rate_bps = 1e9, migration_power_w = 0.5 }}
        rsu_default = {{ range_m = 500, bandwidth_hz = 100e6, cpu_hz = 15e9, energy_coeff = 3e-28 }}
        rsu = [{{ id = \"a\", lon = 11.563, lat = 48.132 }}]
        area = {{ lon_min = 11.55, lat_min = 48.12, lon_max = 11.58, lat_max = 48.15 }}
        fleet = {{ tx_power_w = 0.2, cpu_hz = 5e8, energy_coeff = 2e-26, mobility = {{ kind = \"fcd\", path = {fcd:?} }} }}"
    );
    let world = World::new(&Scenario::from_toml("mine.toml", &text, &[]).unwrap()).unwrap();
    let here = read_vehicle(r#"{"lon": 11.563, "lat": 48.132}"#).unwrap();
    let vehicle = here.clone().on_map(&world).unwrap();
    assert_eq!(
        (vehicle.x_m, vehicle.y_m),
        (world.rsus.x_m[0], world.rsus.y_m[0])
    );

    let message = |result: wayside_core::Result<Vehicle>| result.unwrap_err().to_string();
    let plain = World::new(&Scenario::builtin("wang2025", &[]).unwrap()).unwrap();
    assert!(message(here.on_map(&plain)).contains("$.lon: must be in metres"));
    let pole = read_vehicle(r#"{"lon": -78.4, "lat": 0}"#).unwrap();
    assert!(message(pole.on_map(&world)).contains("$.lon: must be"));
    for (body, paths) in [
        (r#"{"lon": 11.5}"#, &["$.lat"][..]),
        (r#"{"lon": 11.5, "lat": 48, "x_m": 1}"#, &["$.x_m"]),
        (r#"{"lon": 181, "lat": 91}"#, &["$.lat", "$.lon"]),
        ("{}", &["$.x_m", "$.y_m"]),
    ] {
        let Err(Error::Invalid(problems)) = read_vehicle(body) else {
            panic!("{body} was taken");
        };
        let mut found: Vec<_> = problems.0.iter().map(|p| p.path.as_str()).collect();
        found.sort_unstable();
        assert_eq!(found, paths, "{body}");
    }
}
