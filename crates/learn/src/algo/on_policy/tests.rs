//! Every instruction set learns the same.

use wayside_core::error::Result;

use crate::algo::env::{End, Env, Observe, SlotView, Step};
use crate::algo::learner::Learner;
use crate::algo::ppo::PpoConfig;
use crate::nn::net::NetSpec;
use crate::nn::simd_levels::{each, force, forced};

/// Which of four is shown; one reward for naming it.
struct Naming(usize);

impl Observe for Naming {
    fn observe(&mut self, slot: &mut SlotView) {
        slot.row()[self.0 % 4] = 1.0;
        slot.factor(4)[(self.0 + 1) % 4] = false;
    }
}

impl Env for Naming {
    fn step(&mut self, actions: &[u32]) -> Result<Step> {
        let reward = f64::from(u8::from(actions[0] as usize == self.0 % 4));
        self.0 = self.0 * 5 + 3;
        self.0 %= 64;
        let end = if self.0.is_multiple_of(8) {
            End::Truncated
        } else {
            End::No
        };
        Ok(Step::new(reward, end))
    }
    fn reset(&mut self) -> Result<()> {
        Ok(())
    }
}

/// A whole iteration of PPO, rollout and eight updates, at every level: the kernels' roundings stay roundings.
#[test]
fn oracle_an_iteration_of_ppo_is_the_same_at_every_level_within_rounding() {
    let mut want: Option<Vec<f32>> = None;
    each(|level| {
        let this = forced();
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(2)
            .start_handler(move |_| force(this))
            .build()
            .unwrap();
        let params = pool.install(|| {
            let config = PpoConfig {
                n_steps: 32,
                n_epochs: 4,
                ..PpoConfig::default()
            };
            let spec = NetSpec::flat(4, 4, 1, &[32, 32]);
            let envs: Vec<Naming> = (0..4).map(Naming).collect();
            let mut learner = config.learner(spec, envs, 1).unwrap();
            let before = learner.params().to_vec();
            learner.iterate().unwrap();
            let moved = learner.params().iter().zip(&before);
            assert!(moved.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) > 1e-3);
            learner.params().to_vec()
        });
        for (i, (p, w)) in params
            .iter()
            .zip(want.get_or_insert_with(|| params.clone()))
            .enumerate()
        {
            assert!((p - *w).abs() < 1e-5, "{level}, parameter {i}: {p} != {w}");
        }
    });
}
