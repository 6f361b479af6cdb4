//! The suite: what is played, as data.

use crate::studies::kinds::Changes;
use std::ops::Range;
use wayside_core::config::{self, Choice, Count, Document, Presence, Section, Text, Texts};
use wayside_core::engine::BoundKind;
use wayside_core::scenario::BUILTIN_SCENARIOS;
use wayside_core::{Problem, Problems, Result, Scenario};

/// The text of the suite.
pub const SUITE: &str = include_str!("../../assets/wayside-bench-1.toml");

/// What kind of policy plays a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Track {
    /// RSUs share their CPU among the tasks of a slot.
    Shared,
    /// Work runs in sessions.
    Sessions,
    /// Tasks queue for cores.
    Queues,
}

const TRACKS: [(&str, Track); 3] = [
    ("shared", Track::Shared),
    ("sessions", Track::Sessions),
    ("queues", Track::Queues),
];

impl Track {
    /// As the suite writes it.
    #[must_use]
    pub fn word(self) -> &'static str {
        TRACKS[self as usize].0
    }
}

/// Tasks of one version, which never change.
#[derive(Clone, Debug, PartialEq)]
pub struct Suite {
    /// Name, with its version.
    pub name: String,
    /// Seeds to develop and train with.
    pub tuning: Range<u64>,
    /// Seeds of the score.
    pub score: Range<u64>,
    /// How many of them a quick look takes.
    pub quick_seeds: usize,
    /// The tasks, those of a regime together.
    pub tasks: Vec<BenchmarkTask>,
}

/// One task: a scenario with changes.
#[derive(Clone, Debug, PartialEq)]
pub struct BenchmarkTask {
    /// Unique name.
    pub id: String,
    /// What it asks of a policy.
    pub question: String,
    /// What kind of policy plays it.
    pub track: Track,
    /// Tasks of one regime count as one in the score.
    pub regime: String,
    /// Name of the built-in scenario.
    pub scenario: String,
    /// Slots of a run.
    pub slots: u64,
    /// Slots of a quick look.
    pub quick_slots: u64,
    /// Sections of the scenario that are left out.
    pub without: Vec<String>,
    /// Values that replace the scenario's.
    pub set: Vec<(String, String)>,
}

impl Suite {
    /// The suite that comes with Wayside.
    ///
    /// # Errors
    /// None, unless its text is broken, which would be a bug of Wayside.
    pub fn builtin() -> Result<Self> {
        let document = Document::from_toml("wayside-bench-1.toml", SUITE)?;
        config::read(&document, |s| Some(suite(s)))
    }

    /// The tasks called `ids`, in the order of the suite; all without ids.
    ///
    /// # Errors
    /// Every id that is unknown, or there twice.
    pub fn choose(&self, ids: &[String]) -> Result<Vec<&BenchmarkTask>> {
        let known: Vec<&str> = self.tasks.iter().map(|task| task.id.as_str()).collect();
        let mut problems = Problems::default();
        for id in ids.iter().filter(|id| !known.contains(&id.as_str())) {
            let message = config::unknown("task", id, &known);
            let message = match message.contains("did you mean") {
                true => message,
                false => format!("{message}, expected one of {}", known.join(", ")),
            };
            problems.push(Problem {
                file: "tasks".to_owned(),
                line: None,
                path: String::new(),
                message,
            });
        }
        problems.add_repeats("tasks", ids);
        let chosen = |task: &&BenchmarkTask| ids.is_empty() || ids.contains(&task.id);
        problems.into_result(self.tasks.iter().filter(chosen).collect())
    }

    /// The seeds: those of the score or of tuning, all or the few of a quick look.
    #[must_use]
    pub fn seeds(&self, tuning: bool, quick: bool) -> Vec<u64> {
        let range = if tuning { &self.tuning } else { &self.score };
        let most = if quick { self.quick_seeds } else { usize::MAX };
        range.clone().take(most).collect()
    }
}

impl BenchmarkTask {
    /// Its scenario, for a whole run or a quick look.
    ///
    /// # Errors
    /// As [`Suite::builtin`].
    pub fn scenario(&self, quick: bool) -> Result<Scenario> {
        let found = BUILTIN_SCENARIOS.iter().find(|b| b.name == self.scenario);
        let text = found.map(|b| without(b.text, &self.without));
        let text = text.unwrap_or_default();
        let slots = if quick { self.quick_slots } else { self.slots };
        let mut set = self.set.clone();
        set.push(("time.slots".to_owned(), slots.to_string()));
        Scenario::from_toml(&format!("{} of the benchmark", self.id), &text, &set)
    }

