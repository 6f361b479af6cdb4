//! What the radio costs: a slot of `price`, traffic included, with log-distance and with umi, shadowing and Rayleigh fading.
//! The two are measured in turns; read the ratio, which the last line of each size prints. Numbers after `--` are the sizes to
//! measure: `cargo bench -p wayside-core --bench radio -- 100` takes seconds, all sizes over ten minutes.

use std::hint::black_box;
use std::time::{Duration, Instant};

use wayside_core::Scenario;
use wayside_core::engine::decider::Decider;
use wayside_core::engine::traffic::Traffic;
use wayside_core::engine::world::World;
use wayside_core::policy::PolicyKind;
use wayside_core::rng::Streams;
use wayside_core::slot::Slot;

/// Slots measured in a turn, and turns.
const SLOTS: usize = 10;
const TURNS: usize = 15;

struct Run<'w> {
    traffic: Traffic<'w>,
    decider: Decider,
    slot: Slot,
    t: usize,
}

impl<'w> Run<'w> {
    fn new(world: &'w World) -> Self {
        let streams = Streams::new(0);
        let mut run = Self {
            traffic: Traffic::new(world, streams).unwrap(),
            decider: Decider::of(PolicyKind::Price, &world.scenario.policy, streams),
            slot: world.empty_slot(),
            t: 0,
        };
        run.slots();
        run
    }

    fn slots(&mut self) -> Duration {
        let clock = Instant::now();
        for _ in 0..SLOTS {
            self.traffic.advance(self.t, &mut self.slot).unwrap();
            self.decider.decide(black_box(&self.slot));
            self.t += 1;
        }
        clock.elapsed()
    }
}

fn world(vehicles: usize, keys: &[(&str, &str)]) -> World {
    let side_m = 120.0 * (vehicles as f64).sqrt();
    let text = format!(
        "[scenario]\nname = \"bench\"\n[time]\nslots = 1000\n[area]\nwidth_m = {side_m}\nheight_m = {side_m}\n\
         [channel]\nnoise_dbm = -104\n[fleet]\nsize = {vehicles}\ntx_power_w = 0.2\ncpu_hz = 0.5e9\nenergy_coeff = 2e-26\n\
         [fleet.mobility]\nkind = \"straight\"\nspeed_mps = {{ min = 5, max = 10 }}\n[task]\ncycles = {{ min = 300e6, max = 450e6 }}\n\
         data_bytes = {{ min = 204800, max = 307200 }}\ndeadline_s = 1\n[rsu.grid]\nspacing_m = 400\nrange_m = 500\n\
         bandwidth_hz = 100e6\ncpu_hz = 15e9\nenergy_coeff = 3e-28\n[backhaul]\nmax_distance_m = 410\nrate_bps = 1e9\n\
         migration_power_w = 0.5\n[objective]\nomega = 0.65\n"
    );
    let keys: Vec<_> = keys
        .iter()
        .map(|&(key, value)| (format!("channel.{key}"), value.to_owned()))
        .collect();
    World::new(&Scenario::from_toml("bench", &text, &keys).unwrap()).unwrap()
}

fn main() {
    let asked: Vec<usize> = std::env::args()
        .filter_map(|argument| argument.parse().ok())
        .collect();
    let sizes: &[usize] = match asked.as_slice() {
        [] => &[100, 10_000],
        asked => asked,
    };
    for &vehicles in sizes {
        let plain = world(vehicles, &[]);
        let road = world(
            vehicles,
            &[
                ("model", "\"umi\""),
                ("shadowing", "\"log-normal\""),
                ("fading", "\"rayleigh\""),
            ],
        );
        let (mut plain, mut road) = (Run::new(&plain), Run::new(&road));
        let mut times: Vec<(f64, f64)> = (0..TURNS)
            .map(|_| (plain.slots().as_secs_f64(), road.slots().as_secs_f64()))
            .collect();
        times.sort_by(|a, b| (a.1 / a.0).total_cmp(&(b.1 / b.0)));
        let (a, b) = times[TURNS / 2];
        let per_slot_ms = |s: f64| 1e3 * s / SLOTS as f64;
        println!(
            "{vehicles} vehicles: log-distance {:.3} ms, umi {:.3} ms a slot, ratio {:.2}",
            per_slot_ms(a),
            per_slot_ms(b),
            b / a
        );
    }
}
