//! Reader of ns-2 mobility: `$ns_ at 1.0 "$node_(0) setdest 10.0 0.0 10.0"`, as ns-3, BonnMotion and SUMO's
//! traceExporter write it.

use std::collections::BTreeMap;
use std::io::BufRead;

use crate::error::Result;
use crate::mobility::trace::bytes::Text;
use crate::mobility::trace::fixes::Gathered;
use crate::mobility::trace::step::{Input, Place, StepReader, Traits, shown};
use crate::mobility::trace::tracks::{STEP_S, TOO_MANY_FIXES, Tracks};

/// Whether a text is ns-2 mobility.
pub(super) fn is(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    let mut lines = text.lines().map(str::trim);
    lines.any(|line| line.starts_with("$node_(") || line.starts_with("$ns_ at"))
}

/// A node on its way.
#[derive(Clone, Copy)]
struct Node {
    since_s: f64,
    from: [f64; 2],
    to: [f64; 2],
    arrive_s: f64,
}

impl Node {
    fn at(&self, time_s: f64) -> [f64; 2] {
        if time_s >= self.arrive_s {
            return self.to;
        }
        let share = (time_s - self.since_s) / (self.arrive_s - self.since_s);
        [0, 1].map(|axis| self.from[axis] + share * (self.to[axis] - self.from[axis]))
    }

    fn standing(since_s: f64, at: [f64; 2]) -> Self {
        Self {
            since_s,
            from: at,
            to: at,
            arrive_s: since_s,
        }
    }
}

/// One command of the file.
enum Command {
    Set { axis: usize, value: f64 },
    Go { to: [f64; 2], speed: f64 },
}

pub(super) fn open(mut input: Input, mut text: Text) -> Result<Box<dyn StepReader>> {
    input.found.format = "ns-2 mobility".into();
    input.found.degrees = Some(false);
    let mut nodes: BTreeMap<String, Node> = BTreeMap::new();
    let mut fixes = Gathered::default();
    let mut last_s: f64 = 0.0;
    let mut line = String::new();
    loop {
        let place = Place::Line(text.line());
        line.clear();
        text.renew();
        match text.read_line(&mut line) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) => return Err(input.unreadable(place, &error)),
        }
        let Some((time_s, id, command)) = parse(&input, place, line.trim())? else {
            continue;
        };
        let id = id.to_owned();
        let node = nodes
            .entry(id.clone())
            .or_insert(Node::standing(0.0, [0.0; 2]));
        if time_s < node.since_s {
            let message = format!("must not be before {} s, got {time_s}", node.since_s);
            return Err(input.bad(place, "at", message));
        }
        let mut here = node.at(time_s);
        // where it stopped on the way
        let arrived = node.arrive_s > node.since_s && node.arrive_s < time_s;
        let mut whole = !arrived || fixes.add(id.as_bytes(), node.arrive_s, node.to[0], node.to[1]);
        match command {
            Command::Set { axis, value } => {
                here[axis] = value;
                *node = Node::standing(time_s, here);
            }
            Command::Go { to, speed } => {
                whole &= fixes.add(id.as_bytes(), time_s, here[0], here[1]);
                let way = (to[0] - here[0]).hypot(to[1] - here[1]);
                *node = if speed > 0.0 && way > 0.0 {
                    Node {
                        since_s: time_s,
                        from: here,
                        to,
                        arrive_s: time_s + way / speed,
                    }
                } else {
                    Node::standing(time_s, here)
                };
            }
        }
        if !whole {
            return Err(input.bad(place, "", TOO_MANY_FIXES));
        }
        last_s = last_s.max(node.arrive_s);
    }
    finish(input, nodes, fixes, last_s)
}

/// Every node is there from the start to the end, and nothing parts its track.
fn finish(
    mut input: Input,
    nodes: BTreeMap<String, Node>,
    mut fixes: Gathered,
    last_s: f64,
) -> Result<Box<dyn StepReader>> {
    for (id, node) in nodes {
        let id = id.as_bytes();
        if !input.takes(Traits {
            id,
            ..Traits::default()
        }) {
            fixes.remove(id);
            continue;
        }
        let [x, y] = fixes.first(id).unwrap_or(node.from);
        let ends = [(0.0, [x, y]), (node.arrive_s, node.to), (last_s, node.to)];
        for (time_s, [x, y]) in ends {
            if !fixes.add(id, time_s, x, y) {
                return Err(input.bad(Place::File, "", TOO_MANY_FIXES));
            }
        }
    }
    input.rules.max_gap_s = f64::INFINITY;
    let step_s = input.rules.resample_s.unwrap_or(STEP_S);
    Ok(Box::new(Tracks::new(input, fixes, step_s)?))
}

/// Instant, node and command of a line; `None` where it has none.
fn parse<'l>(
    input: &Input,
    place: Place,
    line: &'l str,
) -> Result<Option<(f64, &'l str, Command)>> {
    let (time_s, command) = match line.strip_prefix("$ns_ at") {
        Some(rest) => {
            let rest = rest.trim_start();
            let end = rest.find([' ', '"']).unwrap_or(rest.len());
            let time_s = input.number(place, "at", &rest.as_bytes()[..end])?;
            (time_s, rest[end..].trim().trim_matches('"'))
        }
        None => (0.0, line),
    };
    let Some(command) = command.strip_prefix("$node_(") else {
        return Ok(None);
    };
    let Some((id, words)) = command.split_once(')') else {
        return Err(input.bad(
            place,
            "",
            format!("is not a command for a node: {}", shown(line.as_bytes())),
        ));
    };
    let words: Vec<&str> = words.split_whitespace().collect();
    let number = |word: &str| input.number(place, "$node_", word.as_bytes());
    let command = match words.as_slice() {
        ["set", axis @ ("X_" | "Y_"), value] => Command::Set {
            axis: usize::from(*axis == "Y_"),
            value: number(value)?,
        },
        ["setdest", x, y, speed] => Command::Go {
            to: [number(x)?, number(y)?],
            speed: number(speed)?,
        },
        _ => return Ok(None),
    };
    Ok(Some((time_s, id, command)))
}
