//! Answers of policies that are other programs, and what they make of a slot.

use serde::Deserialize;
use std::collections::BTreeMap;
use wayside_core::slot::{Decision, NamedSlot, Placement};

#[derive(Deserialize)]
struct Answer {
    placements: Vec<AnswerPlacement>,
}

#[derive(Deserialize)]
struct AnswerPlacement {
    task: String,
    mode: String,
    entry: Option<String>,
    execution: Option<String>,
    #[serde(default)]
    path: Vec<String>,
    minimum_hz: Option<f64>,
}

/// The decision that the answer `line` makes of `named`.
///
/// # Errors
/// What is wrong with it: no JSON, a task that is unknown, missing or there twice, a placement that the slot does not admit.
pub fn decode(line: &str, named: &NamedSlot) -> std::result::Result<Decision, String> {
    let answer: Answer = serde_json::from_str(line).map_err(|e| format!("no decision: {e}"))?;
    let rows = |ids: &[String]| -> BTreeMap<String, u32> { ids.iter().cloned().zip(0..).collect() };
    let (tasks, rsus) = (rows(&named.task_ids), rows(&named.slot.rsus.id));
    let mut answers: Vec<Option<AnswerPlacement>> = Vec::new();
    answers.resize_with(tasks.len(), || None);
    for placement in answer.placements {
        let Some(&task) = tasks.get(&placement.task) else {
            return Err(format!("an unknown task {:?}", placement.task));
        };
        let place = &mut answers[task as usize];
        if place.is_some() {
            return Err(format!("{} twice", placement.task));
        }
        *place = Some(placement);
    }
    let mut decision = Decision::default();
    let reader = Reader { named, rsus };
    for (task, answer) in answers.iter().enumerate() {
        let id = &named.task_ids[task];
        let answer = answer.as_ref().ok_or_else(|| format!("nothing for {id}"))?;
        let placement = reader.placement(task, answer);
        let placement = placement.map_err(|message| format!("{id}: {message}"))?;
        decision.placements.push(placement);
    }
    if answers.iter().flatten().any(|a| a.minimum_hz.is_some()) {
        let minima = answers
            .iter()
            .flatten()
            .map(|a| a.minimum_hz.unwrap_or(0.0));
        decision.minimum_hz.extend(minima);
    }
    if named.slot.sessions.is_some() {
        return Ok(decision);
    }
    decision.check(&named.slot).map_err(|e| e.to_string())?;
    // where CPU is shared every task takes the route with the fewest hops
    if named.slot.queues.is_some() && answers.iter().flatten().any(|a| !a.path.is_empty()) {
        for (task, answer) in answers.iter().flatten().enumerate() {
            let path = reader.path(decision.placements[task], &answer.path);
            let id = &named.task_ids[task];
            decision
                .paths
                .push(&path.map_err(|message| format!("{id}: {message}"))?);
        }
    }
    Ok(decision)
}

struct Reader<'a> {
    named: &'a NamedSlot,
    rsus: BTreeMap<String, u32>,
}

