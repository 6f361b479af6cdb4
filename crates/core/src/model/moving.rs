//! Moving a running session: rounds of pre-copy, then stop-and-copy.

/// How state is copied.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Copying {
    /// State S of a session \[bit\].
    pub state_bits: f64,
    /// What a running session changes of it, d \[bit/s\].
    pub dirty_bps: f64,
    /// Most rounds of pre-copy.
    pub rounds: u32,
    /// What is left to send at which the session stops \[bit\].
    pub stop_bits: f64,
    /// Time to start at the new host \[s\].
    pub restart_s: f64,
}

/// What moving a session over one path takes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moved {
    /// Rounds of pre-copy n.
    pub rounds: u32,
    /// All bits sent.
    pub bits: f64,
    /// Time of pre-copy, in which the session runs \[s\].
    pub copy_s: f64,
    /// Time of stop-and-copy and restart, in which it does not \[s\].
    pub down_s: f64,
}

impl Copying {
    /// A move over a path of `seconds_per_bit` (tau).
    ///
    /// A round sends V_i bits, and V_{i+1} = min(S, d tau V_i) are left after it. Rounds end when at most `stop_bits` are
    /// left, when the next would not be smaller, or after `rounds`.
    ///
    /// ```
    /// use wayside_core::model::moving::Copying;
    /// // 100 Mbit over 1 Gbit/s, a tenth of what is sent gets dirty: 100, then 10 Mbit, then 1 Mbit while it is stopped
    /// let copying = Copying { state_bits: 1e8, dirty_bps: 1e8, rounds: 9, stop_bits: 1e6, restart_s: 0.5 };
    /// let moved = copying.over(1e-9);
    /// assert_eq!(moved.rounds, 2);
    /// assert!((moved.copy_s - 0.11).abs() < 1e-12 && (moved.down_s - 0.501).abs() < 1e-12);
    /// assert!((moved.bits - 111e6).abs() < 1e-6);
    /// ```
    #[must_use]
    pub fn over(&self, seconds_per_bit: f64) -> Moved {
        let mut moved = Moved::default();
        let mut left_bits = self.state_bits;
        // a relative tolerance, so that the last bit of a product adds no round
        while moved.rounds < self.rounds && left_bits > self.stop_bits * (1.0 + 1e-9) {
            let round_s = left_bits * seconds_per_bit;
            let next_bits = (self.dirty_bps * round_s).min(self.state_bits);
            if next_bits >= left_bits {
                break;
            }
            moved.copy_s += round_s;
            moved.bits += left_bits;
            moved.rounds += 1;
            left_bits = next_bits;
        }
        moved.bits += left_bits;
        moved.down_s = left_bits * seconds_per_bit + self.restart_s;
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COPYING: Copying = Copying {
        state_bits: 8e8,
        dirty_bps: 2e8,
        rounds: 3,
        stop_bits: 0.0,
        restart_s: 0.05,
    };

    /// rho = 0.2: rounds of 0.8, 0.16 and 0.032 s, then 6.4 Mbit in 6.4 ms.
    #[test]
    fn closed_form_three_rounds_by_hand() {
        let moved = COPYING.over(1e-9);
        assert_eq!(moved.rounds, 3);
        assert!((moved.copy_s - 0.992).abs() < 1e-12, "{moved:?}");
        assert!((moved.down_s - 0.0564).abs() < 1e-12, "{moved:?}");
        assert!((moved.bits - 998.4e6).abs() < 1e-3, "{moved:?}");
    }

    /// S (1 - rho^n) / (1 - rho) and S rho^n for any rho < 1.
    #[test]
    fn closed_form_geometric_series() {
        for rounds in 0..9 {
            for rho in [0.0, 0.1, 0.5, 0.99] {
                let copying = Copying {
                    rounds,
                    dirty_bps: rho * 1e9,
                    ..COPYING
                };
                let moved = copying.over(1e-9);
                let n = moved.rounds as i32;
                let series = 0.8 * (1.0 - f64::powi(rho, n)) / (1.0 - rho);
                let rest = 0.8 * f64::powi(rho, n) + 0.05;
                assert!((moved.copy_s - series).abs() < 1e-12, "{rounds} {rho}");
                assert!((moved.down_s - rest).abs() < 1e-12, "{rounds} {rho}");
                assert_eq!(moved.rounds, if rho > 0.0 { rounds } else { rounds.min(1) });
            }
        }
    }

    /// Copying that does not get ahead of the session is not begun; nor is that of a state as small as the rest.
    #[test]
    fn closed_form_no_rounds() {
        for copying in [
            Copying {
                dirty_bps: 1e9,
                ..COPYING
            },
            Copying {
                stop_bits: 8e8,
                ..COPYING
            },
            Copying {
                rounds: 0,
                ..COPYING
            },
        ] {
            let moved = copying.over(1e-9);
            assert_eq!((moved.rounds, moved.copy_s), (0, 0.0));
            assert!((moved.down_s - 0.85).abs() < 1e-12);
        }
    }
}
