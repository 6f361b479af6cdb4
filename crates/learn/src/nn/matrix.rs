//! The three products of a dense layer, row-major, by the kernels of the `gemm` project. On one thread: the caller splits the rows.

use gemm_common::Parallelism;

use crate::nn::kernel::Kernel;

/// A matrix in a slice: element (i, j) at `i * row + j * col`.
struct View<'a> {
    data: &'a [f32],
    row: usize,
    col: usize,
}

impl<'a> View<'a> {
    /// A matrix whose rows of `width` numbers come one after the other.
    fn by_rows(data: &'a [f32], width: usize) -> Self {
        let (row, col) = (width, 1);
        Self { data, row, col }
    }

    /// The transpose of such a matrix.
    fn transposed(data: &'a [f32], width: usize) -> Self {
        let (row, col) = (1, width);
        Self { data, row, col }
    }

    /// Whether all of `rows x cols` elements, neither of them 0, are in the slice.
    fn covers(&self, rows: usize, cols: usize) -> bool {
        let row = (rows - 1).checked_mul(self.row);
        let col = (cols - 1).checked_mul(self.col);
        let last = row.zip(col).and_then(|(row, col)| row.checked_add(col));
        last.is_some_and(|last| last < self.data.len())
    }
}

/// The widest kernel that the processor and our features have.
fn kernel() -> Kernel {
    #[cfg(test)]
    if let Some(kernel) = crate::nn::simd_levels::forced_kernel() {
        return kernel;
    }
    gemm_f32::gemm::f32::get_gemm_fn()
}

/// `dst (m x n, column-major) = keep * dst + a (m x k) b (k x n)`.
fn product(dst: &mut [f32], keep: bool, a: &View, b: &View, (m, n, k): (usize, usize, usize)) {
    let cells = m.checked_mul(n).filter(|&cells| cells <= dst.len());
    let cells = cells.expect("the shape exceeds its buffer");
    if cells == 0 || k == 0 {
        if !keep {
            dst[..cells].fill(0.0);
        }
        return;
    }
    assert!(
        a.covers(m, k) && b.covers(k, n),
        "shapes {m} x {k} x {n} exceed their buffers"
    );
    // SAFETY: the assertions, which cannot wrap, bound every element that the kernel reads or writes; `dst` is borrowed mutably, so it
    // overlaps neither input; strides are lengths of slices, hence far below isize::MAX.
    #[allow(unsafe_code)]
    unsafe {
        kernel()(
            m,
            n,
            k,
            dst.as_mut_ptr(),
            m as isize,
            1,
            keep,
            a.data.as_ptr(),
            a.col as isize,
            a.row as isize,
            b.data.as_ptr(),
            b.col as isize,
            b.row as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

// A row-major matrix is its transpose in column-major order, hence the swapped factors.

/// `y [rows, outputs] = x [rows, inputs] w [inputs, outputs]`.
pub(crate) fn forward(
    y: &mut [f32],
    x: &[f32],
    w: &[f32],
    rows: usize,
    inputs: usize,
    outputs: usize,
) {
    let (w, x) = (View::transposed(w, outputs), View::transposed(x, inputs));
    product(y, false, &w, &x, (outputs, rows, inputs));
}

/// `dw [inputs, outputs] = keep * dw + x^T dy`.
pub(crate) fn weights(
    dw: &mut [f32],
    keep: bool,
    x: &[f32],
    dy: &[f32],
    (rows, inputs, outputs): (usize, usize, usize),
) {
    let (dy, x) = (View::transposed(dy, outputs), View::by_rows(x, inputs));
    product(dw, keep, &dy, &x, (outputs, inputs, rows));
}

/// `dx [rows, inputs] = dy [rows, outputs] w^T`.
pub(crate) fn inputs(
    dx: &mut [f32],
    dy: &[f32],
    w: &[f32],
    rows: usize,
    inputs: usize,
    outputs: usize,
) {
    let (w, dy) = (View::by_rows(w, outputs), View::transposed(dy, outputs));
    product(dx, false, &w, &dy, (inputs, rows, outputs));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Products of sizes that wrap to little.
    #[test]
    fn regress_shapes_that_wrap_are_refused() {
        let huge = (1_usize << 62) + 1;
        for (rows, inputs, outputs) in [
            (1, huge, 4),
            (4, 1, huge),
            (huge, 4, 1),
            (1 << 32, 1 << 32, 1),
            (2, 2, 1 << 63),
        ] {
            let refused = std::panic::catch_unwind(|| {
                forward(&mut [0.0; 4], &[0.0; 4], &[0.0; 4], rows, inputs, outputs);
            });
            assert!(refused.is_err(), "{rows} x {inputs} x {outputs}");
        }
    }
    use wayside_core::rng::Streams;

    /// The naive product in f64, `a` by rows and `b` by rows.
    fn naive(
        a: impl Fn(usize, usize) -> f32,
        b: impl Fn(usize, usize) -> f32,
        (m, n, k): (usize, usize, usize),
    ) -> Vec<f64> {
        let cell = |i, j| {
            (0..k)
                .map(|l| f64::from(a(i, l)) * f64::from(b(l, j)))
                .sum()
        };
        (0..m * n).map(|c| cell(c / n, c % n)).collect()
    }

    /// Whatever the kernel (AVX-512, AVX2 or plain), it is within k * 2^-23 of the exact product of numbers below one,
    /// the bound of recursive summation; so two kernels differ by at most twice that.
    #[test]
    fn oracle_every_kernel_is_near_the_naive_product_in_f64() {
        near_the_naive_product();
        crate::nn::simd_levels::each(|_| near_the_naive_product());
    }

    fn near_the_naive_product() {
        let mut stream = Streams::new(1).stream("matrix");
        for (r, i, o) in [
            (1, 1, 1),
            (1, 33, 7),
            (7, 40, 64),
            (129, 64, 15),
            (64, 933, 256),
            (3, 5, 1),
            (257, 2, 31),
            (0, 3, 3),
        ] {
            let mut draw = |n: usize| {
                (0..n)
                    .map(|_| stream.uniform(-1.0, 1.0) as f32)
                    .collect::<Vec<_>>()
            };
            let (x, w, dy) = (draw(r * i), draw(i * o), draw(r * o));
            let near = |got: &[f32], want: &[f64], k: usize| {
                for (g, w) in got.iter().zip(want) {
                    assert!(
                        (f64::from(*g) - w).abs() <= (k + 1) as f64 * 1.2e-7,
                        "{g} != {w} at {r} x {i} x {o}"
                    );
                }
            };
            let mut y = vec![9.0; r * o];
            forward(&mut y, &x, &w, r, i, o);
            near(
                &y,
                &naive(|a, b| x[a * i + b], |a, b| w[a * o + b], (r, o, i)),
                i,
            );
            let mut dw = vec![1.0; i * o];
            weights(&mut dw, true, &x, &dy, (r, i, o));
            let mut alone = vec![f32::NAN; i * o];
            weights(&mut alone, false, &x, &dy, (r, i, o));
            let mut want = naive(|a, b| x[b * i + a], |a, b| dy[a * o + b], (i, o, r));
            near(&alone, &want, r);
            want.iter_mut().for_each(|v| *v += 1.0);
            near(&dw, &want, r + 1);
            let mut dx = vec![9.0; r * i];
            inputs(&mut dx, &dy, &w, r, i, o);
            near(
                &dx,
                &naive(|a, b| dy[a * o + b], |a, b| w[b * o + a], (r, i, o)),
                o,
            );
        }
    }
}
