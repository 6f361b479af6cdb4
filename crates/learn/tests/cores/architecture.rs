//! Another architecture learns as ours does, and is not mistaken for it. Here it computes the networks of a [`NetSpec`].

use std::sync::Arc;

use wayside_core::error::Result;
use wayside_core::rng::Streams;
use wayside_learn::algo::learner::Learner;
use wayside_learn::algo::on_policy::OnPolicy;
use wayside_learn::algo::policy::Policy;
use wayside_learn::algo::ppo::PpoConfig;
use wayside_learn::nn::architecture::{Architecture, Slots};
use wayside_learn::nn::gradient::gradient_error;
use wayside_learn::nn::mlp::Tape;
use wayside_learn::nn::net::{Net, NetSpec, Pool};
use wayside_learn::nn::state::State;

use crate::backend;
use crate::mdp::Keys;
use crate::seam::{assert_near, keys, small};

/// The networks of a [`NetSpec`] with a critic of its own; `factor` 1 for the right gradient.
#[derive(Debug)]
struct Twin {
    net: Net,
    name: &'static str,
    factor: f32,
}

impl Twin {
    fn new(spec: &NetSpec) -> Self {
        let net = Net::new(spec.clone()).unwrap();
        let (name, factor) = ("twin", 1.0);
        Self { net, name, factor }
    }

    /// Tapes of trunk, head and value, and what the value is computed from.
    fn pass(&self, params: &[f32], slots: Slots) -> ([Tape; 3], Vec<f32>) {
        let ([trunk, head, value], spec) = (self.net.parts(), self.net.spec());
        let (mut tapes, rows) = (<[Tape; 3]>::default(), slots.rows.len() / spec.row_width);
        trunk.forward(params, slots.rows, rows, &mut tapes[0]);
        let [features, logits, values] = &mut tapes;
        head.forward(params, features.output(), rows, logits);
        let mut input = Vec::new();
        for s in 0..slots.row_ends.len() {
            let range = slots.range(s);
            for x in 0..spec.row_width {
                let column = |row: usize| slots.rows[row * spec.row_width + x];
                let sum: f32 = range.clone().map(column).sum();
                input.push(sum / range.len().max(1) as f32);
            }
            input.extend_from_slice(&slots.globals[s * spec.globals..(s + 1) * spec.globals]);
        }
        value.forward(params, &input, slots.row_ends.len(), values);
        (tapes, input)
    }
}

impl Architecture for Twin {
    fn name(&self) -> String {
        self.name.to_owned()
    }

    fn parameters(&self) -> usize {
        self.net.parameters()
    }

    fn init(&self, streams: Streams) -> Vec<f32> {
        self.net.init(streams)
    }

    fn forward(&self, params: &[f32], slots: Slots, logits: &mut [f32], values: &mut [f32]) {
        let ([_, head, value], _) = self.pass(params, slots);
        logits.copy_from_slice(head.output());
        values.copy_from_slice(value.output());
    }

    fn backward(
        &self,
        params: &[f32],
        slots: Slots,
        d_logits: &[f32],
        d_values: &[f32],
        grads: &mut [f32],
    ) {
        let [trunk, head, value] = self.net.parts();
        let ([mut features, mut logits, mut values], input) = self.pass(params, slots);
        values.output_and_gradient().1.copy_from_slice(d_values);
        value.backward(params, &input, &mut values, Some(grads), None);
        let (_, d) = logits.output_and_gradient();
        d.iter_mut()
            .zip(d_logits)
            .for_each(|(d, x)| *d = self.factor * x);
        let (y, dy) = features.output_and_gradient();
        head.backward(params, y, &mut logits, Some(grads), Some(dy));
        trunk.backward(params, slots.rows, &mut features, Some(grads), None);
    }
}

fn spec() -> NetSpec {
    NetSpec {
        pool: Pool::Rows,
        value_hidden: vec![16],
        ..NetSpec::shared(7, 7, 2, &[16, 16])
    }
}

