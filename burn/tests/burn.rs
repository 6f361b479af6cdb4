//! Burn against our own core.

#[allow(dead_code)] // the other tests' problems
#[path = "../../crates/learn/tests/it/mdp.rs"]
mod mdp;
#[path = "../../crates/learn/tests/cores/seam.rs"]
mod seam;

use std::sync::atomic::AtomicBool;

use burn_tensor::Device;
use wayside_burn::Burn;
use wayside_core::Scenario;
use wayside_core::engine::world::World;
use wayside_core::rng::Streams;
use wayside_learn::nn::backend::{Backend, Own, Slots, Weights};
use wayside_learn::nn::mlp::Activation;
use wayside_learn::nn::net::{Net, NetSpec, Pool};
use wayside_learn::nn::state::State;
use wayside_learn::trainer::learned::LearnedPolicy;
use wayside_learn::trainer::{
    Algorithm, CHECKPOINT, Encoder, Ended, MakeBackend, POLICY, Plan, Settings, Trainer,
};

use crate::seam::assert_near;

/// What [`seam`] tests.
fn backend(spec: &NetSpec) -> Box<dyn Backend> {
    Box::new(Burn::new(spec.clone(), Device::flex()).unwrap())
}

fn draw(n: usize, name: &str) -> Vec<f32> {
    let mut stream = Streams::new(8).stream(name);
    (0..n).map(|_| stream.normal() as f32).collect()
}

fn specs() -> Vec<NetSpec> {
    vec![
        NetSpec::flat(9, 6, 2, &[16, 16]),
        NetSpec::shared(5, 4, 1, &[16, 8]),
        NetSpec {
            globals: 2,
            value_hidden: vec![8],
            activation: Activation::Relu,
            ..NetSpec::shared(5, 4, 1, &[16])
        },
        NetSpec {
            globals: 2,
            pool: Pool::Rows,
            ..NetSpec::shared(5, 4, 1, &[16])
        },
    ]
}

/// Logits, values, norm, gradient (the first moment after one step is a tenth of it) and four updates, every other one clipped,
/// of slots with three, no, one and two rows, and of slots without any.
#[test]
fn oracle_burn_computes_what_our_core_does() {
    for spec in specs() {
        let net = Net::new(spec.clone()).unwrap();
        let n = net.parameters();
        let start = Weights {
            params: draw(n, "params").iter().map(|p| 0.5 * p).collect(),
            m: vec![0.0; n],
            v: vec![0.0; n],
            steps: 0,
        };
        let (mut ours, mut theirs) = (Own::new(spec.clone()).unwrap(), backend(&spec));
        ours.load(&start).unwrap();
        theirs.load(&start).unwrap();
        assert_eq!(theirs.save().unwrap(), start);
        for (step, row_ends) in [[3, 3, 4, 6], [6, 6, 6, 6], [0, 0, 0, 0], [1, 2, 3, 4]]
            .into_iter()
            .enumerate()
        {
            let rows = row_ends[3];
            let (x, globals) = (
                draw(rows * spec.row_width, "x"),
                draw(4 * spec.globals, "g"),
            );
            let slots = Slots {
                rows: &x,
                row_ends: &row_ends,
                globals: &globals,
            };
            let logits = rows * spec.logits_per_row;
            let (d_logits, d_values) = (draw(logits, "dz"), draw(4, "dv"));
            let max_norm = (step % 2 == 1).then_some(0.5);
            let pass = |core: &mut dyn Backend| {
                let (mut z, mut v) = (vec![9.0; logits], vec![9.0; 4]);
                core.forward(slots, &mut z, &mut v).unwrap();
                let norm = core.update(&d_logits, &d_values, 1e-2, max_norm).unwrap();
                (z, v, norm as f32, core.save().unwrap())
            };
            let (ours, theirs) = (pass(&mut ours), pass(theirs.as_mut()));
            let what = |part: &str| format!("{part} of step {step} of {spec:?},");
            assert_near(&what("logit"), &theirs.0, &ours.0);
            assert_near(&what("value"), &theirs.1, &ours.1);
            assert_near(&what("norm"), &[theirs.2], &[ours.2]);
            let tenfold = |m: &[f32]| m.iter().map(|m| 10.0 * m).collect::<Vec<_>>();
            assert_near(
                &what("gradient"),
                &tenfold(&theirs.3.m),
                &tenfold(&ours.3.m),
            );
            assert_near(&what("parameter"), &theirs.3.params, &ours.3.params);
            // the squares are small, so their roots are compared
            let root = |v: &[f32]| v.iter().map(|v| v.sqrt()).collect::<Vec<_>>();
            assert_near(&what("second moment"), &root(&theirs.3.v), &root(&ours.3.v));
            assert_eq!(theirs.3.steps, ours.3.steps);
            assert!(ours.3.params != start.params);
        }
    }
}

/// A training that Burn begins and our core ends leaves what ours alone leaves, within rounding, and a policy that runs.
#[test]
fn oracle_a_training_may_begin_by_burn_and_end_by_ours() {
    let world = World::new(&Scenario::builtin("wang2025", &[]).unwrap()).unwrap();
    let settings = |algorithm, steps: &str| {
        let small = [
            ("n_envs", "3"),
            ("n_steps", "30"),
            ("batch_size", "45"),
            ("n_epochs", "2"),
            ("net_arch", "8"),
            ("eval_seeds", "1"),
            ("eval_slots", "3"),
            ("total_timesteps", steps),
        ];
        let known = if algorithm == Algorithm::Ppo {
            &small[..]
        } else {
            &small[..1]
        };
        let owned: Vec<_> = (known.iter())
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Settings::new(algorithm, Encoder::Sequential, &world, &owned).unwrap()
    };
    let burn: &MakeBackend = &|spec| Ok(backend(spec));
    let folder = tempfile::tempdir().unwrap();
    let trainer = |name: &str, settings, backend, resume| {
        let plan = Plan {
            read: &|_| unreachable!("nothing varies"),
            world: &world,
            settings,
            backend,
            architecture: None,
            seed: 5,
            out: folder.path().join(name),
            force: false,
            command: "test".to_owned(),
            version: "test".to_owned(),
        };
        Trainer::new(plan, resume)
    };
    let mut left = Vec::new();
    for (name, first) in [("ours", None), ("theirs", Some(burn))] {
        for (backend, steps, resume) in [(first, "180", false), (None, "270", true)] {
            let settings = settings(Algorithm::Ppo, steps);
            let ended = trainer(name, settings, backend, resume)
                .unwrap()
                .run(&AtomicBool::new(false), &mut |_| ())
                .unwrap();
            assert_eq!(ended, Ended::Done);
        }
        let out = folder.path().join(name);
        LearnedPolicy::read(&out.join(POLICY)).unwrap();
        let state = State::read(&out.join(CHECKPOINT)).unwrap();
        assert_eq!(state.card_value::<u64>("timesteps").unwrap(), 270);
        left.push(state.get::<f32>("params").unwrap());
    }
    assert!(left[0] != left[1], "Burn was not asked");
    assert_near("parameter", &left[1], &left[0]);

    let settings = settings(Algorithm::Sac, "");
    let error = trainer("sac", settings, Some(burn), false)
        .map(drop)
        .unwrap_err();
    assert!(
        error.to_string().contains("must be our own for sac"),
        "{error}"
    );
}
