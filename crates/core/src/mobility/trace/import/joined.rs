//! Several traces as one, in the order of time.

use std::mem;

use crate::error::Result;
use crate::mobility::trace::SAME_INSTANT_S;
use crate::mobility::trace::fixes::{Absorbed, Gathered};
use crate::mobility::trace::format;
use crate::mobility::trace::projection::{Projection, unprojectable};
use crate::mobility::trace::step::{Gaps, Input, Place, Rules, Step, StepReader, shown};
use crate::mobility::trace::tracks::{STEP_S, TOO_MANY_FIXES, Tracks};

use super::{Part, Taken};

/// Reads the parts at the same time where they overlap, else one after the other.
pub(super) struct Joined {
    /// Parts that begin later, the next one last.
    waiting: Vec<Waiting>,
    open: Vec<Open>,
    projection: Option<Projection>,
    taken: Taken,
}

struct Waiting {
    first_s: f64,
    /// Its place on the command line: vehicles of a time step are in that order.
    nth: usize,
    from: From,
}

enum From {
    Part(Box<Part>),
    /// The fixes of all parts that are laid onto steps.
    Tracks(Box<Tracks>),
}

struct Open {
    reader: Box<dyn StepReader>,
    /// Its next time step.
    step: Step,
    nth: usize,
    /// It had a time step before.
    begun: bool,
}

impl Joined {
    pub(super) fn new(parts: Vec<Part>, projection: Option<Projection>) -> Result<Self> {
        let mut this = Self {
            waiting: Vec::new(),
            open: Vec::new(),
            projection,
            taken: Taken::default(),
        };
        let mut laid: Option<(usize, Input, Gathered)> = None;
        let mut step = Step::default();
        for (nth, part) in parts.into_iter().enumerate() {
            let mut reader = part.reader()?;
            if let Some(fixes) = reader.take_fixes() {
                // gaps are told when the files are one
                reader.input().found.gaps = Gaps::default();
                this.taken.settle(reader.input());
                this.gather(&mut laid, (nth, reader, fixes))?;
                continue;
            }
            if !reader.next_step(&mut step)? {
                return Err(reader
                    .input()
                    .bad(Place::File, "", "must have a time step, got none"));
            }
            let (first_s, from) = (step.time_s, From::Part(Box::new(part)));
            this.waiting.push(Waiting { first_s, nth, from });
        }
        if let Some((nth, input, fixes)) = laid {
            let step_s = input.rules.resample_s.unwrap_or(STEP_S);
            let mut tracks = Tracks::new(input, fixes, step_s)?;
            tracks.input().found.format.clear();
            let (first_s, from) = (tracks.first_s(), From::Tracks(Box::new(tracks)));
            this.waiting.push(Waiting { first_s, nth, from });
        }
        let later =
            |a: &Waiting, b: &Waiting| b.first_s.total_cmp(&a.first_s).then(b.nth.cmp(&a.nth));
        this.waiting.sort_by(later);
        Ok(this)
    }

    /// Adds the fixes of one more part that is laid onto steps.
    fn gather(
        &mut self,
        laid: &mut Option<(usize, Input, Gathered)>,
        (nth, mut reader, fixes): (usize, Box<dyn StepReader>, Gathered),
    ) -> Result<()> {
        let Some((_, _, all)) = laid else {
            let input = reader.input();
            let fresh = Input::new(input.name.clone(), input.path.clone(), input.rules.clone());
            *laid = Some((nth, fresh, fixes));
            return Ok(());
        };
        match all.absorb(fixes) {
            Absorbed::All => Ok(()),
            Absorbed::TooMany => Err(reader.input().bad(Place::File, "", TOO_MANY_FIXES)),
            Absorbed::Twice(id) => {
                let message = format!(
                    "has fixes of {} between those of the files before: a vehicle must have its own id",
                    shown(&id)
                );
                Err(reader.input().bad(Place::File, "vehicle_id", message))
            }
        }
    }

    /// Replaces `step` by the next one; `false` at the end of all parts.
    pub(super) fn next_step(&mut self, step: &mut Step) -> Result<bool> {
        let time_s = loop {
            let begin = self.waiting.last().map(|waiting| waiting.first_s);
            let next = self.open.iter().map(|open| open.step.time_s).chain(begin);
            let Some(time_s) = next.min_by(f64::total_cmp) else {
                return Ok(false);
            };
            while let Some(waiting) = self
                .waiting
                .pop_if(|w| w.first_s <= time_s + SAME_INSTANT_S)
            {
                self.begin(waiting)?;
            }
            // what has just begun may be empty
            if self.open.iter().any(|open| open.is_at(time_s)) {
                break time_s;
            }
        };
        self.open.sort_by_key(|open| open.nth);
        self.check_instants(time_s)?;
        step.begin(time_s);
        for nth in 0..self.open.len() {
            if self.open[nth].is_at(time_s) {
                self.copy(nth, step)?;
            }
        }
        for nth in (0..self.open.len()).rev() {
            let open = &mut self.open[nth];
            if open.is_at(time_s) && !open.advance(self.projection.as_ref())? {
                let mut ended = self.open.remove(nth);
                self.taken.settle(ended.reader.input());
            }
        }
        Ok(true)
    }

