//! Draws by counters: the same names always give the same number, in whatever order they are asked for.

use crate::rng::Streams;

/// Draws keyed by a named stream.
#[derive(Clone, Copy, Debug)]
pub struct Draws {
    key: u64,
}

impl Draws {
    /// Those of the stream `name`.
    #[must_use]
    pub fn new(streams: Streams, name: &str) -> Self {
        Self {
            key: streams.stream(name).seed(),
        }
    }

    /// Uniform in `[0, 1)`.
    #[must_use]
    #[inline]
    pub fn unit(self, vehicle: u64, rsu: u64, count: u64) -> f64 {
        unit(self.bits(vehicle, rsu, count))
    }

    /// Standard normal.
    #[must_use]
    pub fn normal(self, vehicle: u64, rsu: u64, count: u64) -> f64 {
        let bits = self.bits(vehicle, rsu, count);
        let radius = (-2.0 * (1.0 - unit(bits)).ln()).sqrt();
        radius * (std::f64::consts::TAU * unit(mixed(bits))).cos()
    }

    fn bits(self, vehicle: u64, rsu: u64, count: u64) -> u64 {
        mixed(mixed(mixed(self.key ^ vehicle) ^ rsu) ^ count)
    }
}

/// One step of SplitMix64 (Steele, Lea and Flood 2014).
fn mixed(bits: u64) -> u64 {
    let mut z = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Means and variances over each of the names, at 3 sigma.
    #[test]
    fn closed_form_moments_along_every_name() {
        let draws = Draws::new(Streams::new(3), "channel.los");
        let n = 40_000;
        for axis in 0..3 {
            let name = |i: u64| {
                let mut name = [7, 8, 9];
                name[axis] = i;
                name
            };
            let units = (0..n).map(|i| draws.unit(name(i)[0], name(i)[1], name(i)[2]));
            let mean = units.sum::<f64>() / n as f64;
            assert!(
                (mean - 0.5).abs() < 3.0 * (1.0 / 12.0 / n as f64).sqrt(),
                "{mean}"
            );
            let normals = (0..n).map(|i| draws.normal(name(i)[0], name(i)[1], name(i)[2]));
            let square = normals.map(|z| z * z).sum::<f64>() / n as f64;
            assert!(
                (square - 1.0).abs() < 3.0 * (2.0 / n as f64).sqrt(),
                "{square}"
            );
        }
    }
}
