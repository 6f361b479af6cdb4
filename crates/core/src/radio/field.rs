//! Random fields over the map, as sums of plane waves: the same place always has the same value.
//!
//! A sum of waves with the right wave numbers has exactly the correlation that is asked for, needs no state, and gives vehicles
//! at one place the same radio. All RSUs share the wave numbers; each has its own phases and its own rotation of the map, so
//! that fields of different RSUs are independent.

use crate::rng::Stream;
use pulp::{Arch, NullaryFnOnce};
use std::f64::consts::TAU;

/// A field of `N` waves per RSU.
#[derive(Clone, Debug)]
pub struct Waves<const N: usize> {
    /// Wave vectors, in turns over the unit of length.
    x: [f64; N],
    y: [f64; N],
    of_rsu: Vec<Phases<N>>,
    /// The widest vectors of the processor. Nothing is contracted or reordered, so all give the same bits.
    arch: Arch,
}

/// What an RSU has of its own.
#[derive(Clone, Debug)]
struct Phases<const N: usize> {
    cos: f64,
    sin: f64,
    /// Turns.
    phase: [f32; N],
}

/// A sum at a place, compiled for every instruction set; without `SINES` those are zero.
struct Sum<'a, const N: usize, const SINES: bool> {
    field: &'a Waves<N>,
    m: usize,
    x: f64,
    y: f64,
}

impl<const N: usize, const SINES: bool> NullaryFnOnce for Sum<'_, N, SINES> {
    type Output = (f64, f64);

    #[inline(always)]
    fn call(self) -> (f64, f64) {
        self.field.sum::<SINES>(self.m, self.x, self.y)
    }
}

impl<const N: usize> Waves<N> {
    /// A field with variance 1 and correlation exp(-d), where a place is given in units of the correlation distance.
    ///
    /// In two dimensions that correlation has wave numbers q with P(q <= k) = 1 - 1 / sqrt(1 + k^2).
    #[must_use]
    pub fn exponential(rsus: usize, stream: &mut Stream) -> Self {
        Self::new(rsus, stream, |unit| ((1.0 - unit).powi(-2) - 1.0).sqrt())
    }

    /// A field with correlation J0(2 pi d), where a place is given in wavelengths: waves from all sides (Clarke, Jakes).
    #[must_use]
    pub fn isotropic(rsus: usize, stream: &mut Stream) -> Self {
        Self::new(rsus, stream, |_| TAU)
    }

    /// Wave numbers are drawn from equal shares of their distribution, so that even a few waves have the correlation.
    fn new(rsus: usize, stream: &mut Stream, wave_number: impl Fn(f64) -> f64) -> Self {
        let (mut x, mut y) = ([0.0; N], [0.0; N]);
        // the golden angle spreads directions evenly, whatever the wave number
        let golden = TAU * (1.0 - 2.0 / (1.0 + 5f64.sqrt()));
        for (i, (x, y)) in x.iter_mut().zip(&mut y).enumerate() {
            let unit = (i as f64 + stream.unit()) / N as f64;
            let turns_per_m = wave_number(unit) / TAU;
            let (sin, cos) = (golden * i as f64).sin_cos();
            (*x, *y) = (turns_per_m * cos, turns_per_m * sin);
        }
        let of_rsu = (0..rsus).map(|_| {
            let (sin, cos) = (TAU * stream.unit()).sin_cos();
            Phases {
                cos,
                sin,
                phase: std::array::from_fn(|_| stream.unit() as f32),
            }
        });
        let of_rsu = of_rsu.collect();
        Self {
            x,
            y,
            of_rsu,
            arch: Arch::new(),
        }
    }

    /// The real field of RSU `m`; variance 1.
    #[must_use]
    #[inline]
    pub fn real(&self, m: usize, x: f64, y: f64) -> f64 {
        let (re, _) = self.arch.dispatch(Sum::<N, false> {
            field: self,
            m,
            x,
            y,
        });
        re * (2.0 / N as f64).sqrt()
    }

    /// The complex field of RSU `m`; mean power 1.
    #[must_use]
    #[inline]
    pub fn complex(&self, m: usize, x: f64, y: f64) -> (f64, f64) {
        let (re, im) = self.arch.dispatch(Sum::<N, true> {
            field: self,
            m,
            x,
            y,
        });
        let scale = (1.0 / N as f64).sqrt();
        (re * scale, im * scale)
    }

    /// Sums of cosines and sines; must be inlined into what is compiled for an instruction set.
    #[inline(always)]
    fn sum<const SINES: bool>(&self, m: usize, x: f64, y: f64) -> (f64, f64) {
        let own = &self.of_rsu[m];
        let (x, y) = (own.cos * x - own.sin * y, own.sin * x + own.cos * y);
        // one loop that the compiler turns into vectors, and then four sums side by side
        let (mut sines, mut cosines) = ([0.0; N], [0.0; N]);
        for i in 0..N {
            let turns = self.x[i] * x + self.y[i] * y + f64::from(own.phase[i]);
            let (sine, cosine) = sin_cos_of_turns(turns);
            cosines[i] = cosine;
            if SINES {
                sines[i] = sine;
            }
        }
        let (mut re, mut im) = ([0.0; 4], [0.0; 4]);
        for i in (0..N).step_by(4) {
            for j in 0..4 {
                re[j] += cosines[i + j];
                im[j] += sines[i + j];
            }
        }
        (
            (re[0] + re[1]) + (re[2] + re[3]),
            (im[0] + im[1]) + (im[2] + im[3]),
        )
    }
}

