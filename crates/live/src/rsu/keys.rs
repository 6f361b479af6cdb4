//! Keys by which vehicles make repeats harmless: what is asked again with the same key changes nothing, and is told the same.

use crate::centre::KEPT_S;
use crate::wire::Message;
use std::collections::{BTreeMap, VecDeque};

/// What is known of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Met {
    /// Nothing.
    New,
    /// The same was asked with it; the number of its task.
    Again(u64),
    /// Something else was asked with it.
    Other,
}

/// The keys of all tasks that have not ended, and of some that have.
pub(super) struct Keys {
    kept: BTreeMap<u128, Kept>,
    /// By number of the task.
    of_task: BTreeMap<u64, u128>,
    /// Keys of what has ended, and when \[s\], the oldest first.
    over: VecDeque<(f64, u128)>,
    /// Most of these.
    most: usize,
}

struct Kept {
    asked: Message,
    number: u64,
    said: Vec<Message>,
    is_open: bool,
}

impl Keys {
    /// No keys; `most` are kept after their tasks have ended.
    pub(super) fn new(most: usize) -> Self {
        Self {
            kept: BTreeMap::new(),
            of_task: BTreeMap::new(),
            over: VecDeque::new(),
            most,
        }
    }

    /// What is known of a key with which `asked` is asked now.
    pub(super) fn meets(&mut self, now_s: f64, key: u128, asked: &Message) -> Met {
        while self.over.front().is_some_and(|&(s, _)| s + KEPT_S <= now_s) {
            self.forget_oldest();
        }
        match self.kept.get(&key) {
            None => Met::New,
            Some(kept) if kept.asked == *asked => Met::Again(kept.number),
            Some(_) => Met::Other,
        }
    }

    /// Keeps a key that is new, with the number of its task.
    pub(super) fn begins(&mut self, key: u128, asked: Message, number: u64) {
        self.of_task.insert(number, key);
        let kept = Kept {
            asked,
            number,
            said: Vec::new(),
            is_open: true,
        };
        self.kept.insert(key, kept);
    }

    /// Keeps a new key of what is done at once: there is nothing to be told.
    pub(super) fn done(&mut self, now_s: f64, key: u128, asked: Message) {
        let kept = Kept {
            asked,
            number: 0,
            said: Vec::new(),
            is_open: true,
        };
        self.kept.insert(key, kept);
        self.is_over(now_s, key);
    }

    /// Whether a task has a key.
    pub(super) fn has(&self, number: u64) -> bool {
        self.of_task.contains_key(&number)
    }

    /// Whether a task has a key, and has not ended.
    pub(super) fn is_open(&self, number: u64) -> bool {
        let kept = self.of_task.get(&number);
        kept.and_then(|key| self.kept.get(key))
            .is_some_and(|kept| kept.is_open)
    }

    /// Keeps what a task's vehicle is told.
    pub(super) fn says(&mut self, number: u64, message: &Message) {
        let kept = self.of_task.get(&number);
        if let Some(kept) = kept.and_then(|key| self.kept.get_mut(key)) {
            kept.said.push(message.clone());
        }
    }

    /// All that a task's vehicle has been told.
    pub(super) fn said(&self, number: u64) -> &[Message] {
        let kept = self.of_task.get(&number);
        let kept = kept.and_then(|key| self.kept.get(key));
        kept.map_or(&[], |kept| &kept.said)
    }

    /// A task has ended: its key is known for a while.
    pub(super) fn ends(&mut self, now_s: f64, number: u64) {
        if let Some(&key) = self.of_task.get(&number) {
            self.is_over(now_s, key);
        }
    }

    /// A task was given up before anything was done: its key is new again.
    pub(super) fn forgets(&mut self, number: u64) {
        if let Some(key) = self.of_task.remove(&number) {
            self.kept.remove(&key);
        }
    }

    fn is_over(&mut self, now_s: f64, key: u128) {
        let open = self.kept.get_mut(&key).filter(|kept| kept.is_open);
        let Some(kept) = open else { return };
        kept.is_open = false;
        self.over.push_back((now_s, key));
        if self.over.len() > self.most {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let oldest = self.over.pop_front();
        if let Some(kept) = oldest.and_then(|(_, key)| self.kept.remove(&key)) {
            self.of_task.remove(&kept.number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Place;

    fn told(row: u32) -> Message {
        Message::Placed(Place::Rsu(row))
    }

    /// What was asked with a key, and told, is known while the task is open and then for ten minutes.
    #[test]
    fn closed_form_keys_are_known_for_a_while() {
        let mut keys = Keys::new(10);
        let asked = Message::Taken;
        assert_eq!(keys.meets(0.0, 5, &asked), Met::New);
        keys.begins(5, asked.clone(), 1);
        keys.says(1, &told(2));
        keys.says(77, &told(3));
        for now_s in [0.0, 1e6] {
            assert_eq!(keys.meets(now_s, 5, &asked), Met::Again(1));
            assert_eq!(keys.meets(now_s, 5, &told(0)), Met::Other);
        }
        keys.ends(1e6, 1);
        assert_eq!(keys.said(1), [told(2)]);
        assert_eq!(keys.meets(1e6 + KEPT_S - 1.0, 5, &asked), Met::Again(1));
        assert_eq!(keys.meets(1e6 + KEPT_S, 5, &asked), Met::New);
        assert_eq!((keys.said(1), keys.has(1)), (&[][..], false));
        keys.begins(6, asked.clone(), 2);
        keys.forgets(2);
        keys.ends(1e6, 2);
        assert_eq!(keys.meets(1e6, 6, &asked), Met::New);
    }

    /// However many keys come, no more are kept than are to be, and the newest are.
    #[test]
    fn property_memory_is_bounded() {
        let mut keys = Keys::new(10);
        for n in 1..=1000_u64 {
            match n % 2 {
                0 => keys.done(0.0, n.into(), Message::Taken),
                _ => {
                    keys.begins(n.into(), Message::Taken, n);
                    keys.says(n, &told(0));
                    keys.ends(0.0, n);
                }
            }
            assert!(keys.kept.len() <= 10 && keys.of_task.len() <= 10 && keys.over.len() <= 10);
        }
        for n in 991..=1000_u128 {
            assert_ne!(keys.meets(1.0, n, &Message::Taken), Met::New);
        }
        assert_eq!(keys.meets(1.0, 990, &Message::Taken), Met::New);
    }
}
