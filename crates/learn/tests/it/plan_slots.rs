//! Trainings whose actions say for how many slots a task holds its CPU.

use serde_json::Value;
use wayside_core::Scenario;
use wayside_core::engine::env::Env as Engine;
use wayside_core::engine::world::World;
use wayside_core::engine::{BoundKind, Options, Trained, replicate};
use wayside_core::error::Result;
use wayside_core::observation::{CONTEXT, Layout};
use wayside_core::rng::Streams;
use wayside_learn::algo::env::{Env, Observe, SlotView, Step};
use wayside_learn::algo::learner::{Learner as _, Losses};
use wayside_learn::algo::ppo::PpoConfig;
use wayside_learn::nn::net::NetSpec;
use wayside_learn::trainer::learned::LearnedPolicy;
use wayside_learn::trainer::{Algorithm, Encoder, Environment, Settings};

use crate::trainer::{goes_on, world};

fn set(name: &str, set: &[(&str, &str)]) -> World {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    let set: Vec<_> = set.iter().map(owned).collect();
    World::new(&Scenario::builtin(name, &set).unwrap()).unwrap()
}

/// Goes on to the bit; its file says that it names slots, comes back as it was, and is played in a run.
#[test]
fn property_threads_and_interruptions_change_nothing_where_actions_name_slots() {
    let small = [("fleet.size", "6"), ("rsu_default.cpu_hz", "2e9")];
    let vary = r#"["time.slot_s=0.2..0.3"]"#;
    let policy = goes_on("coupled", vary, &small, &[("plan_slots", "3")]);
    let layout = &policy.card().layout;
    assert!(layout.priced && layout.spans == 3, "{layout:?}");
    assert_eq!(policy.card().options["plan_slots"], 3);

    let (bytes, _) = policy.to_files().unwrap();
    let again = LearnedPolicy::from_bytes(&bytes).unwrap();
    assert_eq!(again.card(), policy.card());
    let world = set("coupled", &small);
    let play = |scorer: LearnedPolicy| {
        let name = "learned".to_owned();
        let options = Options {
            slots: 6,
            bound: BoundKind::Off,
        };
        let run = replicate(&world, &[Trained { name, scorer }], 3, options).unwrap();
        let slots = run.policies[0].slots.iter();
        let bits: Vec<_> = slots.map(|s| s.objective.to_bits()).collect();
        bits
    };
    assert_eq!(play(policy), play(again));
}

#[test]
fn property_numbers_of_slots_are_refused_where_they_make_no_sense() {
    let option = |most: &str| vec![("plan_slots".to_owned(), most.to_owned())];
    for (name, algorithm, why) in [
        ("wang2025", Algorithm::Ppo, "where slots stand alone"),
        ("highway", Algorithm::Ppo, "for sessions"),
        ("lin2025", Algorithm::Ppo, "where tasks queue"),
        ("lin2025", Algorithm::Lysac, "for lysac"),
    ] {
        let world = world(name, 12);
        let settings = Settings::new(algorithm, None, &world, &option("4")).unwrap();
        let error = settings.layout(&world).unwrap_err().to_string();
        let expected = format!("plan_slots: must be null {why}");
        assert!(
            error.contains(&expected) && error.contains("got 4"),
            "{error}"
        );
    }
    let coupled = world("coupled", 12);
    for wrong in ["1", "33", "some"] {
        let error = Settings::new(Algorithm::Ppo, None, &coupled, &option(wrong));
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains("plan_slots") && error.contains("2"),
            "{error}"
        );
    }
    for (algorithm, encoder) in [
        (Algorithm::Ppo, Encoder::Sequential),
        (Algorithm::Ac, Encoder::Shared),
        (Algorithm::Sac, Encoder::Flat),
    ] {
        let settings = Settings::new(algorithm, encoder, &coupled, &option("4")).unwrap();
        let layout = settings.layout(&coupled).unwrap();
        assert!(layout.priced && layout.spans == 4, "{layout:?}");
    }
}

/// An environment that begins where it began whenever it begins.
struct Again(Environment<'static>, Value);

impl Observe for Again {
    fn observe(&mut self, slot: &mut SlotView) {
        self.0.observe(slot);
    }
}

impl Env for Again {
    fn step(&mut self, actions: &[u32]) -> Result<Step> {
        self.0.step(actions)
    }

    fn reset(&mut self) -> Result<()> {
        self.0.restore(&self.1)
    }

    fn teach(&mut self, actions: &mut Vec<u32>) -> bool {
        self.0.teach(actions)
    }
}

/// What `plan-ahead` does in one slot, placements and numbers of slots, can be learned from the rows: the likelihood of its choices
/// goes from one in twelve to two in three, though half of the environments go where the policy goes.
#[test]
fn regress_imitation_tells_the_choices_of_plan_ahead_apart() {
    let crowded = [
        ("time.slot_s", "0.2"),
        ("fleet.size", "30"),
        ("rsu_default.cpu_hz", "5e9"),
    ];
    let world: &'static World = Box::leak(Box::new(set("coupled", &crowded)));
    let layout = Layout::sequential(world).choosing_slots(5);
    let env = |_| {
        let engine = Engine::new(world, layout.clone(), 1, Streams::new(1), "env").unwrap();
        let env = Environment::new(engine, true, 0.9);
        let start = env.snapshot();
        Again(env, start)
    };
    let config = PpoConfig {
        n_steps: 60,
        batch_size: 120,
        n_epochs: 4,
        learning_rate: 3e-3,
        imitate_timesteps: u64::MAX,
        ..PpoConfig::default()
    };
    let (width, outputs) = layout.shape();
    let net = NetSpec {
        globals: CONTEXT,
        ..NetSpec::shared(width, outputs, 1, &[64, 64])
    };
    let mut learner = config.learner(net, (0..4).map(env).collect(), 3).unwrap();
    let mut losses = Vec::new();
    for _ in 0..120 {
        match learner.iterate().unwrap().losses {
            Losses::OnPolicy(of) => losses.push(of.policy_gradient_loss),
            Losses::Sac(_) => unreachable!(),
        }
    }
    let (first, last) = (losses[0], losses[losses.len() - 1]);
    assert!(first > 2.0 && last < 0.5, "{first}, then {last}");
}