impl Reader<'_> {
    fn rsu(&self, key: &str, id: Option<&String>) -> std::result::Result<u32, String> {
        let id = id.ok_or_else(|| format!("needs {key}"))?;
        let found = self.rsus.get(id).copied();
        found.ok_or_else(|| format!("{key} is an unknown RSU {id:?}"))
    }

    fn placement(
        &self,
        task: usize,
        answer: &AnswerPlacement,
    ) -> std::result::Result<Placement, String> {
        let slot = &self.named.slot;
        match answer.mode.as_str() {
            "local" => Ok(Placement::Local),
            "rsu" => {
                let execution = self.rsu("execution", answer.execution.as_ref())?;
                // a session names its host, and enters by the nearest RSU whatever it says
                let entry = match slot.sessions {
                    Some(_) => execution,
                    None => self.rsu("entry", answer.entry.as_ref())?,
                };
                Ok(Placement::Rsu { entry, execution })
            }
            "cloud" if slot.cloud_round_trip_s.is_some() => {
                let entry = self.rsu("entry", answer.entry.as_ref())?;
                match slot.links(task).iter().any(|link| link.rsu == entry) {
                    true => Ok(Placement::Cloud { entry }),
                    false => Err("must enter where covered".to_owned()),
                }
            }
            "cloud" => Err("there is no cloud".to_owned()),
            mode => Err(format!("mode must be local, rsu or cloud, got {mode:?}")),
        }
    }

    /// The rows of the links along `ids`, from the entry to the execution RSU.
    fn path(&self, placement: Placement, ids: &[String]) -> std::result::Result<Vec<u32>, String> {
        let Placement::Rsu { entry, execution } = placement else {
            return Ok(Vec::new());
        };
        let stops = ids.iter().map(|id| self.rsu("path", Some(id)));
        let stops = stops.collect::<std::result::Result<Vec<_>, _>>()?;
        if stops.first() != Some(&entry) || stops.last() != Some(&execution) {
            return Err("path must lead from entry to execution".to_owned());
        }
        let network = &self.named.slot.network;
        let hop = |ends: &[u32]| {
            let link = network.find(ends[0], ends[1]);
            link.ok_or_else(|| "path must follow links".to_owned())
        };
        stops.windows(2).map(hop).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wayside_core::Scenario;
    use wayside_core::engine::traffic::Traffic;
    use wayside_core::engine::world::World;
    use wayside_core::rng::Streams;

    /// The first slot of a small run.
    fn slot(scenario: &str) -> NamedSlot {
        let size = ("fleet.size".to_owned(), "4".to_owned());
        let world = World::new(&Scenario::builtin(scenario, &[size]).unwrap()).unwrap();
        let mut slot = world.empty_slot();
        let mut traffic = Traffic::new(&world, Streams::new(3)).unwrap();
        traffic.advance(0, &mut slot).unwrap();
        NamedSlot::numbered(slot)
    }

    fn all(named: &NamedSlot, of: impl Fn(usize) -> String) -> String {
        let tasks = 0..named.slot.tasks.len();
        let placements = tasks.map(|task| format!(r#"{{"task": "t{task}", {}}}"#, of(task)));
        let placements: Vec<_> = placements.collect();
        format!(r#"{{"placements": [{}]}}"#, placements.join(", "))
    }

    #[test]
    fn closed_form_answers_by_hand() {
        let named = slot("lin2025");
        let near = all(&named, |_| {
            r#""mode": "rsu", "entry": "local", "execution": "s1w1", "path": ["local", "w1", "s1w1"]"#.to_owned()
        });
        let decision = decode(&near, &named).unwrap();
        assert_eq!(decision.paths.of(3).len(), 2);
        assert!(decision.placements.iter().all(|p| p.is_migrated()));
        let cloud = all(&named, |_| {
            r#""mode": "cloud", "entry": "local""#.to_owned()
        });
        let decision = decode(&cloud, &named).unwrap();
        assert_eq!(decision.placements[0], Placement::Cloud { entry: 0 });
        for (answer, message) in [
            (
                r#""mode": "cloud", "entry": "s1""#,
                "must enter where covered",
            ),
            (r#""mode": "rsu", "entry": "local""#, "needs execution"),
            (
                r#""mode": "rsu", "entry": "locl", "execution": "s1""#,
                "unknown RSU \"locl\"",
            ),
            (r#""mode": "home""#, "mode must be local, rsu or cloud"),
            (
                r#""mode": "rsu", "entry": "local", "execution": "s1w1", "path": ["local", "s1w1"]"#,
                "path must follow links",
            ),
            (
                r#""mode": "rsu", "entry": "local", "execution": "s1w1", "path": ["local", "w1"]"#,
                "path must lead from entry to execution",
            ),
        ] {
            let error = decode(&all(&named, |_| answer.to_owned()), &named).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
        let shared = slot("wang2025");
        let cloud = all(&shared, |_| r#""mode": "cloud", "entry": "r0""#.to_owned());
        assert!(decode(&cloud, &shared).unwrap_err().contains("no cloud"));
        let least = all(&shared, |_| {
            r#""mode": "local", "minimum_hz": -1"#.to_owned()
        });
        assert!(decode(&least, &shared).unwrap_err().contains("minimum_hz"));
    }

    #[test]
    fn property_no_text_makes_the_decoder_panic() {
        const SYMBOLS: &[u8] = b" \"0123t[]{}:,er-l";
        let mut random = Streams::new(1).stream("mutations");
        for scenario in ["lin2025", "wang2025", "highway"] {
            let named = slot(scenario);
            let rsu = |task: usize| named.slot.rsus.id[task % named.slot.rsus.len()].clone();
            let whole = all(&named, |task| {
                let (entry, execution) = (rsu(task), rsu(task + 1));
                format!(
                    r#""mode": "rsu", "entry": "{entry}", "execution": "{execution}", "path": ["{entry}", "{execution}"], "minimum_hz": 1e9"#
                )
            });
            for _ in 0..2000 {
                let mut bytes = whole.clone().into_bytes();
                for _ in 0..=random.below(4) {
                    let at = random.below(bytes.len());
                    match random.below(3) {
                        0 => bytes[at] = SYMBOLS[random.below(SYMBOLS.len())],
                        1 if bytes.len() > 1 => _ = bytes.remove(at),
                        _ => bytes.truncate(at.max(1)),
                    }
                }
                if let Ok(text) = String::from_utf8(bytes) {
                    _ = decode(&text, &named);
                }
            }
        }
    }
}
