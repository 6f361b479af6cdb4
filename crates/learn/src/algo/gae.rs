//! Generalised advantage estimation, equations (19) and (20).

/// A rollout of `[T, E]` slots, time-major.
#[derive(Clone, Copy, Debug)]
pub struct Trajectories<'a> {
    /// r_t.
    pub rewards: &'a [f32],
    /// V(s_t).
    pub values: &'a [f32],
    /// V(s_{t+1}): zero where s_{t+1} is terminal, that of the last state where the episode was cut off.
    pub next_values: &'a [f32],
    /// Whether the episode ended with this step, either way.
    pub ended: &'a [bool],
    /// Whether the next step is another turn of the same slot.
    pub within: &'a [bool],
    /// E, the number of environments.
    pub envs: usize,
}

/// What later rewards weigh.
#[derive(Clone, Copy, Debug)]
pub struct Discounts {
    /// Discount between slots.
    pub gamma: f64,
    /// Lambda of (20).
    pub lambda: f64,
    /// Lambda between the turns of a slot, where no time passes and gamma is 1.
    pub turn_lambda: f64,
}

/// Advantages (20) by recursion from the end, `[T, E]`:
/// delta_t = r_t + gamma V(s_{t+1}) - V(s_t), A_t = delta_t + gamma lambda A_{t+1} within an episode.
pub fn advantages(t: Trajectories, discounts: Discounts, out: &mut Vec<f32>) {
    let n = t.rewards.len();
    out.clear();
    out.resize(n, 0.0);
    for i in (0..n).rev() {
        let (gamma, lambda) = if t.within[i] {
            (1.0, discounts.turn_lambda)
        } else {
            (discounts.gamma, discounts.lambda)
        };
        let delta =
            f64::from(t.rewards[i]) + gamma * f64::from(t.next_values[i]) - f64::from(t.values[i]);
        let later = if t.ended[i] || i + t.envs >= n {
            0.0
        } else {
            f64::from(out[i + t.envs])
        };
        out[i] = (delta + gamma * lambda * later) as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn discounts(gamma: f64, lambda: f64, turn_lambda: f64) -> Discounts {
        Discounts {
            gamma,
            lambda,
            turn_lambda,
        }
    }

    /// Two environments, three steps; the first is cut off after its second step, with a last state worth 10.
    #[test]
    fn closed_form_bootstraps_at_truncation_and_not_across_it() {
        let t = Trajectories {
            rewards: &[1.0, 0.0, 2.0, 0.0, 3.0, 4.0],
            values: &[0.5, 0.0, 1.0, 0.0, 2.0, 1.0],
            next_values: &[1.0, 0.0, 10.0, 1.0, 5.0, 0.0],
            ended: &[false, false, true, false, false, true],
            within: &[false; 6],
            envs: 2,
        };
        let mut a = Vec::new();
        advantages(t, discounts(0.5, 0.5, 1.0), &mut a);
        // env 0: deltas 1, 6, 3.5; env 1: deltas 0, 0.5, 3
        let want = [
            1.0 + 0.25 * 6.0,
            0.25 * (0.5 + 0.25 * 3.0),
            6.0,
            0.5 + 0.25 * 3.0,
            3.5,
            3.0,
        ];
        assert!(
            a.iter()
                .zip(want)
                .all(|(a, w): (&f32, f32)| (a - w).abs() < 1e-6),
            "{a:?}"
        );
    }

    /// (20) as the sum that the paper writes.
    #[test]
    fn oracle_recursion_is_the_sum_of_the_paper() {
        let n = 12;
        let r: Vec<f32> = (0..n).map(|i| (i * 7 % 5) as f32).collect();
        let v: Vec<f32> = (0..n).map(|i| (i * 3 % 4) as f32).collect();
        let next: Vec<f32> = (1..=n).map(|i| (i * 3 % 4) as f32).collect();
        let mut a = Vec::new();
        let t = Trajectories {
            rewards: &r,
            values: &v,
            next_values: &next,
            ended: &vec![false; n],
            within: &vec![false; n],
            envs: 1,
        };
        advantages(t, discounts(0.9, 0.8, 1.0), &mut a);
        for (i, a) in a.iter().enumerate() {
            let delta = |j: usize| f64::from(r[j]) + 0.9 * f64::from(next[j]) - f64::from(v[j]);
            let sum: f64 = (i..n)
                .map(|j| 0.72f64.powi((j - i) as i32) * delta(j))
                .sum();
            assert!((f64::from(*a) - sum).abs() < 1e-5);
        }
    }

    /// A slot of two turns, then the next slot: gamma and lambda count between the slots only.
    #[test]
    fn closed_form_turns_are_not_discounted() {
        let t = Trajectories {
            rewards: &[1.0, 2.0, 4.0],
            values: &[0.0, 3.0, 8.0],
            next_values: &[3.0, 8.0, 0.0],
            ended: &[false, false, true],
            within: &[true, false, false],
            envs: 1,
        };
        let mut a = Vec::new();
        advantages(t, discounts(0.5, 0.5, 0.75), &mut a);
        // deltas 1 + 3, 2 + 4 - 3, 4 - 8
        let second = 3.0 - 0.25 * 4.0;
        assert_eq!(a, [4.0 + 0.75 * second, second, -4.0]);
    }
}