/// Sine and cosine of an angle in turns, to 1e-7: the standard library's are slower, and differ between platforms.
#[inline(always)]
fn sin_cos_of_turns(turns: f64) -> (f64, f64) {
    /// Adding it rounds to a whole number, for |turns| below 2^50.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let half = (turns - ((turns + ROUND) - ROUND)) * std::f64::consts::PI;
    let u = half * half;
    // Taylor series of the half angle, which is at most pi / 2
    let sin = half
        * (1.0
            + u * (-1.0 / 6.0
                + u * (1.0 / 120.0
                    + u * (-1.0 / 5040.0
                        + u * (1.0 / 362_880.0
                            + u * (-1.0 / 39_916_800.0 + u / 6_227_020_800.0))))));
    let cos = 1.0
        + u * (-0.5
            + u * (1.0 / 24.0
                + u * (-1.0 / 720.0
                    + u * (1.0 / 40_320.0 + u * (-1.0 / 3_628_800.0 + u / 479_001_600.0)))));
    (2.0 * sin * cos, 1.0 - 2.0 * sin * sin)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Streams;

    #[test]
    fn oracle_sine_and_cosine_of_the_standard_library() {
        for i in -10_000..10_000 {
            let turns = f64::from(i) * 0.001_37;
            let (sin, cos) = sin_cos_of_turns(turns);
            let (s, c) = (TAU * turns).sin_cos();
            assert!((sin - s).abs() < 1e-7 && (cos - c).abs() < 1e-7, "{turns}");
        }
    }

    /// Wide vectors against the plain sum, bit by bit.
    #[test]
    fn oracle_every_instruction_set_gives_the_same_bits() {
        let fast = Waves::<32>::exponential(20, &mut Streams::new(4).stream("channel.shadowing"));
        let plain = Waves {
            arch: Arch::Scalar,
            ..fast.clone()
        };
        for i in 0..1000 {
            let (m, x, y) = (i % 20, 37.1 * i as f64, -0.013 * i as f64);
            assert_eq!(fast.real(m, x, y).to_bits(), plain.real(m, x, y).to_bits());
            let bits = |(re, im): (f64, f64)| (re.to_bits(), im.to_bits());
            assert_eq!(bits(fast.complex(m, x, y)), bits(plain.complex(m, x, y)));
        }
    }

    /// Mean and standard error of `f` over independent fields.
    fn over_fields(fields: u64, f: impl Fn(u64) -> f64) -> (f64, f64) {
        let values: Vec<f64> = (0..fields).map(f).collect();
        let n = fields as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
        (mean, (variance / n).sqrt())
    }

    /// exp(-d): mean 0, variance 1, and the correlation at several distances in several directions, at 3 sigma.
    #[test]
    fn closed_form_shadowing_correlates_as_exp() {
        for (x, y) in [(0.0, 0.0), (0.2, 0.1), (0.0, 0.7), (-1.0, 0.5), (2.0, 2.0)] {
            let (mean, error) = over_fields(400, |seed| {
                let mut stream = Streams::new(seed).stream("channel.shadowing");
                let field = Waves::<32>::exponential(40, &mut stream);
                let product = |m| field.real(m, 3.0, -7.0) * field.real(m, 3.0 + x, y - 7.0);
                (0..40).map(product).sum::<f64>() / 40.0
            });
            let expected = (-f64::hypot(x, y)).exp();
            assert!(
                (mean - expected).abs() < 3.0 * error,
                "{x} {y}: {mean} {expected} {error}"
            );
            assert!(error < 0.02, "{error}");
        }
    }

    /// Fields of two RSUs are independent, and so are places far apart.
    #[test]
    fn closed_form_fields_are_independent() {
        let (mean, error) = over_fields(2000, |seed| {
            let mut stream = Streams::new(seed).stream("channel.shadowing");
            let field = Waves::<32>::exponential(2, &mut stream);
            field.real(0, 1.0, 2.0) * field.real(1, 1.0, 2.0)
        });
        assert!(mean.abs() < 3.0 * error, "{mean} {error}");
    }

    /// Rayleigh: the power has mean 1, and with N waves of equal power its second moment is 2 - 1/N, 2 in the limit.
    #[test]
    fn closed_form_rayleigh_moments() {
        let power = |seed| {
            let mut stream = Streams::new(seed).stream("channel.fading");
            let field = Waves::<16>::isotropic(1, &mut stream);
            let (re, im) = field.complex(0, 0.3, 0.4);
            re * re + im * im
        };
        let (mean, error) = over_fields(20_000, power);
        assert!((mean - 1.0).abs() < 3.0 * error, "{mean} {error}");
        let (square, error) = over_fields(20_000, |seed| power(seed).powi(2));
        assert!(
            (square - (2.0 - 1.0 / 16.0)).abs() < 3.0 * error,
            "{square} {error}"
        );
        // the share below its median, 1 - exp(-ln 2)
        let median = std::f64::consts::LN_2;
        let (share, error) = over_fields(20_000, |seed| f64::from(u8::from(power(seed) < median)));
        assert!((share - 0.5).abs() < 3.0 * error, "{share} {error}");
    }

    /// Jakes: E[h(0) h*(d)] = J0(2 pi d), at 3 sigma; 0.2 wavelengths, its first zero, its first minimum.
    #[test]
    fn closed_form_jakes_correlation() {
        for (d, j0) in [(0.2, 0.642_497), (0.382_740, 0.0), (0.609_835, -0.402_759)] {
            let (mean, error) = over_fields(4000, |seed| {
                let mut stream = Streams::new(seed).stream("channel.fading");
                let field = Waves::<16>::isotropic(1, &mut stream);
                let (a, b) = (field.complex(0, 5.0, 1.0), field.complex(0, 5.0 + d, 1.0));
                a.0 * b.0 + a.1 * b.1
            });
            assert!((mean - j0).abs() < 3.0 * error, "{d}: {mean} {j0} {error}");
            assert!(error < 0.02, "{error}");
        }
    }
}
