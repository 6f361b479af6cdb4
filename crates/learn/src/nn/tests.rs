//! Every instruction set does the same.

use wayside_core::rng::Streams;

use crate::nn::matrix;
use crate::nn::simd::{exp, tanh, vectorised};
use crate::nn::simd_levels::{each, name};

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
