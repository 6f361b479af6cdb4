//! Every instruction set that this build and this processor have, one after the other in one process, so that what
//! runs on lesser processors is tested on any: AVX-512 (`V4`), AVX2 with FMA (`V3`), and the plain fallback.
//!
//! Both choices at run time follow what is forced here: `pulp`'s of elementwise loops ([`crate::nn::simd`]) and that of
//! `gemm` ([`crate::nn::matrix`]), which keeps its own in a private static, so that its kernels are named below as it names them.

use std::cell::Cell;

use gemm_common::gemm::gemm_basic_generic;
use gemm_common::simd::MixedSimd;
use pulp::Arch;

use crate::nn::matrix::Kernel;

thread_local! {
    static FORCED: Cell<Option<Arch>> = const { Cell::new(None) };
}

/// What is forced upon this thread.
pub(crate) fn forced() -> Option<Arch> {
    FORCED.get()
}

/// The same of matrix products.
pub(crate) fn forced_kernel() -> Option<Kernel> {
    FORCED.get().map(|level| match level {
        #[cfg(all(feature = "x86-v4", target_arch = "x86_64"))]
        Arch::V4(_) => avx512f as Kernel,
        #[cfg(target_arch = "x86_64")]
        Arch::V3(_) => fma,
        _ => scalar,
    })
}

/// As `gemm_common::gemm_def` has it: name, elements per vector, the token of the instruction set.
macro_rules! kernel {
    ($name:ident, $n:expr, $simd:ident) => {
        #[rustfmt::skip]
        #[allow(unsafe_code, clippy::too_many_arguments)]
        unsafe fn $name(
            m: usize, n: usize, k: usize,
            dst: *mut f32, dst_cs: isize, dst_rs: isize, read_dst: bool,
            lhs: *const f32, lhs_cs: isize, lhs_rs: isize,
            rhs: *const f32, rhs_cs: isize, rhs_rs: isize,
            alpha: f32, beta: f32, conj_dst: bool, conj_lhs: bool, conj_rhs: bool,
            parallelism: gemm_common::Parallelism,
        ) {
            use gemm_f32::microkernel::$name::f32::{H_M, H_N, H_UKR, MR_DIV_N, NR, UKR};
            use gemm_common::simd::$simd;
            let simd = <$simd as MixedSimd<f32, f32, f32, f32>>::try_new().expect("the level is available");
            // SAFETY: the caller's, as of the function that this stands for
            unsafe {
                gemm_basic_generic::<_, f32, $n, { MR_DIV_N * $n }, NR, MR_DIV_N, H_M, H_N>(
                    simd, m, n, k, dst, dst_cs, dst_rs, read_dst, lhs, lhs_cs, lhs_rs, rhs, rhs_cs, rhs_rs,
                    alpha, beta, conj_dst, conj_lhs, conj_rhs, |a, b, c| a * b + c, &UKR, &H_UKR, false, parallelism,
                );
            }
        }
    };
}

kernel!(scalar, 1, Scalar);
#[cfg(target_arch = "x86_64")]
kernel!(fma, 8, V3);
#[cfg(all(feature = "x86-v4", target_arch = "x86_64"))]
kernel!(avx512f, 16, V4);

/// The plain fallback, and what there is above it.
fn available() -> Vec<Arch> {
    let mut levels = vec![Arch::Scalar];
    #[cfg(target_arch = "x86_64")]
    match pulp::x86::V3::try_new() {
        Some(v3) => levels.push(Arch::V3(v3)),
        None => eprintln!("SKIPPED: the AVX2 kernels, for this processor has none"),
    }
    #[cfg(all(feature = "x86-v4", target_arch = "x86_64"))]
    match pulp::x86::V4::try_new() {
        Some(v4) => levels.push(Arch::V4(v4)),
        None => eprintln!("SKIPPED: the AVX-512 kernels, for this processor has none"),
    }
    levels
}

fn name(level: Arch) -> String {
    format!("{level:?}")
        .split('(')
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// Runs `f` at every level.
pub(crate) fn each(mut f: impl FnMut(&str)) {
    for level in available() {
        FORCED.set(Some(level));
        f(&name(level));
    }
    FORCED.set(None);
}

mod tests {
    use super::*;
    use crate::algo::env::{End, Env, Observe, SlotView, Step};
    use crate::algo::learner::Learner;
    use crate::algo::ppo::PpoConfig;
    use crate::nn::matrix;
    use crate::nn::net::NetSpec;
    use crate::nn::simd::{exp, tanh, vectorised};
    use wayside_core::error::Result;
    use wayside_core::rng::Streams;

    /// Sums of rounded terms: the bits tell which kernel computed them.
    fn products() -> Vec<u32> {
        let mut stream = Streams::new(3).stream("levels");
        let mut draw = |n: usize| -> Vec<f32> { (0..n).map(|_| stream.normal() as f32).collect() };
        let (x, w, mut y) = (draw(40 * 70), draw(70 * 30), vec![0.0; 40 * 30]);
        matrix::forward(&mut y, &x, &w, 40, 70, 30);
        y.into_iter().map(f32::to_bits).collect()
    }

    /// Unforced, it is the widest level that is used, by both choices; without `x86-v4` none is wider than AVX2.
    #[cfg(target_arch = "x86_64")]
    #[test]
    fn oracle_the_widest_level_is_in_force() {
        let mut found = Vec::new();
        each(|level| found.push((level.to_owned(), products())));
        let widest = name(pulp::Arch::new());
        let levels: Vec<&str> = found.iter().map(|f| f.0.as_str()).collect();
        eprintln!("levels {levels:?}, in force {widest}");
        let (last, bits) = found.last().unwrap();
        assert_eq!(*last, widest);
        assert_eq!(*bits, products(), "gemm chose another kernel than {widest}");
        assert_eq!(
            cfg!(feature = "x86-v4") && std::arch::is_x86_feature_detected!("avx512f"),
            widest == "V4"
        );
        // FMA rounds once where the fallback rounds twice: so what was forced was really run
        if found.len() > 1 {
            assert_ne!(found[0].1, found[1].1, "the fallback was not run");
        }
    }

    #[test]
    fn oracle_elementwise_functions_have_the_same_bits_at_every_level() {
        let mut want: Option<Vec<u32>> = None;
        each(|level| {
            let x: Vec<f32> = (-4000..4000).map(|i| i as f32 * 0.003).collect();
            let mut y = vec![0.0f32; 2 * x.len()];
            vectorised(
                #[inline(always)]
                || {
                    for (y, &x) in y.chunks_exact_mut(2).zip(&x) {
                        y[0] = tanh(x);
                        y[1] = exp(x);
                    }
                },
            );
            let bits: Vec<u32> = y.into_iter().map(f32::to_bits).collect();
            assert_eq!(bits, *want.get_or_insert_with(|| bits.clone()), "{level}");
        });
    }

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
                .start_handler(move |_| FORCED.set(this))
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
}
