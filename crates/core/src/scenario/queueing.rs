//! What a scenario says of servers that tasks queue for (system 2): cores, information, faults, success.

use super::{Range, RsuLayout};
use crate::config::{Choice, Count, Flag, Float, Names, Presence, Section, Spread, Text};

/// `[execution]`: how servers execute tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Execution {
    /// The CPU of a server is shared among the tasks of a slot (P2).
    #[default]
    SharedCpu,
    /// Tasks queue for cores, and on links, first come first served.
    Queues(Cores),
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

/// `[information]`: how servers hear of each other, by flooded packets of related information (RI).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Information {
    /// Rounds a second \[Hz\].
    pub rate_hz: f64,
    /// Size of a packet \[bytes\].
    pub packet_bytes: f64,
    /// Farthest server that a packet reaches \[hops\].
    pub ttl: u32,
    /// What counts as one packet.
    pub counting: Counting,
    /// Who sends.
    pub sources: Sources,
    /// Further delay of every packet \[s\].
    pub delay_s: f64,
    /// Share of the states told that are false.
    pub false_share: f64,
    /// What a false state says.
    pub false_kind: FalseKind,
}

/// What counts as one packet of related information.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    /// One per server that broadcasts.
    Broadcasts,
    /// One per link that it goes over.
    Transmissions,
}

/// Who sends related information.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sources {
    /// All but the first server of each connected part, which is the one that decides.
    Neighbours,
    /// Every server.
    All,
}

/// What false related information says of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FalseKind {
    /// That it idles.
    Idle,
    /// A state drawn anew like that of the start.
    Redraw,
}

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

/// `[success]`: what makes a task a success.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Success {
    /// It ended within its deadline.
    #[default]
    OnTime,
    /// It ended at another server than the one it entered by.
    Migrated,
}

pub(super) const COUNTINGS: [(&str, Counting); 2] = [
    ("broadcasts", Counting::Broadcasts),
    ("transmissions", Counting::Transmissions),
];
pub(super) const SOURCES: [(&str, Sources); 2] =
    [("neighbours", Sources::Neighbours), ("all", Sources::All)];
pub(super) const FALSE_KINDS: [(&str, FalseKind); 2] =
    [("idle", FalseKind::Idle), ("redraw", FalseKind::Redraw)];
pub(super) const SUCCESSES: [(&str, Success); 2] = [
    ("on-time", Success::OnTime),
    ("migrated", Success::Migrated),
];

const SECONDS: Float = Float::NON_NEGATIVE.up_to(1e9);

pub(super) fn execution(s: &mut Section<'_>) -> Execution {
    let kinds = [("shared-cpu", false), ("queues", true)];
    let doc = "`shared-cpu`: the tasks of a slot share a server's CPU (P2); \
               `queues`: tasks queue for its cores, first come first served";
    let queues = s.default("kind", Choice(&kinds), false, doc);
    let doc = "probability that a core is free at the start";
    let capability = s.default("capability", Float::UNIT, 1.0, doc);
    let without = "no core is busy";
    let doc = "when a core that is not becomes free [s]";
    let busy_s = s.optional("busy_s", Spread(SECONDS), without, doc);
    let doc = "whether that is drawn again for every slot: half a slot before its start other work takes cores that idle, likewise";
    let renewed = s.default("renewed", Flag, false, doc);
    if !queues {
        for key in ["capability", "busy_s", "renewed"] {
            if s.has(key) {
                s.problem(key, "needs kind = \"queues\"");
            }
        }
        return Execution::SharedCpu;
    }
    if capability < 1.0 && busy_s.is_none() {
        s.problem("busy_s", "missing, needed where capability < 1");
    }
    Execution::Queues(Cores {
        capability,
        busy_s: busy_s.unwrap_or(Range { min: 0.0, max: 0.0 }),
        renewed,
    })
}

