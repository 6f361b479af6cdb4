//! Every instruction set that this build and this processor have, one after the other in one process, so that any machine tests
//! what runs on older processors: AVX-512 (`V4`), AVX2 with FMA (`V3`), and the plain fallback.
//!
//! What is forced here overrides both choices at run time: that of `pulp` for elementwise loops ([`crate::nn::simd`]), and that of
//! `gemm` for products ([`crate::nn::matrix`]). `gemm` keeps its choice in a private static, so its kernels are instantiated below
//! as it instantiates them.

use std::cell::Cell;

use gemm_common::gemm::gemm_basic_generic;
use gemm_common::simd::MixedSimd;
use pulp::Arch;

use crate::nn::kernel::Kernel;

thread_local! {
    static FORCED: Cell<Option<Arch>> = const { Cell::new(None) };
}

/// The level forced upon this thread.
pub(crate) fn forced() -> Option<Arch> {
    FORCED.get()
}

/// Its kernel of matrix products.
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

pub(crate) fn name(level: Arch) -> String {
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

/// Forces `level` upon this thread, a worker of a pool.
pub(crate) fn force(level: Option<Arch>) {
    FORCED.set(level);
}
