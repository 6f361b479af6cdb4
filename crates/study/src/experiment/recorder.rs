//! What one replication writes besides its records.

use super::Experiment;
use super::session::Session;
use crate::control::Control;
use crate::output::DumpFolder;
use crate::playback::PlaybackWriter;
use crate::tasks::TaskWriter;
use crate::track::Tracks;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::Ordering;
use wayside_core::engine::decider::Decider;
use wayside_core::engine::{Observer, TaskOutcome};
use wayside_core::scenario::Channel;
use wayside_core::slot::{NamedSlot, Slot};
use wayside_core::{Error, Result};

/// Follows one seed: counts its slots, stops it, writes its slots and tasks, and passes everything on.
pub(super) struct RunWriter<'a> {
    session: &'a Session,
    seed: u64,
    control: &'a Control,
    stop: &'a dyn Fn() -> bool,
    slots: Option<&'a DumpFolder>,
    tasks: Option<(&'a Path, TaskWriter<'a>)>,
    playback: Option<(&'a Path, PlaybackWriter<'a>)>,
    observers: Vec<Box<dyn Observer>>,
    /// Of the first seed.
    tracks: Option<Tracks>,
    written: Result<()>,
    /// Slots begun, and instants seen of the last of them.
    begun: usize,
    instants: usize,
}

impl<'a> RunWriter<'a> {
    pub(super) fn new(
        experiment: &'a Experiment,
        session: &'a Session,
        (slots, tasks): (Option<&'a DumpFolder>, Option<&'a Path>),
        seed: u64,
        stop: &'a dyn Fn() -> bool,
    ) -> Result<Self> {
        let writer = |folder| {
            let writer = TaskWriter::create(folder, seed, session.world());
            let writer = writer.map_err(|e| Error::io(folder, e))?;
            Ok((folder, writer))
        };
        let player = |folder| {
            let writer = PlaybackWriter::create(folder, seed, session.world());
            let writer = writer.map_err(|e| Error::io(folder, e))?;
            Ok((folder, writer))
        };
        let played = tasks.filter(|_| experiment.write_playback);
        Ok(Self {
            session,
            seed,
            control: &experiment.control,
            stop,
            slots,
            tasks: tasks.map(writer).transpose()?,
            playback: played.map(player).transpose()?,
            observers: experiment.observers.iter().map(|make| make(seed)).collect(),
            tracks: (experiment.seeds.first() == Some(&seed)).then(Tracks::default),
            written: Ok(()),
            begun: 0,
            instants: 0,
        })
    }

    /// Completes the files of the seed; the first seed also tells the ways of its sessions.
    pub(super) fn finish(self) -> Result<Option<Tracks>> {
        self.written?;
        if let Some((folder, writer)) = self.tasks {
            writer.finish().map_err(|e| Error::io(folder, e))?;
        }
        if let Some((folder, writer)) = self.playback {
            writer.finish().map_err(|e| Error::io(folder, e))?;
        }
        Ok(self.tracks)
    }

    /// Writes to the file of tasks, unless something has failed already.
    fn write_tasks(&mut self, write: impl FnOnce(&mut TaskWriter<'a>) -> io::Result<()>) {
        if let (Some((folder, writer)), Ok(())) = (&mut self.tasks, &self.written) {
            self.written = write(writer).map_err(|e| Error::io(folder, e));
        }
    }

    /// The same for the file of the playback.
    fn write_playback(&mut self, write: impl FnOnce(&mut PlaybackWriter<'a>) -> io::Result<()>) {
        if let (Some((folder, writer)), Ok(())) = (&mut self.playback, &self.written) {
            self.written = write(writer).map_err(|e| Error::io(folder, e));
        }
    }
}

impl Observer for RunWriter<'_> {
    fn slot(&mut self, t: usize, slot: &Slot) -> ControlFlow<()> {
        let new = (t + 1).saturating_sub(self.begun);
        self.instants = if new > 0 { 0 } else { self.instants + 1 };
        self.begun = t + 1;
        if let (Some(folder), Ok(())) = (self.slots, &self.written) {
            let text = json(slot, &self.session.world().scenario.channel);
            self.written = folder.write(self.seed, t, self.instants, &text);
        }
        self.write_playback(|writer| writer.add(t, slot));
        self.control.done.fetch_add(new as u64, Ordering::Relaxed);
        if self.written.is_err() || (self.stop)() {
            return ControlFlow::Break(());
        }
        self.observers.iter_mut().try_for_each(|o| o.slot(t, slot))
    }

    fn decided(&mut self, t: usize, policy: usize, slot: &Slot, decider: &Decider) {
        // Where tasks queue, each is written when its outcome is known.
        if slot.queues.is_none() {
            let name = self.session.name_of(policy);
            self.write_tasks(|writer| writer.add(t, name, slot, decider));
        }
        let name = self.session.name_of(policy);
        self.write_playback(|writer| writer.add_loads(t, name, slot, decider));
        if let Some(tracks) = &mut self.tracks {
            tracks.add(policy, slot, decider);
        }
        let observers = self.observers.iter_mut();
        observers.for_each(|o| o.decided(t, policy, slot, decider));
    }

    fn ended(&mut self, policy: usize, task: &TaskOutcome) {
        let name = self.session.name_of(policy);
        self.write_tasks(|writer| writer.add_ended(name, task));
        self.observers
            .iter_mut()
            .for_each(|o| o.ended(policy, task));
    }
}

/// The slot as `decide` reads it.
fn json(slot: &Slot, channel: &Channel) -> String {
    let slot = NamedSlot::numbered(slot.clone());
    format!("{:#}\n", slot.to_json(channel))
}
