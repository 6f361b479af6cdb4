//! The type of a kernel of matrix products.

use gemm_common::Parallelism;

/// Sizes m, n, k; `dst`, `a`, `b` with the strides of their columns and rows; whether `dst` is kept; factors and conjugations that we do not use.
#[rustfmt::skip]
pub(crate) type Kernel = unsafe fn(
    usize, usize, usize, *mut f32, isize, isize, bool, *const f32, isize, isize, *const f32, isize, isize,
    f32, f32, bool, bool, bool, Parallelism,
);
