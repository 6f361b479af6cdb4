//! Speed of a whole training: `wang2025` with exact P2, 100 vehicles, 8 environments x 128 slots, minibatches of 256, 4
//! epochs, learning included; what `wayside train` runs but its evaluations, logs and checkpoints.
//!
//! ```text
//! cargo bench -p wayside-learn --bench training -- [NET ...] [--iterations N] [--threads T]
//! ```
//!
//! `flat` and `shared` have the hidden layers and the heads (3 candidates and local, 11 targets) of `clean_ppo.py`, so that
//! speeds compare (`benches/beside_torch.py` runs both in turns); their rows are the engine's, which are wider. `flat-own`
//! and `shared-own` have the heads that `wayside train` gives them. Speed is in CPU time of one thread, where the system
//! tells it (Linux), so that a busy machine disturbs little.
//!
//! With `--threads T` iterations on one thread and on T take turns, on copies of the same training, and are compared in wall
//! time: only a quiet machine can tell. What both learned must be equal to the bit.

use std::hint::black_box;
use std::time::Instant;

use wayside_core::Scenario;
use wayside_core::engine::env;
use wayside_core::engine::world::World;
use wayside_core::observation::{Form, Layout, Target};
use wayside_core::rng::Streams;
use wayside_learn::algo::learner::Learner as _;
use wayside_learn::algo::on_policy::OnPolicy;
use wayside_learn::trainer::{Algorithm, Config, Encoder, Environment, Settings};

const SCENARIO: &str = "wang2025";
const NETS: [&str; 4] = ["flat", "shared", "flat-own", "shared-own"];
const SLOTS: usize = 8 * 128;

/// Options beside the defaults of `wayside train`, as `clean_ppo.py` has them.
const OPTIONS: [(&str, &str); 10] = [
    ("n_envs", "8"),
    ("n_steps", "128"),
    ("batch_size", "256"),
    ("n_epochs", "4"),
    ("episode_slots", "100"),
    ("gamma", "0.99"),
    ("ent_coef", "0.01"),
    ("learning_rate", "3e-4"),
    ("schedule", "constant"),
    ("ratio", "joint"),
];

/// A learner with its environments.
fn learner<'w>(world: &'w World, net: &str) -> OnPolicy<Environment<'w>> {
    let (encoder, hidden) = match net.split('-').next() {
        Some("flat") => (Encoder::Flat, "256,256"),
        _ => (Encoder::Shared, "64,64"),
    };
    let options = OPTIONS.into_iter().chain([("net_arch", hidden)]);
    let options: Vec<_> = options.map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    let settings = Settings::new(Algorithm::Ppo, encoder, world, &options).expect("valid options");
    let mut layout = settings.layout(world).expect("a fixed fleet");
    if !net.ends_with("-own") {
        layout = Layout::new(heads_of_clean_ppo(layout.form), world);
    }
    let Config::Ppo(config) = &settings.config else {
        unreachable!("PPO was asked for")
    };
    let train = &settings.train;
    let engines = env::batch(
        world,
        &layout,
        train.episode_slots,
        Streams::new(0),
        train.n_envs,
    );
    let engines = engines.expect("serves").into_iter();
    let envs = engines
        .map(|engine| Environment::new(engine, train.shaping, config.gamma))
        .collect();
    config
        .learner(settings.net(&layout), envs, 0)
        .expect("valid options")
}

/// Three candidates and local, eleven targets.
fn heads_of_clean_ppo(form: Form) -> Form {
    match form {
        Form::Flat {
            vehicles,
            tasks_per_vehicle,
            rsus,
            ..
        } => Form::Flat {
            vehicles,
            tasks_per_vehicle,
            rsus,
            candidates: 4,
            target: Target::Any,
        },
        _ => Form::Shared {
            candidates: 4,
            targets: 11,
        },
    }
}

/// CPU time of this thread \[s\], where the system tells, else wall time.
fn thread_s(started: Instant) -> f64 {
    let scheduler = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = scheduler.and_then(|s| s.split(' ').next().and_then(|ns| ns.parse::<f64>().ok()));
    nanos.map_or_else(|| started.elapsed().as_secs_f64(), |ns| ns * 1e-9)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Slots per second of CPU time, one thread.
fn speed(world: &World, net: &str, iterations: usize, pool: &rayon::ThreadPool) {
    let started = Instant::now();
    let mut learner = learner(world, net);
    let mut iterate = || {
        black_box(learner.iterate().expect("it learns"));
    };
    let spent = pool.install(|| {
        iterate(); // warm
        let begun = thread_s(started);
        (0..iterations).for_each(|_| iterate());
        thread_s(started) - begun
    });
    let slots = (iterations * SLOTS) as f64;
    println!(
        "wayside PPO net={net} t=1: steps={slots} cpu {:.1} steps/cpu-s | cpu s per {SLOTS}: {:.3}",
        slots / spent,
        spent / iterations as f64
    );
}

/// Wall time on one thread over that on several, iteration by iteration.
fn factor(world: &World, net: &str, iterations: usize, pools: [&rayon::ThreadPool; 2]) {
    let mut trainings = [(); 2].map(|()| learner(world, net));
    let mut walls = [Vec::new(), Vec::new()];
    for turn in 0..=iterations {
        for ((training, walls), pool) in trainings.iter_mut().zip(&mut walls).zip(pools) {
            let begun = Instant::now();
            pool.install(|| training.iterate()).expect("it learns");
            if turn > 0 {
                walls.push(begun.elapsed().as_secs_f64());
            }
        }
    }
    let [one, several] = &trainings;
    assert_eq!(
        one.params(),
        several.params(),
        "threads must not change a bit"
    );
    let least = walls
        .each_ref()
        .map(|w| w.iter().copied().fold(f64::INFINITY, f64::min));
    let ratios = walls[0].iter().zip(&walls[1]).map(|(one, t)| one / t);
    println!(
        "wayside PPO net={net} t={}: wall s per {SLOTS}: {:.3}, on one thread {:.3}; factor of the medians {:.2}, of the least {:.2}; median of {iterations} ratios in turns {:.2}",
        pools[1].current_num_threads(),
        median(walls[1].clone()),
        median(walls[0].clone()),
        median(walls[0].clone()) / median(walls[1].clone()),
        least[0] / least[1],
        median(ratios.collect()),
    );
}

fn main() {
    let (mut nets, mut iterations, mut threads) = (Vec::new(), 5, 1);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut number = || args.next().and_then(|n| n.parse().ok()).filter(|n| *n > 0);
        match arg.as_str() {
            "--iterations" => {
                iterations = number().expect("--iterations must be followed by a count > 0")
            }
            "--threads" => threads = number().expect("--threads must be followed by a count > 0"),
            "--bench" => {} // of cargo
            net if NETS.contains(&net) => nets.push(net.to_owned()),
            other => panic!("must be one of {NETS:?}, --iterations N or --threads T, got {other}"),
        }
    }
    if nets.is_empty() {
        nets = NETS.map(str::to_owned).to_vec();
    }
    let scenario = Scenario::builtin(SCENARIO, &[]).expect("a built-in scenario");
    let world = World::new(&scenario).expect("a synthetic world");
    let pool = |threads| {
        let builder = rayon::ThreadPoolBuilder::new().num_threads(threads);
        builder.build().expect("threads start")
    };
    let one = pool(1);
    for net in &nets {
        if threads == 1 {
            speed(&world, net, iterations, &one);
        } else {
            factor(&world, net, iterations, [&one, &pool(threads)]);
        }
    }
}
