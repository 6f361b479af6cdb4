//! Rows of different lengths, one after the other in memory.

use std::ops::Range;

/// Rows of `T` of any length, stored in one column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ragged<T> {
    /// Row i is `values[start[i]..start[i + 1]]`; what follows the last start is a row still open.
    start: Vec<u32>,
    values: Vec<T>,
}

impl<T> Default for Ragged<T> {
    fn default() -> Self {
        Self {
            start: vec![0],
            values: Vec::new(),
        }
    }
}

impl<T> Ragged<T> {
    /// Removes all rows and keeps the memory.
    pub fn clear(&mut self) {
        self.start.truncate(1);
        self.values.clear();
    }

    /// Number of closed rows.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.start.len() - 1
    }

    /// Whether there is no closed row.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where row `i` stands in [`values`](Self::values).
    #[must_use]
    #[inline]
    pub fn range(&self, i: usize) -> Range<usize> {
        self.start[i] as usize..self.start[i + 1] as usize
    }

    /// Row `i`.
    #[must_use]
    #[inline]
    pub fn row(&self, i: usize) -> &[T] {
        &self.values[self.range(i)]
    }

    /// All closed rows in order.
    pub fn rows(&self) -> impl Iterator<Item = &[T]> {
        self.start
            .windows(2)
            .map(|ends| &self.values[ends[0] as usize..ends[1] as usize])
    }

    /// The values of all rows, one after the other.
    #[must_use]
    #[inline]
    pub fn values(&self) -> &[T] {
        &self.values
    }

    /// The same, to be changed.
    #[inline]
    pub fn values_mut(&mut self) -> &mut [T] {
        &mut self.values
    }

    /// Appends a value to the open row.
    #[inline]
    pub fn push(&mut self, value: T) {
        self.values.push(value);
    }

    /// The open row.
    #[must_use]
    #[inline]
    pub fn open_row(&self) -> &[T] {
        &self.values[self.start[self.len()] as usize..]
    }

    /// Empties the open row.
    #[inline]
    pub fn discard_open_row(&mut self) {
        self.values.truncate(self.start[self.len()] as usize);
    }

    /// Closes the open row, which may be empty.
    #[inline]
    pub fn close_row(&mut self) {
        self.start.push(self.values.len() as u32);
    }

    /// Appends a row.
    pub fn push_row(&mut self, row: impl IntoIterator<Item = T>) {
        self.values.extend(row);
        self.close_row();
    }
}

impl<T: Copy + Default> Ragged<T> {
    /// Becomes `rows` rows that hold the values of `items` by their key, in the order of `items`. A counting
    /// sort: `items` is walked twice.
    pub fn group<I>(&mut self, rows: usize, items: I)
    where
        I: Iterator<Item = (usize, T)> + Clone,
    {
        self.start.clear();
        // While the values are placed, `start[key + 1]` is where the next one of `key` goes.
        self.start.resize(rows + 2, 0);
        let mut count = 0;
        for (key, _) in items.clone() {
            self.start[key + 2] += 1;
            count += 1;
        }
        for i in 2..rows + 2 {
            self.start[i] += self.start[i - 1];
        }
        self.values.clear();
        self.values.resize(count, T::default());
        for (key, value) in items {
            let place = &mut self.start[key + 1];
            self.values[*place as usize] = value;
            *place += 1;
        }
        self.start.truncate(rows + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_form_group() {
        let mut ragged = Ragged::default();
        let keys = [2, 0, 2, 4, 2];
        ragged.group(5, keys.iter().zip(0u32..).map(|(&key, i)| (key, i)));
        let rows: Vec<_> = ragged.rows().collect();
        assert_eq!(rows, [&[1][..], &[], &[0, 2, 4], &[], &[3]]);
        ragged.group(0, std::iter::empty());
        assert!(ragged.is_empty());
    }

    #[test]
    fn closed_form_open_row() {
        let mut ragged = Ragged::default();
        ragged.push_row([1, 2]);
        ragged.push(3);
        assert_eq!((ragged.len(), ragged.open_row()), (1, &[3][..]));
        ragged.discard_open_row();
        ragged.close_row();
        assert_eq!(ragged.rows().collect::<Vec<_>>(), [&[1, 2][..], &[]]);
        ragged.clear();
        assert!(ragged.is_empty() && ragged.values().is_empty());
    }
}
