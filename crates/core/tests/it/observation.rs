//! What learned policies see and say, and the environment they learn in.

mod environment;
mod slots;

use std::path::Path;
use std::sync::Arc;

use wayside_core::engine::env::{Env, SlotEnd, batch};
use wayside_core::engine::records::SlotRecord;
use wayside_core::engine::world::World;
use wayside_core::engine::{BoundKind, Options, PolicyFactory, Trained, replicate};
use wayside_core::observation::{
    CONTEXT, Encoder, Form, Layout, Observation, Scales, Scorer, Target, Turns, VERSION,
};
use wayside_core::policy::PolicyKind;
use wayside_core::rng::{Stream, Streams};
use wayside_core::scenario::{BUILTIN_SCENARIOS, Execution, Scenario};
use wayside_core::slot::{Coverage, Decision, Placement, Slot};

use crate::support::{Recipe, builtin, over_seeds, permuted};

fn world(name: &str, overrides: &[(&str, &str)]) -> World {
    World::new(&builtin(name, overrides)).expect("built in")
}

fn form(options: usize, turns: Turns) -> Form {
    Form::Sequential {
        options,
        turns,
        passes: 1,
    }
}

/// Every form that can serve `world`.
fn layouts(world: &World) -> Vec<Layout> {
    let mut layouts = vec![
        Layout::shared(world),
        Layout::sequential(world),
        Layout::new(form(2, Turns::Places), world),
    ];
    layouts.extend(Layout::flat(world, Target::Any));
    layouts.extend(Layout::flat(world, Target::Candidates));
    layouts
}

/// A network of one layer with fixed weights.
#[derive(Clone)]
struct Linear {
    layout: Layout,
    /// Output by output.
    weights: Vec<f32>,
}

impl Linear {
    fn random(layout: &Layout, seed: u64) -> Self {
        let mut stream = Streams::new(seed).stream("weights");
        let (width, outputs) = layout.shape();
        Self {
            layout: layout.clone(),
            weights: (0..width * outputs)
                .map(|_| stream.normal() as f32)
                .collect(),
        }
    }

    /// Takes what costs least at the tentative loads: feature 10 of `sequential`.
    fn thrifty(layout: Layout) -> Self {
        let (width, _) = layout.shape();
        let mut weights = vec![0.0; width];
        weights[10] = -1.0;
        Self { layout, weights }
    }
}

impl Scorer for Linear {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn score(&mut self, observation: &Observation, logits: &mut Vec<f32>) {
        for row in observation.rows.chunks(observation.width) {
            for weights in self.weights.chunks(observation.width) {
                logits.push(row.iter().zip(weights).map(|(x, w)| x * w).sum());
            }
        }
    }
}

fn random_actions(observation: &Observation, stream: &mut Stream) -> Vec<u32> {
    (0..observation.heads.len())
        .map(|i| {
            let head = observation.head(i);
            let legal = &observation.legal[head];
            let places: Vec<usize> = (0..legal.len()).filter(|&place| legal[place]).collect();
            places[stream.below(places.len())] as u32
        })
        .collect()
}

/// Goes through one slot by random actions; how many.
fn decide_randomly(
    encoder: &mut Encoder,
    slot: &Slot,
    stream: &mut Stream,
    decision: &mut Decision,
) -> usize {
    let mut count = 0;
    encoder.begin(slot);
    while encoder.observe(slot) {
        assert_sound(encoder.observation());
        let actions = random_actions(encoder.observation(), stream);
        encoder.observation().check(&actions).expect("legal");
        encoder.act(slot, &actions);
        count += actions.len();
    }
    encoder.decision(slot, decision);
    count
}

/// Bounded, and of the shape it says.
fn assert_sound(observation: &Observation) {
    let values = observation.rows.iter().chain(&observation.context);
    for (i, value) in values.enumerate() {
        assert!((-1.0..=1.0).contains(value), "{i}: {value}");
    }
    assert_eq!(
        observation.rows.len(),
        observation.len() * observation.width
    );
    assert_eq!(observation.context.len(), CONTEXT);
    let logits = observation.len() * observation.outputs;
    assert_eq!(observation.legal.len(), logits);
    assert_eq!(
        observation.heads.last().map_or(0, |&end| end as usize),
        logits
    );
    for i in 0..observation.heads.len() {
        assert!(observation.legal[observation.head(i)].contains(&true));
    }
}

/// In a world where all is right, no legal action is ever refused, turned back or out of what P2 can grant.
#[test]
fn property_a_million_random_actions_are_valid() {
    let mut count = 0;
    for (name, overrides) in [
        ("wang2025", [("fleet.size", "100")]),
        ("coupled", [("time.slot_s", "0.25")]),
    ] {
        let world = world(name, &overrides);
        for layout in layouts(&world) {
            let mut stream = Streams::new(1).stream("test");
            let mut env = Env::new(&world, layout, 100, Streams::new(1), "env").expect("serves");
            let target = count + 130_000;
            while count < target {
                assert_sound(env.observation());
                let actions = random_actions(env.observation(), &mut stream);
                count += actions.len();
                let turn = env.act(&actions).expect("legal");
                if let Some(SlotEnd { truncated, .. }) = turn.slot {
                    assert!(env.record().objective.is_finite());
                    assert!(env.outcomes().iter().all(|o| o.delay_s().is_finite()));
                    if truncated {
                        env.reset_next().expect("no trace");
                    }
                }
            }
        }
    }
    assert!(count >= 1_000_000, "{count}");
}

