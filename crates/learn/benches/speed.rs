//! Speed of a training step and of a whole PPO iteration, for the sizes of `clean_ppo.py`: 100 vehicles, 11 RSUs, 8
//! environments of 128 steps, minibatches of 256 slots, 4 epochs. The environment is a table, so it costs next to nothing.
//!
//! `cargo bench -p wayside-learn`: one thread, in CPU time where the system tells it (Linux), so that a busy machine
//! disturbs little. With `WAYSIDE_BENCH_THREADS=2` two threads, in wall time.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use wayside_core::error::Result;
use wayside_core::rng::Streams;
use wayside_learn::algo::env::{End, Env, Observe, SlotView, Step};
use wayside_learn::algo::learner::Learner;
use wayside_learn::algo::ppo::PpoConfig;
use wayside_learn::nn::adam::Adam;
use wayside_learn::nn::mlp::{Activation, Mlp, Tape};
use wayside_learn::nn::net::NetSpec;

/// CPU time of this thread with one thread, else wall time.
struct Clock {
    started: Instant,
    threads: usize,
}

impl Clock {
    fn now(&self) -> Duration {
        let scheduler = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
        let nanos = scheduler.and_then(|s| s.split(' ').next().and_then(|ns| ns.parse().ok()));
        match nanos {
            Some(ns) if self.threads == 1 => Duration::from_nanos(ns),
            _ => self.started.elapsed(),
        }
    }
}

impl Measurement for Clock {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        self.now()
    }

    fn end(&self, start: Duration) -> Duration {
        // the scheduler counts in ticks: a short measurement may seem to take no time at all
        (self.now() - start).max(Duration::from_nanos(1))
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

const ROWS: usize = 25_600;
const CHUNK: usize = 1024;
const ENVS: usize = 8;
const VEHICLES: usize = 100;
const HEADS: [usize; 2] = [4, 11];

fn numbers(n: usize) -> Vec<f32> {
    let mut stream = Streams::new(1).stream("bench");
    (0..n).map(|_| stream.uniform(-1.0, 1.0) as f32).collect()
}

/// Forward, backward and Adam, 40-64-64-15.
fn step(c: &mut Criterion<Clock>) {
    let net = Mlp::new(0, &[40, 64, 64, 15], Activation::Tanh, false);
    let mut params = vec![0.0; net.end()];
    net.init(&mut params, 1.0, &mut Streams::new(1).stream("init"));
    let (mut adam, mut tape, mut grads) = (
        Adam::new(net.end(), 1e-5),
        Tape::default(),
        vec![0.0; net.end()],
    );
    let x = numbers(ROWS * 40);
    let mut group = c.benchmark_group("step");
    group
        .throughput(Throughput::Elements(ROWS as u64))
        .measurement_time(Duration::from_secs(5));
    group.bench_function("25600 rows of 40-64-64-15", |b| {
        b.iter(|| {
            grads.fill(0.0);
            for chunk in x.chunks(CHUNK * 40) {
                net.forward(&params, chunk, chunk.len() / 40, &mut tape);
                let (y, dy) = tape.output_and_gradient();
                dy.copy_from_slice(y);
                net.backward(&params, chunk, &mut tape, Some(&mut grads), None);
            }
            adam.step(
                &mut params,
                |i| (i == 0).then_some(&grads[..]),
                1e-6,
                Some(0.5),
            )
        });
    });
    group.finish();
}

/// Shows another part of the table in every slot.
struct Table {
    numbers: Vec<f32>,
    row_width: usize,
    rows: usize,
    steps: usize,
}

impl Table {
    fn new(row_width: usize, rows: usize) -> Self {
        Self {
            numbers: numbers(100_000 + row_width * rows),
            row_width,
            rows,
            steps: 0,
        }
    }
}

impl Observe for Table {
    fn observe(&mut self, slot: &mut SlotView) {
        let from = self.steps * 6007 % 100_000;
        for row in self.numbers[from..]
            .chunks_exact(self.row_width)
            .take(self.rows)
        {
            slot.row().copy_from_slice(row);
        }
        for _ in 0..VEHICLES {
            HEADS.iter().for_each(|&options| {
                slot.factor(options);
            });
        }
    }
}

impl Env for Table {
    fn step(&mut self, actions: &[u32]) -> Result<Step> {
        self.steps += 1;
        let end = if self.steps.is_multiple_of(100) {
            End::Truncated
        } else {
            End::No
        };
        Ok(Step::new(f64::from(actions[0]), end))
    }

    fn reset(&mut self) -> Result<()> {
        Ok(())
    }
}

/// A whole iteration: 1,024 slots collected, then 16 updates.
fn iteration(c: &mut Criterion<Clock>) {
    let config = PpoConfig {
        n_steps: 128,
        batch_size: 256,
        n_epochs: 4,
        ent_coef: 0.01,
        ..PpoConfig::default()
    };
    let nets = [
        (
            "flat 933-256-256-1500",
            NetSpec::flat(933, VEHICLES * 15, 2, &[256, 256]),
            1,
        ),
        (
            "shared 42-64-64-15",
            NetSpec::shared(42, 15, 2, &[64, 64]),
            VEHICLES,
        ),
    ];
    let mut group = c.benchmark_group("ppo");
    group
        .throughput(Throughput::Elements(1024))
        .sample_size(10)
        .measurement_time(Duration::from_secs(8));
    for (name, spec, rows) in nets {
        let envs: Vec<Table> = (0..ENVS)
            .map(|_| Table::new(spec.row_width, rows))
            .collect();
        let mut learner = config.learner(spec, envs, 1).expect("valid options");
        group.bench_function(name, |b| b.iter(|| black_box(learner.iterate())));
    }
    group.finish();
}

/// All on the threads asked for; one of them is this one.
fn clock() -> Criterion<Clock> {
    let asked = std::env::var("WAYSIDE_BENCH_THREADS").ok();
    let threads = asked.and_then(|t| t.parse().ok()).unwrap_or(1);
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .use_current_thread()
        .build_global()
        .expect("threads start");
    let started = Instant::now();
    Criterion::default().with_measurement(Clock { started, threads })
}

criterion_group!(name = benches; config = clock(); targets = step, iteration);
criterion_main!(benches);