fn twin(spec: &NetSpec) -> Result<Arc<dyn Architecture>> {
    Ok(Arc::new(Twin::new(spec)))
}

fn learner(config: &PpoConfig, architecture: Option<Twin>) -> OnPolicy<Keys> {
    let learner = config.learner(spec(), keys(5), 1).unwrap();
    match architecture {
        None => learner,
        Some(twin) => learner.with_architecture(Arc::new(twin)).unwrap(),
    }
}

/// Rollouts with their values, minibatches by shards, the update: all are those of our own network, with a buffer too.
#[test]
fn oracle_ppo_of_our_networks_as_another_architecture_is_ppo_of_ours() {
    for min_buffer_size in [0, 320] {
        let config = PpoConfig {
            normalize_observation: true,
            ent_coef: 0.01,
            min_buffer_size,
            ..small()
        };
        let mut ours = learner(&config, None);
        let mut theirs = learner(&config, Some(Twin::new(&spec())));
        let before = ours.params().to_vec();
        assert_eq!(theirs.params(), before);
        for _ in 0..3 {
            let want = ours.iterate().unwrap();
            let got = theirs.iterate().unwrap();
            for ((tag, got), (_, want)) in got.tags().zip(want.tags()) {
                let near = (got - want).abs() < 1e-4 * want.abs().max(1.0);
                assert!(near, "{tag} is {got}, not {want}");
            }
        }
        assert_ne!(ours.params(), before);
        assert_near("parameter", theirs.params(), ours.params());
    }
}

/// A checkpoint goes on to the bit; a policy decides from its file as before; neither is read as that of another network.
#[test]
fn property_files_of_another_architecture_are_read_by_it_alone() {
    let config = small();
    let mut first = learner(&config, Some(Twin::new(&spec())));
    first.iterate().unwrap();
    let state = State::from_bytes(&first.save().to_bytes().unwrap()).unwrap();
    let mut again = learner(&config, Some(Twin::new(&spec())));
    again.load(&state).unwrap();
    assert_eq!(
        again.save().to_bytes().unwrap(),
        first.save().to_bytes().unwrap()
    );
    let error = learner(&config, None).load(&state).unwrap_err().to_string();
    assert!(
        error.contains("must be that of Wayside, got twin"),
        "{error}"
    );
    let other = Twin {
        name: "other",
        ..Twin::new(&spec())
    };
    let mut other = learner(&config, Some(other));
    let error = other.load(&state).unwrap_err().to_string();
    assert!(error.contains("must be other, got twin"), "{error}");

    let mut policy = first.policy();
    let file = State::from_bytes(&policy.save().to_bytes().unwrap()).unwrap();
    assert!(Policy::load(&file).is_err());
    let mut read = Policy::load_with(&file, &twin).unwrap();
    for seed in 0..20 {
        let mut slot = Keys::new(100 + seed, 30, false);
        assert_eq!(policy.decide(&mut slot), read.decide(&mut slot));
        assert_eq!(policy.value().to_bits(), read.value().to_bits());
    }
    let ours = learner(&config, None).policy().save();
    let error = Policy::load_with(&ours, &twin).unwrap_err().to_string();
    assert!(
        error.contains("must be twin, got that of Wayside"),
        "{error}"
    );
}

#[test]
fn property_a_backend_computes_only_our_architecture() {
    let learner = learner(&small(), Some(Twin::new(&spec())));
    let error = learner.with_backend(backend(&spec())).unwrap_err();
    assert!(error.to_string().contains("got twin"), "{error}");
}

#[test]
fn property_a_wrong_gradient_is_found() {
    let spec = NetSpec {
        globals: 2,
        ..spec()
    };
    assert!(gradient_error(&Twin::new(&spec), &spec, 3) < 0.01);
    for factor in [0.9, -1.0, f32::NAN] {
        let wrong = Twin {
            factor,
            ..Twin::new(&spec)
        };
        let error = gradient_error(&wrong, &spec, 3);
        assert!(
            error > 0.05 || error.is_nan(),
            "a gradient times {factor} passes: {error}"
        );
    }
}
