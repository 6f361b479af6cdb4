//! Fixes of vehicles at irregular instants, laid onto regular time steps.

use std::collections::BTreeMap;

use super::fixes::{Fix, Gathered};
use super::step::{Gaps, Input, Place, Rows, Step, StepReader, TOO_MANY};
use crate::error::Result;

/// Step of a trace that has none [s].
pub(super) const STEP_S: f64 = 1.0;
/// Most time steps that fixes are laid onto.
const MOST_STEPS: f64 = 1e7;

/// A stretch of fixes without a gap, of one vehicle.
struct Track {
    id: Vec<u8>,
    fixes: Vec<Fix>,
    /// The fix before the current instant.
    at: usize,
}

/// Reads fixes as if they had been recorded in steps.
pub(super) struct Tracks {
    input: Input,
    /// By start.
    tracks: Vec<Track>,
    /// Tracks before it have begun.
    begun: usize,
    /// Tracks that have begun and not ended, in the order of ids.
    active: BTreeMap<Vec<u8>, usize>,
    first_s: f64,
    last_s: f64,
    step_s: f64,
    next: u64,
    kinds: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// What is wrong with a trace of more fixes.
pub(super) const TOO_MANY_FIXES: &str = "rows that are not in the order of time must be at most 20 million, got more: sort them by time";

impl Tracks {
    /// All rows of a table.
    pub(super) fn gather(mut rows: impl Rows, step_s: f64) -> Result<Self> {
        let mut gathered = Gathered::default();
        let mut row = Step::default();
        while rows.next_row()? {
            row.begin(rows.time_s());
            rows.push_to(&mut row)?;
            for i in 0..row.len() {
                if !gathered.add(row.id(i), row.time_s, row.x_m[i], row.y_m[i]) {
                    return Err(rows.input().bad(Place::File, "", TOO_MANY_FIXES));
                }
                if rows.input().rules.keep_types && !gathered.kinds.contains_key(row.id(i)) {
                    (gathered.kinds).insert(row.id(i).to_vec(), row.kind(i).to_vec());
                }
            }
        }
        let input = std::mem::replace(
            rows.input(),
            Input::new(String::new(), None, Default::default()),
        );
        Self::new(input, gathered, step_s)
    }

    /// Tracks of what was gathered, cut where a vehicle has no fix for too long.
    pub(super) fn new(mut input: Input, gathered: Gathered, step_s: f64) -> Result<Self> {
        let max_gap_s = input.rules.max_gap_s;
        let mut tracks = Vec::new();
        let mut gaps = Gaps::default();
        for (id, mut fixes) in gathered.by_id {
            // the first of several fixes at one instant counts
            fixes.sort_by(|a, b| a.time_s.total_cmp(&b.time_s));
            fixes.dedup_by(|b, a| b.time_s <= a.time_s);
            let far = |a: &Fix, b: &Fix| b.time_s - a.time_s > max_gap_s;
            for pair in fixes.windows(2).filter(|pair| far(&pair[0], &pair[1])) {
                let gap_s = pair[1].time_s - pair[0].time_s;
                gaps.count += 1;
                if gap_s > gaps.longest_s {
                    gaps.longest_s = gap_s;
                    gaps.vehicle = String::from_utf8_lossy(&id).into_owned();
                }
            }
            tracks.extend(fixes.chunk_by(|a, b| !far(a, b)).map(|fixes| Track {
                id: id.clone(),
                fixes: fixes.to_vec(),
                at: 0,
            }));
        }
        input.found.gaps = gaps;
        let start = |track: &Track| track.fixes[0].time_s;
        let end = |track: &Track| track.fixes[track.fixes.len() - 1].time_s;
        tracks.sort_by(|a, b| start(a).total_cmp(&start(b)).then_with(|| a.id.cmp(&b.id)));
        let first_s = tracks.first().map_or(0.0, start);
        let last_s = tracks.iter().map(end).fold(f64::NEG_INFINITY, f64::max);
        if (last_s - first_s) / step_s > MOST_STEPS {
            let message = format!(
                "spans {first_s} s to {last_s} s, more than 10 million steps of {step_s} s; resample_s can be longer"
            );
            return Err(input.bad(Place::File, "", message));
        }
        let format = &mut input.found.format;
        *format = format!("{format}, laid onto steps of {step_s} s");
        Ok(Self {
            input,
            tracks,
            begun: 0,
            active: BTreeMap::new(),
            first_s,
            last_s,
            step_s,
            next: 0,
            kinds: gathered.kinds,
        })
    }
}

impl Tracks {
    /// When the first of them begins [s].
    pub(super) fn first_s(&self) -> f64 {
        self.first_s
    }
}

impl Track {
    /// Where the vehicle is; `None` after its last fix.
    fn at(&mut self, time_s: f64) -> Option<[f64; 2]> {
        while self.at + 1 < self.fixes.len() && self.fixes[self.at + 1].time_s <= time_s {
            self.at += 1;
        }
        let here = self.fixes[self.at];
        match self.fixes.get(self.at + 1) {
            Some(next) => {
                let share = (time_s - here.time_s) / (next.time_s - here.time_s);
                Some([
                    here.x + share * (next.x - here.x),
                    here.y + share * (next.y - here.y),
                ])
            }
            None => (time_s <= here.time_s + 1e-9).then_some([here.x, here.y]),
        }
    }
}

impl StepReader for Tracks {
    fn next_step(&mut self, step: &mut Step) -> Result<bool> {
        let time_s = self.first_s + self.next as f64 * self.step_s;
        if self.tracks.is_empty() || time_s > self.last_s + 1e-9 {
            return Ok(false);
        }
        self.next += 1;
        while let Some(track) = self.tracks.get(self.begun)
            && track.fixes[0].time_s <= time_s + 1e-9
        {
            self.active.insert(track.id.clone(), self.begun);
            self.begun += 1;
        }
        step.begin(time_s);
        let (tracks, kinds) = (&mut self.tracks, &self.kinds);
        let keep_types = self.input.rules.keep_types;
        let mut crowded = false;
        self.active
            .retain(|id, &mut row| match tracks[row].at(time_s) {
                Some([x, y]) => {
                    crowded |= !step.push(id, x, y, Place::File);
                    if keep_types {
                        step.set_kind(kinds.get(id).map_or(&[], Vec::as_slice));
                    }
                    true
                }
                None => false,
            });
        if crowded {
            return Err(self.input.bad(Place::File, "", TOO_MANY));
        }
        step.finish(&self.input)?;
        Ok(true)
    }

    fn input(&mut self) -> &mut Input {
        &mut self.input
    }

    fn take_fixes(&mut self) -> Option<Gathered> {
        let mut gathered = Gathered {
            kinds: std::mem::take(&mut self.kinds),
            ..Gathered::default()
        };
        for mut track in self.tracks.drain(..) {
            gathered.count += track.fixes.len();
            let fixes = gathered.by_id.entry(track.id).or_default();
            fixes.append(&mut track.fixes);
        }
        Some(gathered)
    }
}