    /// The certified bound that its gaps are to.
    #[must_use]
    pub fn bound(scenario: &Scenario) -> BoundKind {
        if scenario.time.carry_over || scenario.execution.sessions().is_some() {
            BoundKind::Horizon
        } else {
            BoundKind::Split
        }
    }
}

/// The text of a scenario less some of its sections.
fn without(text: &str, sections: &[String]) -> String {
    let mut kept = String::new();
    let mut leaves_out = false;
    for line in text.lines() {
        if line.starts_with('[') {
            leaves_out = sections.iter().any(|s| *line == format!("[{s}]"));
        }
        if !leaves_out {
            kept += line;
            kept.push('\n');
        }
    }
    kept
}

fn suite(s: &mut Section<'_>) -> Suite {
    let name = s.required("name", Text::NAME, "name, with its version");
    let (tuning, score, quick_seeds) = s.section("seeds", "Seeds", |s| {
        let mut range = |first, count| {
            let from = Count {
                min: 0,
                max: 1_000_000,
            };
            let first = s.required(first, from, "the first");
            let many = Count { min: 1, max: 1000 };
            let count = s.required(count, many, "how many");
            first..first + count
        };
        let tuning = range("tuning_first", "tuning_count");
        let score = range("score_first", "score_count");
        let many = Count { min: 1, max: 1000 };
        (
            tuning,
            score,
            s.required("quick_count", many, "of a quick look"),
        )
    });
    let tasks = s.list("task", Presence::Required, "A task", |s, _| task(s));
    Suite {
        name,
        tuning,
        score,
        quick_seeds,
        tasks,
    }
}

fn task(s: &mut Section<'_>) -> BenchmarkTask {
    let slots = Count {
        min: 1,
        max: 100_000,
    };
    BenchmarkTask {
        id: s.required("id", Text::NAME, "unique name"),
        question: s.required("question", Text::NAME, "what it asks"),
        track: s.required("track", Choice(&TRACKS), "what kind of policy plays it"),
        regime: s.required("regime", Text::NAME, "what it counts to in the score"),
        scenario: s.required("scenario", Text::NAME, "a built-in scenario"),
        slots: s.required("slots", slots, "slots of a run"),
        quick_slots: s.required("quick_slots", slots, "slots of a quick look"),
        without: s.default("without", Texts, Vec::new(), "sections left out"),
        set: s.default("set", Changes, Vec::new(), "changes of the scenario"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seeds of the score are not those of tuning, names are unique, regimes lie together and in one track.
    #[test]
    fn property_the_suite_is_well_formed() {
        let suite = Suite::builtin().unwrap();
        assert_eq!(suite.name, "wayside-bench-1");
        assert!(suite.tuning.end <= suite.score.start);
        assert!((14..=20).contains(&suite.tasks.len()));
        let mut regimes: Vec<(&str, Track)> = Vec::new();
        for (i, task) in suite.tasks.iter().enumerate() {
            assert!(suite.tasks[..i].iter().all(|other| other.id != task.id));
            assert!(wayside_output::is_plain_name(&task.id));
            for quick in [false, true] {
                let scenario = task.scenario(quick).unwrap();
                let track = match scenario.execution {
                    wayside_core::scenario::Execution::SharedCpu => Track::Shared,
                    wayside_core::scenario::Execution::Queues(_) => Track::Queues,
                    wayside_core::scenario::Execution::Sessions(_) => Track::Sessions,
                };
                assert_eq!(track, task.track, "{}", task.id);
                assert_eq!(scenario.cloud_round_trip_s.is_some(), {
                    track == Track::Queues && task.id != "batch"
                });
            }
            let regime = (task.regime.as_str(), task.track);
            if regimes.last() != Some(&regime) {
                assert!(regimes.iter().all(|(known, _)| *known != regime.0));
                regimes.push(regime);
            }
        }
    }

    #[test]
    fn closed_form_a_section_is_left_out() {
        let text = "a = 1\n[cloud]\nx = 2\n\n[next]\ny = 3\n";
        assert_eq!(
            without(text, &["cloud".to_owned()]),
            "a = 1\n[next]\ny = 3\n"
        );
    }
}