    fn begin(&mut self, Waiting { nth, from, .. }: Waiting) -> Result<()> {
        let reader: Box<dyn StepReader> = match from {
            From::Part(part) => part.reader()?,
            From::Tracks(tracks) => tracks,
        };
        let mut open = Open {
            reader,
            step: Step::default(),
            nth,
            begun: false,
        };
        if open.advance(self.projection.as_ref())? {
            open.begun = false;
            self.open.push(open);
        }
        Ok(())
    }

    /// A trace without a time step where another has one would lose its vehicles for that instant.
    fn check_instants(&mut self, time_s: f64) -> Result<()> {
        let Some(apart) = self
            .open
            .iter()
            .position(|open| open.begun && !open.is_at(time_s))
        else {
            return Ok(());
        };
        let Some(here) = self.open.iter().position(|open| open.is_at(time_s)) else {
            return Ok(());
        };
        let name = self.open[here].reader.input().name.clone();
        let message = format!(
            "has no time step at {time_s} s, where {name} has one: files that overlap in time must have the same \
             time steps; --resample-s lays tables onto some"
        );
        Err(self.open[apart]
            .reader
            .input()
            .bad(Place::File, "", message))
    }

    /// Copies the vehicles of one part, but those that an earlier part has at the same place.
    fn copy(&mut self, nth: usize, out: &mut Step) -> Result<()> {
        let (before, rest) = self.open.split_at_mut(nth);
        let Open { reader, step, .. } = &mut rest[0];
        for i in 0..step.len() {
            let id = step.id(i);
            let earlier = before.iter().filter(|open| open.is_at(step.time_s));
            let mut twins = earlier.filter_map(|open| Some((&open.step, open.step.find(id)?)));
            if let Some((other, j)) = twins.next() {
                let same = |a: f64, b: f64| a.total_cmp(&b).is_eq();
                if same(other.x_m[j], step.x_m[i]) && same(other.y_m[j], step.y_m[i]) {
                    continue;
                }
                let message = format!(
                    "must be at one place at {} s, got {} here and elsewhere in another file",
                    step.time_s,
                    shown(id)
                );
                return Err(reader.input().bad(step.place(i), "vehicle_id", message));
            }
            let input = reader.input();
            let (row, at) = (step.row(i), [step.x_m[i], step.y_m[i]]);
            input.add(out, row, at, step.place(i))?;
        }
        Ok(())
    }

    /// What was found in all parts.
    pub(super) fn into_taken(self) -> Taken {
        self.taken
    }
}

impl Open {
    fn is_at(&self, time_s: f64) -> bool {
        self.step.time_s <= time_s + SAME_INSTANT_S
    }

    /// Reads the next time step, and checks that all its places can be projected.
    fn advance(&mut self, projection: Option<&Projection>) -> Result<bool> {
        self.begun = true;
        let more = self.reader.next_step(&mut self.step)?;
        if let (true, Some(projection)) = (more, projection) {
            for i in 0..self.step.len() {
                let (lon, lat) = (self.step.x_m[i], self.step.y_m[i]);
                if projection.project(lon, lat).is_none() {
                    let message = unprojectable(projection, lon, lat);
                    return Err(self
                        .reader
                        .input()
                        .bad(self.step.place(i), "vehicle_x", message));
                }
            }
        }
        Ok(more)
    }
}

impl Taken {
    /// Takes up what a reader has found.
    fn settle(&mut self, input: &mut Input) {
        let found = mem::take(&mut input.found);
        if !found.format.is_empty() && !self.formats.contains(&found.format) {
            self.formats.push(found.format);
        }
        self.left_out.extend(found.left_out);
        if found.gaps.count > 0 {
            self.gaps = found.gaps;
        }
    }
}

impl Part {
    fn reader(&self) -> Result<Box<dyn StepReader>> {
        let rules = Rules {
            count: true,
            keep_types: true,
            ..self.rules.clone()
        };
        let input = Input::new(self.name.clone(), self.path.clone(), rules);
        format::reader(input, &self.source)
    }
}
