//! What a scenario says of servers that tasks queue for (system 2): cores, information, faults, success.

use super::rsu::NamedRsus;
use super::sessions::SessionOptions;
use crate::config::{Choice, Count, Flag, Float, Keys, Range, Spread, Text, section};

const SECONDS: Float = Float::NON_NEGATIVE.up_to(1e9);

/// `[execution]`: how servers execute tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Execution {
    /// The CPU of a server is shared among the tasks of a slot (P2).
    #[default]
    SharedCpu,
    /// Tasks queue for cores, and on links, first come first served.
    Queues(Cores),
    /// Work runs over many slots and may move while it runs; CPU is shared (P2).
    Sessions(SessionOptions),
}

#[derive(Clone, Copy, PartialEq)]
enum ExecutionKind {
    SharedCpu,
    Queues,
    Sessions,
}

const KINDS: [(&str, ExecutionKind); 3] = [
    ("shared-cpu", ExecutionKind::SharedCpu),
    ("queues", ExecutionKind::Queues),
    ("sessions", ExecutionKind::Sessions),
];

impl Execution {
    pub(super) fn keys(&mut self, k: &mut Keys<'_, '_>) {
        let (mut cores, mut sessions) = (Cores::default(), SessionOptions::default());
        let mut kind = match *self {
            Self::SharedCpu => ExecutionKind::SharedCpu,
            Self::Queues(given) => {
                cores = given;
                ExecutionKind::Queues
            }
            Self::Sessions(given) => {
                sessions = given;
                ExecutionKind::Sessions
            }
        };
        let doc = "`shared-cpu`: the tasks of a slot share a server's CPU (P2); \
                   `queues`: tasks queue for its cores, first come first served; \
                   `sessions`: work runs for seconds, shares CPU anew in every slot, and may move while it runs";
        k.added(
            "kind",
            Choice(&KINDS),
            ExecutionKind::SharedCpu,
            &mut kind,
            doc,
        );
        let queues = kind == ExecutionKind::Queues;
        if queues || !k.writes() {
            cores.keys(k, queues);
        }
        if kind == ExecutionKind::Sessions || k.describes() {
            sessions.keys(k);
        } else {
            SessionOptions::refuse(k);
        }
        *self = match kind {
            ExecutionKind::SharedCpu => Self::SharedCpu,
            ExecutionKind::Queues => Self::Queues(cores),
            ExecutionKind::Sessions => Self::Sessions(sessions),
        };
    }

    /// Whether tasks queue for cores.
    #[must_use]
    pub fn queues(self) -> bool {
        matches!(self, Self::Queues(_))
    }

    /// What there is to know of sessions, where work runs in them.
    #[must_use]
    pub fn sessions(self) -> Option<SessionOptions> {
        match self {
            Self::Sessions(options) => Some(options),
            Self::SharedCpu | Self::Queues(_) => None,
        }
    }
}

/// How busy other work keeps cores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cores {
    /// Probability that a core is free.
    pub capability: f64,
    /// When a core that is not becomes free \[s\].
    pub busy_s: Range,
    /// Whether that is drawn again for every slot; other work then comes half a slot before it, so that servers hear of it.
    pub renewed: bool,
}

impl Default for Cores {
    fn default() -> Self {
        Self {
            capability: 1.0,
            busy_s: Range::default(),
            renewed: false,
        }
    }
}

impl Cores {
    fn keys(&mut self, k: &mut Keys<'_, '_>, queues: bool) {
        let doc = "probability that a core is free at the start";
        k.default("capability", Float::UNIT, &mut self.capability, doc);
        let doc = "when a core that is busy at the start becomes free [s]";
        let mut busy_s = Some(self.busy_s);
        k.optional(
            "busy_s",
            Spread(SECONDS),
            "no core is busy",
            &mut busy_s,
            doc,
        );
        self.busy_s = busy_s.unwrap_or_default();
        let doc = "whether this is drawn anew for every slot: half a slot before its start, other work takes idle cores in the same way";
        k.added("renewed", Flag, false, &mut self.renewed, doc);
        if !queues {
            for key in ["capability", "busy_s", "renewed"] {
                if k.has(key) {
                    k.problem(key, "needs kind = \"queues\"");
                }
            }
        } else if self.capability < 1.0 && busy_s.is_none() {
            k.problem("busy_s", "missing, needed where capability < 1");
        }
    }
}

section! {
    /// `[information]`: how servers hear of each other, by flooded packets of related information (RI).
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct Information {
        /// rounds a second [Hz]
        rate_hz: f64 = required(Float::between(1e-6, 1e6)),
        /// size of a packet [bytes]
        packet_bytes: f64 = required(Float::POSITIVE),
        /// farthest server that a packet reaches [hops]
        ttl: u32 = required(Count { min: 1, max: 1000 }),
        /// what counts as a packet: one per server that broadcasts, or one per link that it goes over
        counting: Counting = default(Counting::Broadcasts, Choice(&COUNTINGS)),
        /// who sends: all, or all but the first server of each connected part
        sources: Sources = default(Sources::All, Choice(&SOURCES)),
        /// further delay of every packet [s]
        delay_s: f64 = default(0.0, SECONDS),
        /// share of the reported states that are false
        false_share: f64 = default(0.0, Float::UNIT),
        /// what a false state says: that the server is idle, or a state drawn anew as at the start
        false_kind: FalseKind = default(FalseKind::Redraw, Choice(&FALSE_KINDS)),
    }
}

