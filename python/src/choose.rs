//! Random choices among legal actions.

use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// For every head one of its legal actions: the one at share `unit` of them. Heads of `nvec` repeat until the
/// mask ends.
#[pyfunction]
pub(crate) fn choose<'py>(
    py: Python<'py>,
    mask: PyReadonlyArray1<'_, bool>,
    nvec: PyReadonlyArray1<'_, i64>,
    units: PyReadonlyArray1<'_, f64>,
) -> PyResult<Bound<'py, PyArray1<i64>>> {
    let (mask, nvec, units) = (mask.as_slice()?, nvec.as_slice()?, units.as_slice()?);
    let bits = Bits::of(mask);
    let mut actions = Vec::with_capacity(units.len());
    let mut start = 0;
    for (&unit, &size) in units.iter().zip(nvec.iter().cycle()) {
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let end = start + size.min(mask.len() + 1);
        if end > mask.len() {
            break;
        }
        actions.push(if size <= 64 {
            nth_bit(bits.head(start, size), size, unit)
        } else {
            nth_flag(&mask[start..end], unit)
        });
        start = end;
    }
    if start < mask.len() || actions.len() < units.len() {
        return Err(PyValueError::new_err("mask: must be as long as all heads"));
    }
    Ok(actions.into_pyarray(py))
}

/// Flags, 64 to a word, the first lowest.
struct Bits(Vec<u64>);

impl Bits {
    fn of(flags: &[bool]) -> Self {
        let mut words = Vec::with_capacity(flags.len() / 64 + 2);
        // moves bit 0 of byte k to bit k of the highest byte
        let pack = |eight: &[bool; 8]| {
            u64::from_le_bytes(eight.map(u8::from)).wrapping_mul(0x0102_0408_1020_4080) >> 56
        };
        for flags in flags.chunks(64) {
            let (eights, rest) = flags.as_chunks::<8>();
            let mut last = [false; 8];
            last[..rest.len()].copy_from_slice(rest);
            let packed = eights.iter().chain((!rest.is_empty()).then_some(&last));
            let set = |word, (i, eight)| word | pack(eight) << (8 * i);
            words.push(packed.enumerate().fold(0, set));
        }
        // so that the last head may read one word beyond
        words.push(0);
        Self(words)
    }

    /// The `size` flags from `start` on, of at most 64.
    fn head(&self, start: usize, size: usize) -> u64 {
        if size == 0 {
            return 0;
        }
        let (word, at) = (start / 64, start % 64);
        let both = u128::from(self.0[word]) | u128::from(self.0[word + 1]) << 64;
        (both >> at) as u64 & (u64::MAX >> (64 - size))
    }
}

/// The place of the bit at share `unit` of those that are set among the lowest `size`. It has no branch that depends on
/// the draw, because the processor could not predict it.
fn nth_bit(mut bits: u64, size: usize, unit: f64) -> i64 {
    let nth = (unit * f64::from(bits.count_ones())) as usize;
    for round in 1..size {
        // takes the lowest one away, in the first `nth` rounds
        bits &= bits.wrapping_sub(u64::from(round <= nth));
    }
    if bits == 0 {
        0
    } else {
        bits.trailing_zeros().into()
    }
}

/// The same of flags of any number.
fn nth_flag(flags: &[bool], unit: f64) -> i64 {
    let legal = flags.iter().filter(|legal| **legal).count();
    let nth = (unit * legal as f64) as usize;
    let mut places = flags.iter().enumerate().filter(|(_, legal)| **legal);
    places.nth(nth).map_or(0, |(place, _)| place as i64)
}