/// Whatever the slot: RSUs without CPU, unlinked ones, vehicles out of range, omega 0 and 1.
#[test]
fn property_random_actions_are_valid_in_odd_slots() {
    let world = world("coupled", &[("fleet.size", "20")]);
    over_seeds(60, |seed| {
        let mut slot = Recipe {
            tasks_per_vehicle: 1 + seed as usize % 2,
            reserved: 0.0..1.1,
            linked: 0.4,
            range_m: 100.0..500.0,
            omega: [0.2..0.95, 0.0..0.0, 1.0..1.0][seed as usize % 3].clone(),
            max_hops: 2,
            ..Recipe::default()
        }
        .slot(seed);
        for (reserved_hz, cpu_hz) in slot.rsus.reserved_cpu_hz.iter_mut().zip(&slot.rsus.cpu_hz) {
            *reserved_hz = reserved_hz.min(*cpu_hz);
        }
        slot.slot_s = [0.1, 0.25, 1.0][seed as usize % 3];
        let mut stream = Streams::new(seed).stream("test");
        let mut forms = layouts(&world);
        forms[3].form = Form::Flat {
            vehicles: 22,
            tasks_per_vehicle: 2,
            rsus: 5,
            candidates: 4,
            target: Target::Any,
        };
        forms[4].form = Form::Flat {
            vehicles: 22,
            tasks_per_vehicle: 2,
            rsus: 5,
            candidates: 4,
            target: Target::Candidates,
        };
        for layout in forms {
            let mut encoder = Encoder::new(layout).expect("sound");
            encoder.layout().serves(&slot).expect("serves");
            let mut decision = Decision::default();
            decide_randomly(&mut encoder, &slot, &mut stream, &mut decision);
            decision.check(&slot).expect("valid");
            assert!(decision.minimum_hz.iter().all(|hz| hz.is_finite()));
            for m in 0..slot.rsus.len() {
                let granted_hz: f64 = (decision.minimum_hz.iter().zip(&decision.placements))
                    .filter(|(_, placement)| {
                        matches!(placement, Placement::Rsu { execution, .. } if *execution == m as u32)
                    })
                    .map(|(hz, _)| hz)
                    .sum();
                assert!(granted_hz <= slot.rsus.available_cpu_hz(m) * (1.0 + 1e-12));
            }
        }
    });
}

#[test]
fn property_observations_are_bounded_in_every_scenario() {
    let city = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/city-grid.toml");
    let city = Scenario::load(&city, &[]).expect("in the repository");
    let built_in = BUILTIN_SCENARIOS.iter();
    let scenarios = built_in.map(|b| builtin(b.name, &[]));
    for scenario in scenarios.chain([city]) {
        // where tasks queue there is an environment of its own, see `lysac`
        if scenario.execution != Execution::SharedCpu {
            continue;
        }
        let world = World::new(&scenario).expect("files at hand");
        let mut stream = Streams::new(3).stream("test");
        for layout in layouts(&world) {
            let mut env = Env::new(&world, layout, 3, Streams::new(2), "env").expect("serves");
            let mut over = false;
            while !over {
                assert_sound(env.observation());
                let actions = random_actions(env.observation(), &mut stream);
                let turn = env.act(&actions).expect("legal");
                over = turn.slot.is_some_and(|end| end.truncated);
            }
            assert_sound(env.observation());
        }
    }
}

#[test]
fn property_permuting_vehicles_permutes_decisions() {
    let world = world("coupled", &[]);
    over_seeds(40, |seed| {
        let mut slot = Recipe {
            reserved: 0.0..0.5,
            ..Recipe::default()
        }
        .slot(seed);
        slot.slot_s = 0.4;
        let mut stream = Streams::new(seed).stream("order");
        let mut order: Vec<usize> = (0..slot.vehicles.len()).collect();
        for i in (1..order.len()).rev() {
            order.swap(i, stream.below(i + 1));
        }
        let other = permuted(&slot, &order);
        let forms = layouts(&world).into_iter();
        for layout in forms.filter(|layout| !matches!(layout.form, Form::Flat { .. })) {
            let scorer = Linear::random(&layout, seed);
            let factory = Trained {
                name: "linear".to_owned(),
                scorer,
            };
            let decide = |slot: &Slot| {
                let mut policy = factory.for_run(&world, Streams::new(0)).expect("serves");
                let mut decision = Decision::default();
                policy.decide(slot, &mut decision);
                decision
            };
            let (expected, got) = (decide(&slot), decide(&other));
            for (v, &from) in order.iter().enumerate() {
                assert_eq!(got.placements[v], expected.placements[from], "{layout:?}");
                let (a, b) = (got.minimum_hz.get(v), expected.minimum_hz.get(from));
                assert_eq!(a, b, "{layout:?}");
            }
        }
    });
}