/// What counts as one packet of related information.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    /// One per server that broadcasts.
    Broadcasts,
    /// One per link that it goes over.
    Transmissions,
}

const COUNTINGS: [(&str, Counting); 2] = [
    ("broadcasts", Counting::Broadcasts),
    ("transmissions", Counting::Transmissions),
];

/// Who sends related information.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sources {
    /// All but the first server of each connected part, which is the one that decides.
    Neighbours,
    /// Every server.
    All,
}

const SOURCES: [(&str, Sources); 2] = [("neighbours", Sources::Neighbours), ("all", Sources::All)];

/// What false related information says of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FalseKind {
    /// That it idles.
    Idle,
    /// A state drawn anew like that of the start.
    Redraw,
}

const FALSE_KINDS: [(&str, FalseKind); 2] =
    [("idle", FalseKind::Idle), ("redraw", FalseKind::Redraw)];

/// `[[fault]]`: what does not work for a while.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// What fails.
    pub what: Faulty,
    /// From this instant on \[s\] ...
    pub from_s: f64,
    /// ... until this one \[s\], later than it.
    pub until_s: f64,
}

impl Default for Fault {
    fn default() -> Self {
        Self {
            what: Faulty::Information,
            from_s: 0.0,
            until_s: 0.0,
        }
    }
}

impl Fault {
    pub(super) fn keys(&mut self, k: &mut Keys<'_, '_>, rsus: &NamedRsus) {
        self.what.keys(k, rsus);
        k.required("from_s", SECONDS, &mut self.from_s, "start [s]");
        let doc = "end [s], later than from_s";
        k.required("until_s", SECONDS, &mut self.until_s, doc);
        let Self {
            from_s, until_s, ..
        } = *self;
        if until_s <= from_s {
            let message = format!("must be later than from_s, {from_s}, got {until_s}");
            k.problem("until_s", message);
        }
    }
}

/// What fails.
#[derive(Clone, Debug, PartialEq)]
pub enum Faulty {
    /// The server of this RSU.
    Server(String),
    /// The link between these RSUs, both ways.
    Link(String, String),
    /// All related information.
    Information,
}

#[derive(Clone, Copy, PartialEq)]
enum FaultKind {
    Server,
    Link,
    Information,
}

const FAULT_KINDS: [(&str, FaultKind); 3] = [
    ("server", FaultKind::Server),
    ("link", FaultKind::Link),
    ("information", FaultKind::Information),
];

impl Faulty {
    fn keys(&mut self, k: &mut Keys<'_, '_>, rsus: &NamedRsus) {
        let (mut kind, mut rsu, mut a, mut b) = (FaultKind::Information, None, None, None);
        match std::mem::replace(self, Self::Information) {
            Self::Server(id) => (kind, rsu) = (FaultKind::Server, Some(id)),
            Self::Link(from, to) => (kind, a, b) = (FaultKind::Link, Some(from), Some(to)),
            Self::Information => {}
        }
        let doc = "a server, a link both ways, or all information";
        k.required("kind", Choice(&FAULT_KINDS), &mut kind, doc);
        let mut end = |key, of, without, id: &mut Option<String>, doc| {
            k.optional(key, Text::NAME, without, id, doc);
            k.check(|s| match id {
                Some(_) if kind != of => s.problem(key, "has no meaning for this kind"),
                None if kind == of => s.problem(key, format!("missing, expected {doc}")),
                Some(id) => rsus.check(s, key, id),
                None => {}
            });
        };
        let (server, link) = (FaultKind::Server, FaultKind::Link);
        let doc = "the RSU whose server fails";
        end("rsu", server, "only for servers", &mut rsu, doc);
        end("a", link, "only for links", &mut a, "one end, an RSU's id");
        end("b", link, "only for links", &mut b, "the other end");
        *self = match kind {
            FaultKind::Server => Self::Server(rsu.unwrap_or_default()),
            FaultKind::Link => Self::Link(a.unwrap_or_default(), b.unwrap_or_default()),
            FaultKind::Information => Self::Information,
        };
    }
}

/// `[success]`: what makes a task a success.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Success {
    /// It ended within its deadline.
    #[default]
    OnTime,
    /// It ended at another server than the one it entered by.
    Migrated,
}

const SUCCESSES: [(&str, Success); 2] = [
    ("on-time", Success::OnTime),
    ("migrated", Success::Migrated),
];

impl Success {
    pub(super) fn keys(&mut self, k: &mut Keys<'_, '_>) {
        let doc = "a task is a success if it ended within its deadline, or if it ended at another server \
                   than the one that received it";
        k.default("definition", Choice(&SUCCESSES), self, doc);
    }
}

/// Reports sections and faults that only servers with queues heed.
pub(super) fn needs_queues(k: &mut Keys<'_, '_>, execution: Execution, faults: &[Fault]) {
    if execution.queues() {
        return;
    }
    for (i, fault) in faults.iter().enumerate() {
        if fault.what == Faulty::Information {
            let message =
                "must be \"server\" or \"link\": information needs [execution] kind = \"queues\"";
            k.problem(&format!("fault.{i}.kind"), message);
        }
    }
    for section in ["cloud", "information", "success"] {
        if k.has(section) {
            k.problem(section, "needs [execution] kind = \"queues\"");
        }
    }
}
