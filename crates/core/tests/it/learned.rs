//! Learned policies: never dearer than all-local, and what the same rows are worth untrained.

use wayside_core::bound::split::Split;
use wayside_core::engine::PolicyFactory as _;
use wayside_core::engine::Trained;
use wayside_core::engine::traffic::Traffic;
use wayside_core::engine::world::World;
use wayside_core::observation::{Layout, Observation, Scorer};
use wayside_core::policy::baselines::{Local, Nearest, Random};
use wayside_core::policy::or_local::OrLocal;
use wayside_core::policy::repair::Repaired;
use wayside_core::policy::{Policy, PolicyKind};
use wayside_core::rng::{Stream, Streams};
use wayside_core::slot::{Decision, Slot};

use crate::support::{Recipe, builtin, cost, over_seeds};

/// Says anything.
#[derive(Clone)]
struct Noise(Layout, u64);

impl Scorer for Noise {
    fn layout(&self) -> &Layout {
        &self.0
    }

    fn score(&mut self, observation: &Observation, logits: &mut Vec<f32>) {
        self.1 += 1;
        let mut stream: Stream = Streams::new(self.1).stream("noise");
        logits.extend((0..observation.len()).map(|_| stream.normal() as f32));
    }
}

/// What all tasks cost on their vehicles.
fn local(slot: &Slot) -> f64 {
    let mut decision = Decision::default();
    Local.decide(slot, &mut decision);
    cost(slot, &decision.placements)
}

/// Many vehicles, few RSUs, little CPU and band: all that a slot may be crowded by, with (16e) and without.
fn hostile(seed: u64) -> Slot {
    let scarce = seed.is_multiple_of(3);
    let mut slot = Recipe {
        vehicles: 5 + (seed as usize * 37) % 200,
        rsus: 1 + seed as usize % 6,
        omega: if seed.is_multiple_of(5) {
            0.0..1.0
        } else {
            0.9..1.0
        },
        cpu_hz: if scarce { 1e8..1e9 } else { 1e9..20e9 },
        bandwidth_hz: 1e6..50e6,
        reserved: 0.0..1.0,
        ..Recipe::default()
    }
    .slot(seed);
    slot.enforce_balance = seed.is_multiple_of(2);
    slot.tau = [0.02, 0.05, 0.3][seed as usize % 3];
    slot
}

#[test]
fn property_a_learned_policy_is_never_dearer_than_all_local() {
    let world = World::new(&builtin("wang2025", &[])).expect("built in");
    let options = &world.scenario.policy;
    let dearer = over_seeds(120, |seed| {
        let slot = hostile(seed);
        let local = local(&slot);
        let mut decision = Decision::default();
        let random = || {
            Random::new(
                options.random.candidates,
                options.random.target,
                Streams::new(seed),
            )
        };
        let learned = Trained {
            name: "noise".to_owned(),
            scorer: Noise(Layout::sequential(&world), seed << 20),
        };
        let mut policies: Vec<Box<dyn Policy>> = vec![
            learned.for_run(&world, Streams::new(seed)).expect("serves"),
            Box::new(OrLocal::new(Nearest)),
            Box::new(OrLocal::new(Repaired::new(random()))),
        ];
        for policy in &mut policies {
            policy.decide(&slot, &mut decision);
            let cost = cost(&slot, &decision.placements);
            assert!(cost <= local * (1.0 + 1e-12), "{cost}, local {local}");
        }
        random().decide(&slot, &mut decision);
        cost(&slot, &decision.placements) > local
    });
    let dearer = dearer.into_iter().filter(|&dearer| dearer).count();
    assert!(dearer > 60, "the slots are hostile to {dearer} of 120 only");
}

/// Before, the large tasks were asked first and went home: 6 % at 1,000 vehicles, and who learned from that placed nothing
/// on vehicles at all.
#[test]
fn regress_the_least_total_is_near_the_bound_under_any_load() {
    for (vehicles, omega) in [
        ("20", "0.65"),
        ("100", "0.3"),
        ("400", "0.65"),
        ("1000", "0.65"),
    ] {
        let set = [("fleet.size", vehicles), ("objective.omega", omega)];
        let world = World::new(&builtin("wang2025", &set)).expect("built in");
        let mut traffic = Traffic::new(&world, Streams::new(3)).expect("no trace");
        let mut slot = world.empty_slot();
        traffic.advance(0, &mut slot).expect("no trace");
        slot.enforce_balance = false;
        let mut decision = Decision::default();
        let mut policy = PolicyKind::LeastTotal.build(&world.scenario.policy, Streams::new(0));
        policy.decide(&slot, &mut decision);
        let (cost, bound) = (
            cost(&slot, &decision.placements),
            Split::default().solve(&slot),
        );
        let gap = cost / bound - 1.0;
        assert!((0.0..0.01).contains(&gap), "N = {vehicles}: {gap}");
    }
}
