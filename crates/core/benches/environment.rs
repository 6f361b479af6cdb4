//! Speed of the training environment alone: observation, actions, step with exact P2, reward, reset; a
//! policy of no cost, that takes the first legal action. `cargo bench -p wayside-core --bench environment`.
//!
//! In CPU time where the system tells it (Linux), so that a busy machine disturbs little.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{Criterion, Throughput};
use wayside_core::Scenario;
use wayside_core::engine::env::Env;
use wayside_core::engine::world::World;
use wayside_core::observation::{Form, Layout, Observation, Target, Turns};
use wayside_core::rng::Streams;

/// CPU time of this thread, else wall time.
struct Clock(Instant);

impl Measurement for Clock {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        let scheduler = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
        let nanos = scheduler.and_then(|s| s.split(' ').next().and_then(|ns| ns.parse().ok()));
        nanos.map_or_else(|| self.0.elapsed(), Duration::from_nanos)
    }

    fn end(&self, start: Duration) -> Duration {
        // the scheduler counts in ticks: a short measurement may seem to take no time at all
        (self.start() - start).max(Duration::from_nanos(1))
    }

    fn add(&self, a: &Duration, b: &Duration) -> Duration {
        *a + *b
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        value.as_nanos() as f64
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}

/// Slots of an episode, and of an iteration: every iteration has one reset.
const SLOTS: usize = 120;

/// The nearest RSU, no migration, no rule on the end.
fn first_legal(observation: &Observation, actions: &mut Vec<u32>) {
    actions.clear();
    let heads = (0..observation.heads.len()).map(|i| observation.head(i));
    actions.extend(heads.map(|head| {
        let legal = observation.legal[head].iter();
        legal.take_while(|legal| !**legal).count() as u32
    }));
}

/// One episode and the reset after it; its rewards. `offered`: a head's first place is the vehicle, and the
/// second the placement that adds least (`sequential`).
fn episode(env: &mut Env<'_>, actions: &mut Vec<u32>, offered: bool) -> f64 {
    let mut sum = 0.0;
    loop {
        let observation = env.observation();
        first_legal(observation, actions);
        if offered {
            for (i, action) in actions.iter_mut().enumerate() {
                *action = u32::from(observation.head(i).len() > 1);
            }
        }
        let turn = env.act(actions).expect("legal");
        if let Some(end) = turn.slot {
            sum += end.reward;
            if end.truncated {
                env.reset_next().expect("no trace");
                return sum;
            }
        }
    }
}

fn main() {
    let mut criterion = Criterion::default()
        .with_measurement(Clock(Instant::now()))
        .configure_from_args();
    for (name, overrides) in [
        ("wang2025", vec![]),
        (
            "coupled",
            vec![("time.slot_s".to_owned(), "0.25".to_owned())],
        ),
    ] {
        let scenario = Scenario::builtin(name, &overrides).expect("a valid scenario");
        let world = World::new(&scenario).expect("a synthetic world");
        let places = Form::Sequential {
            options: 4,
            turns: Turns::Places,
            passes: 1,
        };
        let layouts = [
            (
                "flat",
                Layout::flat(&world, Target::Any).expect("a fixed fleet"),
                false,
            ),
            ("shared", Layout::shared(&world), false),
            ("sequential", Layout::sequential(&world), true),
            ("sequential-places-4", Layout::new(places, &world), true),
        ];
        let mut group = criterion.benchmark_group(format!("env-{name}"));
        group
            .throughput(Throughput::Elements(SLOTS as u64))
            .sample_size(20);
        for (form, layout, offered) in layouts {
            let mut env = Env::new(&world, layout, SLOTS, Streams::new(0), "env").expect("serves");
            let mut actions = Vec::new();
            group.bench_function(form, |b| {
                b.iter(|| black_box(episode(&mut env, &mut actions, offered)));
            });
        }
        group.finish();
    }
    criterion.final_summary();
}