pub(super) fn information(s: &mut Section<'_>) -> Information {
    let rate = Float::between(1e-6, 1e6);
    Information {
        rate_hz: s.required("rate_hz", rate, "rounds a second [Hz]"),
        packet_bytes: s.required("packet_bytes", Float::POSITIVE, "size of a packet [bytes]"),
        ttl: s.required(
            "ttl",
            Count { min: 1, max: 1000 },
            "farthest server that a packet reaches [hops]",
        ) as u32,
        counting: s.default(
            "counting",
            Choice(&COUNTINGS),
            Counting::Broadcasts,
            "what counts as a packet: one per server that broadcasts, or one per link that it goes over",
        ),
        sources: s.default(
            "sources",
            Choice(&SOURCES),
            Sources::All,
            "who sends: all, or all but the first server of each connected part",
        ),
        delay_s: s.default("delay_s", SECONDS, 0.0, "further delay of every packet [s]"),
        false_share: s.default(
            "false_share",
            Float::UNIT,
            0.0,
            "share of the states told that are false",
        ),
        false_kind: s.default(
            "false_kind",
            Choice(&FALSE_KINDS),
            FalseKind::Redraw,
            "what a false state says: that the server idles, or a state drawn anew like that of the start",
        ),
    }
}

#[derive(Clone, Copy, PartialEq)]
enum FaultKind {
    Server,
    Link,
    Information,
}

pub(super) fn faults(s: &mut Section<'_>, rsus: Option<&RsuLayout>, names: &Names) -> Vec<Fault> {
    let doc = "What does not work for a while";
    s.list("fault", Presence::Optional("all works"), doc, |s, _| {
        fault(s, rsus, names)
    })
}

fn fault(s: &mut Section<'_>, rsus: Option<&RsuLayout>, names: &Names) -> Fault {
    let kinds = [
        ("server", FaultKind::Server),
        ("link", FaultKind::Link),
        ("information", FaultKind::Information),
    ];
    let kind = s.required(
        "kind",
        Choice(&kinds),
        "a server, a link both ways, or all information",
    );
    let mut end = |key: &'static str, of: FaultKind, without, doc| {
        let id = s.optional(key, Text::NAME, without, doc);
        match &id {
            Some(_) if kind != of => s.problem(key, "has no meaning for this kind"),
            None if kind == of => s.problem(key, format!("missing, expected {doc}")),
            Some(id) => {
                known_rsu(s, key, id, rsus, names);
            }
            None => {}
        }
        id.unwrap_or_default()
    };
    let rsu = end(
        "rsu",
        FaultKind::Server,
        "only for servers",
        "the RSU whose server fails",
    );
    let a = end(
        "a",
        FaultKind::Link,
        "only for links",
        "one end, an RSU's id",
    );
    let b = end("b", FaultKind::Link, "only for links", "the other end");
    let from_s = s.required("from_s", SECONDS, "start [s]");
    let until_s = s.required("until_s", SECONDS, "end [s], later than from_s");
    if until_s <= from_s {
        s.problem(
            "until_s",
            format!("must be later than from_s, {from_s}, got {until_s}"),
        );
    }
    let what = match kind {
        FaultKind::Server => Faulty::Server(rsu),
        FaultKind::Link => Faulty::Link(a, b),
        FaultKind::Information => Faulty::Information,
    };
    Fault {
        what,
        from_s,
        until_s,
    }
}

/// Reports an RSU that does not exist; those of a grid are known only once it is laid out.
pub(super) fn known_rsu(
    s: &mut Section<'_>,
    key: &str,
    id: &str,
    rsus: Option<&RsuLayout>,
    names: &Names,
) {
    if let Some(RsuLayout::Explicit(_)) = rsus {
        names.resolve(s, key, "RSU", id);
    }
}

pub(super) fn success(s: &mut Section<'_>) -> Success {
    let doc = "a task is a success that ended within its deadline, or that ended at another server \
               than the one it entered by";
    s.default("definition", Choice(&SUCCESSES), Success::OnTime, doc)
}

/// Reports keys that only servers with queues heed.
pub(super) fn needs_queues(s: &mut Section<'_>, execution: Execution) {
    if execution != Execution::SharedCpu {
        return;
    }
    for section in ["cloud", "information", "fault", "success"] {
        if s.has(section) {
            s.problem(section, "needs [execution] kind = \"queues\"");
        }
    }
}
