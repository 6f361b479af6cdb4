//! Which tasks a change may concern: those that have looked at an RSU's CPU in this slot.

use crate::slot::Slot;

/// How far tasks have looked, by the RSU they would enter at and by the RSU looked at.
#[derive(Clone, Debug, Default)]
pub(super) struct Looks {
    /// Per entry RSU the most hops to an RSU looked at.
    out: Vec<u32>,
    /// Per RSU the most hops from an entry RSU whose tasks have looked at it. Each RSU has its own, so that one
    /// far look somewhere on a large map costs nothing elsewhere.
    back: Vec<u32>,
}

impl Looks {
    pub(super) fn reset(&mut self, rsus: usize) {
        for hops in [&mut self.out, &mut self.back] {
            hops.clear();
            hops.resize(rsus, 0);
        }
    }

    /// Notes that a task entering at `entry` looks at the CPU of an RSU `hops` away.
    #[inline]
    pub(super) fn look(&mut self, slot: &Slot, entry: u32, hops: u32) {
        if hops > self.out[entry as usize] {
            self.look_farther(slot, entry, hops);
        }
    }

    fn look_farther(&mut self, slot: &Slot, entry: u32, hops: u32) {
        self.out[entry as usize] = hops;
        let targets = slot.routes.targets(entry).iter();
        for target in targets.take_while(|target| target.hops <= hops) {
            let back = &mut self.back[target.rsu as usize];
            *back = (*back).max(target.hops);
        }
    }

    /// The entry RSUs whose tasks have looked at the CPU of `execution`. Reach is symmetric: links work both ways.
    pub(super) fn lookers<'a>(
        &'a self,
        slot: &'a Slot,
        execution: u32,
    ) -> impl Iterator<Item = u32> + 'a {
        let farthest = self.back[execution as usize];
        let targets = slot.routes.targets(execution).iter();
        targets
            .take_while(move |target| target.hops <= farthest)
            .filter(|target| target.hops <= self.out[target.rsu as usize])
            .map(|target| target.rsu)
    }
}
