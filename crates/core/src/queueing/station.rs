//! First come, first served: the rule by which cores and links serve, and a queue that follows it while tasks come and go in
//! real time.

use std::collections::VecDeque;

/// The earliest free of some servers, among equals the first.
#[inline]
pub(super) fn earliest<'a>(free_s: impl Iterator<Item = &'a mut f64>) -> Option<&'a mut f64> {
    free_s.reduce(|best, other| if *other < *best { other } else { best })
}

/// A server that is free at `free_s` serves for `takes_s` who came at `came_s`: from when to when.
#[inline]
pub(super) fn serve(free_s: &mut f64, came_s: f64, takes_s: f64) -> (f64, f64) {
    let begin_s = free_s.max(came_s);
    *free_s = begin_s + takes_s;
    (begin_s, *free_s)
}

/// A queue with one or more servers, cores or the sending end of a link, that is told when service has ended. The simulator knows that
/// in advance and needs no such queue.
///
/// ```
/// use wayside_core::queueing::Station;
///
/// let mut link = Station::new(vec![0.0]);
/// link.join(7, 1.0, 0.5);
/// link.join(8, 1.1, 0.5);
/// let begun = link.begin(1.1).expect("it idles");
/// assert_eq!((begun.key, begun.begin_s, begun.end_s), (7, 1.0, 1.5));
/// assert_eq!(link.begin(1.2), None);
/// link.end(begun.server, begun.end_s);
/// assert_eq!(link.begin(1.5).map(|b| (b.key, b.end_s)), Some((8, 2.0)));
/// ```
#[derive(Clone, Debug)]
pub struct Station {
    /// When every server is free, as far as tasks have begun \[s\].
    free_s: Vec<f64>,
    busy: Vec<bool>,
    waiting: VecDeque<Waiting>,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    key: u64,
    came_s: f64,
    takes_s: f64,
}

/// A task whose service begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Begun {
    /// The caller's name for it.
    pub key: u64,
    /// Which server serves it.
    pub server: usize,
    /// When it came \[s\].
    pub came_s: f64,
    /// From when on it is served \[s\]: not later than now, so that a late call delays nobody.
    pub begin_s: f64,
    /// When its service should end \[s\].
    pub end_s: f64,
}

impl Station {
    /// Servers that are free of other work at `free_s`.
    #[must_use]
    pub fn new(free_s: Vec<f64>) -> Self {
        Self {
            busy: vec![false; free_s.len()],
            free_s,
            waiting: VecDeque::new(),
        }
    }

    /// Queues `key`, which came at `came_s` and takes `takes_s`.
    pub fn join(&mut self, key: u64, came_s: f64, takes_s: f64) {
        self.waiting.push_back(Waiting {
            key,
            came_s,
            takes_s,
        });
    }

    /// Begins to serve the first that waits, if a server idles by now. Ask again until there is none.
    pub fn begin(&mut self, now_s: f64) -> Option<Begun> {
        let server = self.idle().filter(|&server| self.free_s[server] <= now_s)?;
        let Waiting {
            key,
            came_s,
            takes_s,
        } = self.waiting.pop_front()?;
        self.busy[server] = true;
        let (begin_s, end_s) = serve(&mut self.free_s[server], came_s, takes_s);
        Some(Begun {
            key,
            server,
            came_s,
            begin_s,
            end_s,
        })
    }

    /// `server` has ended its task; it is free since `ended_s`.
    pub fn end(&mut self, server: usize, ended_s: f64) {
        self.busy[server] = false;
        self.free_s[server] = ended_s;
    }

    /// When to call [`begin`](Self::begin) again, if no task comes or ends before; `None` where that would be for nothing \[s\].
    #[must_use]
    pub fn next_s(&self) -> Option<f64> {
        self.waiting.front()?;
        self.idle().map(|server| self.free_s[server])
    }

    /// When every server has done all that is queued, if services end when they should \[s\]; into `out`.
    pub fn free_s(&self, out: &mut Vec<f64>) {
        out.clone_from(&self.free_s);
        for task in &self.waiting {
            if let Some(free_s) = earliest(out.iter_mut()) {
                serve(free_s, task.came_s, task.takes_s);
            }
        }
    }

    /// How many wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The server that serves nobody and is free earliest.
    fn idle(&self) -> Option<usize> {
        let idle = (0..self.free_s.len()).filter(|&server| !self.busy[server]);
        idle.reduce(
            |best, server| match self.free_s[server] < self.free_s[best] {
                true => server,
                false => best,
            },
        )
    }
}
