//! Named random streams: the only source of randomness.
//!
//! A stream is `ChaCha8` keyed by the seed, with the hash of its name as stream number.
//! Streams are independent of each other and of the order in which they are drawn from,
//! so an additional draw from one never shifts another, and every policy meets the same world.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A named stream of random numbers.
#[derive(Clone, Debug)]
pub struct Stream(ChaCha8Rng);

/// The streams of one seed.
#[derive(Clone, Copy, Debug)]
pub struct Streams {
    seed: u64,
}

impl Streams {
    /// All streams of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The seed.
    #[must_use]
    pub fn seed(self) -> u64 {
        self.seed
    }

    /// The stream called `name`, from its start.
    #[must_use]
    pub fn stream(self, name: &str) -> Stream {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(fnv1a(name));
        Stream(rng)
    }
}

impl Stream {
    /// Uniform in `[0, 1)`, 53 random bits.
    pub fn unit(&mut self) -> f64 {
        let x = (self.0.next_u64() >> 11) as f64;
        x * (1.0 / 9_007_199_254_740_992.0)
    }

    /// Uniform in `[min, max)`; `min` where both are equal.
    pub fn uniform(&mut self, min: f64, max: f64) -> f64 {
        min + (max - min) * self.unit()
    }

    /// Uniform in `0..n`.
    ///
    /// # Panics
    /// If `n` is zero.
    pub fn below(&mut self, n: usize) -> usize {
        self.0.random_range(0..n)
    }

    /// A seed for other streams, all 64 bits of it.
    pub fn seed(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Standard normal variate (Box-Muller, one of the pair).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }
}

/// FNV-1a: a fixed, portable hash, so that streams never change between versions of Rust.
fn fnv1a(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn property_streams_are_reproducible_and_differ_by_name_and_seed() {
        let draw = |seed, name: &str| {
            let mut s = Streams::new(seed).stream(name);
            (0..4).map(|_| s.unit()).collect::<Vec<_>>()
        };
        assert_eq!(draw(7, "task"), draw(7, "task"));
        assert_ne!(draw(7, "task"), draw(7, "start"));
        assert_ne!(draw(7, "task"), draw(8, "task"));
    }

    #[test]
    fn closed_form_normal_moments() {
        let mut s = Streams::new(1).stream("normal");
        let xs: Vec<f64> = (0..100_000).map(|_| s.normal()).collect();
        let mean = xs.iter().sum::<f64>() / 1e5;
        let var = xs.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 1e5;
        assert!(
            mean.abs() < 0.015 && (var - 1.0).abs() < 0.02,
            "{mean} {var}"
        );
    }
}
