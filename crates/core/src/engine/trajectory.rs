//! Where vehicles will be: positions at the instants of a run, read ahead as far as they are asked for, and kept back as far as they
//! may be.

use std::collections::VecDeque;

use crate::error::{Error, Result};
use crate::mobility::{MobilitySource, Positions};

/// Most instants that are read ahead, and most positions held for that: 96 MB of them.
const MOST_AHEAD: usize = 10_000;
const MOST_POSITIONS: usize = 4_000_000;

/// The vehicles at consecutive instants of a run: the starts of slots, or those at which tasks arise. A run sees the same positions as
/// without it: the source is asked for the same instants in the same order, only sooner.
#[derive(Default)]
pub(super) struct Trajectory {
    /// Between two instants.
    step_s: f64,
    /// Instants kept back.
    behind: usize,
    /// Number of the present instant, and of that of the first frame.
    now: usize,
    first: usize,
    frames: VecDeque<Frame>,
    /// Positions in all frames.
    held: usize,
    /// Frames no longer needed, for their memory.
    spare: Vec<Frame>,
    ended: bool,
    /// Why the source ended, until the run itself comes there.
    error: Option<Error>,
}

/// The vehicles at one instant.
#[derive(Debug, Default)]
pub(super) struct Frame {
    positions: Positions,
    /// Whether keys ascend.
    sorted: bool,
}

impl Frame {
    /// The row of the vehicle that had `row` among `before`.
    fn row_of(&self, before: &Self, row: usize) -> Option<usize> {
        let keys = &self.positions.key;
        let key = before.positions.key[row];
        if keys.get(row) == Some(&key) {
            return Some(row);
        }
        match self.sorted {
            true => keys.binary_search(&key).ok(),
            false => keys.iter().position(|&other| other == key),
        }
    }

    fn place_m(&self, row: usize) -> [f64; 2] {
        [self.positions.x_m[row], self.positions.y_m[row]]
    }
}

/// What a vehicle does between two instants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Motion {
    /// It is there at both, and goes straight from one place to the other. Its row at the end.
    Goes { to_m: [f64; 2], row: usize },
    /// It is no longer there at the second. Until then it counts as standing where it was seen last.
    Leaves,
    /// Nothing is known of the second: the trace ends, or it is too far ahead. Until then it counts as standing.
    Unknown,
}

impl Trajectory {
    /// Of instants that are multiples of `step_s`; so many of them are kept back, as long as they are not too large.
    pub(super) fn new(step_s: f64, behind: usize) -> Self {
        Self {
            step_s,
            behind,
            ..Self::default()
        }
    }

    /// Number of the instant `now_s`.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the number of an instant"
    )]
    pub(super) fn number(&self, now_s: f64) -> usize {
        (now_s / self.step_s).round() as usize
    }

    /// Time of instant number `at` \[s\].
    pub(super) fn time_s(&self, at: usize) -> f64 {
        at as f64 * self.step_s
    }

    /// Moves on to the instant `now_s`.
    ///
    /// # Errors
    /// Those of the source.
    pub(super) fn advance(
        &mut self,
        source: &mut dyn MobilitySource,
        now_s: f64,
        out: &mut Positions,
    ) -> Result<()> {
        self.now = self.number(now_s);
        while self.first < self.now && !self.frames.is_empty() {
            let is_old = self.now - self.first > self.behind;
            if !is_old && self.held <= MOST_POSITIONS / 2 {
                break;
            }
            let frame = self.frames.pop_front().expect("there is one");
            self.held -= frame.positions.len();
            self.spare.push(frame);
            self.first += 1;
        }
        if self.frames.is_empty() {
            self.first = self.now;
        }
        if self.first + self.frames.len() <= self.now {
            if let Some(error) = self.error.take() {
                return Err(error);
            }
            self.read(source)?;
        }
        out.clone_from(&self.frames[self.now - self.first].positions);
        Ok(())
    }

    /// Whether instant `at` is kept, or still to come.
    pub(super) fn keeps(&self, at: usize) -> bool {
        at >= self.first
    }

    /// Where a vehicle is at instant `at`, by its row there. The instant must be known, as the present one is and
    /// those that [`motion`](Self::motion) has led to.
    pub(super) fn place_m(&self, at: usize, row: usize) -> [f64; 2] {
        self.frames[at - self.first].place_m(row)
    }

    /// What the vehicle of `row` at instant `at` does until the next one.
    pub(super) fn motion(
        &mut self,
        source: &mut dyn MobilitySource,
        at: usize,
        row: usize,
    ) -> Motion {
        let frame = at - self.first;
        if frame + 1 == self.frames.len() {
            let full = at - self.now >= MOST_AHEAD || self.held > MOST_POSITIONS;
            if full || self.ended {
                return Motion::Unknown;
            }
            if let Err(error) = self.read(source) {
                self.error = Some(error);
                self.ended = true;
                return Motion::Unknown;
            }
        }
        let (now, next) = (&self.frames[frame], &self.frames[frame + 1]);
        match next.row_of(now, row) {
            Some(row) => Motion::Goes {
                to_m: next.place_m(row),
                row,
            },
            None => Motion::Leaves,
        }
    }

    fn read(&mut self, source: &mut dyn MobilitySource) -> Result<()> {
        let at = self.first + self.frames.len();
        let mut frame = self.spare.pop().unwrap_or_default();
        source.advance(at as f64 * self.step_s, &mut frame.positions)?;
        frame.sorted = frame.positions.key.is_sorted();
        self.held += frame.positions.len();
        self.frames.push_back(frame);
        Ok(())
    }
}
