//! Scenarios around the one that is named: `--vary KEY=VALUES` draws a value for every environment.
//!
//! Each environment keeps its own scenario, drawn from a stream named by its number, so that a training depends neither on
//! threads nor on where it was interrupted. The key `scenario` draws the scenario itself. The scenario's own reader checks what is drawn, as it does with `--set`.

use std::str::FromStr;

use wayside_core::Scenario;
use wayside_core::engine::world::World;
use wayside_core::error::Result;
use wayside_core::rng::{Stream, Streams};

/// A key of the scenario, and the values that it may have.
#[derive(Clone, Debug, PartialEq)]
pub struct Vary {
    key: String,
    values: Values,
}

#[derive(Clone, Debug, PartialEq)]
enum Values {
    /// A whole number, both ends included.
    Whole(u64, u64),
    Real(f64, f64),
    /// One of these, as the scenario's file would have it.
    Listed(Vec<String>),
}

impl FromStr for Vary {
    type Err = String;

    /// `KEY=LOW..HIGH` or `KEY=A,B,C`; commas within brackets or quotes do not separate values.
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let wanted = "expected KEY=LOW..HIGH or KEY=A,B,C";
        let (key, values) = text.split_once('=').ok_or(wanted)?;
        let (key, values) = (key.trim(), values.trim());
        if key.is_empty() || values.is_empty() {
            return Err(wanted.to_owned());
        }
        let values = match values.split_once("..") {
            Some((low, high)) if !low.contains(['[', '{', '"']) => range(low.trim(), high.trim())?,
            _ => Values::Listed(listed(values)),
        };
        Ok(Self {
            key: key.to_owned(),
            values,
        })
    }
}

fn range(low: &str, high: &str) -> std::result::Result<Values, String> {
    let order = || format!("the first end must be below the second, got {low}..{high}");
    if let (Ok(low), Ok(high)) = (low.parse(), high.parse()) {
        return if low < high {
            Ok(Values::Whole(low, high))
        } else {
            Err(order())
        };
    }
    let number = |end: &str| {
        let number = end.parse().ok().filter(|x: &f64| x.is_finite());
        number.ok_or_else(|| format!("{end:?} is no number"))
    };
    let (from, to) = (number(low)?, number(high)?);
    if from < to {
        Ok(Values::Real(from, to))
    } else {
        Err(order())
    }
}

fn listed(values: &str) -> Vec<String> {
    let (mut depth, mut quoted) = (0, false);
    let parts = values.split(|c| {
        match c {
            '"' => quoted = !quoted,
            '[' | '{' if !quoted => depth += 1,
            ']' | '}' if !quoted => depth -= 1,
            _ => {}
        }
        c == ',' && depth == 0 && !quoted
    });
    parts.map(|part| part.trim().to_owned()).collect()
}

impl Vary {
    /// The key, and a value drawn for it: log-uniformly from a range of positive numbers, so that small fleets are as
    /// common as large ones.
    fn draw(&self, stream: &mut Stream) -> (String, String) {
        let value = match &self.values {
            Values::Whole(low, high) => {
                let (from, beyond) = (*low as f64, *high as f64 + 1.0);
                (between(stream, from, beyond).floor() as u64)
                    .clamp(*low, *high)
                    .to_string()
            }
            // with the point that makes it a number of its kind
            Values::Real(low, high) => format!("{:?}", between(stream, *low, *high)),
            Values::Listed(values) => values[stream.below(values.len())].clone(),
        };
        (self.key.clone(), value)
    }
}

fn between(stream: &mut Stream, low: f64, high: f64) -> f64 {
    if low > 0.0 {
        // rounding may not leave the range
        (low * (high / low).powf(stream.unit())).min(high)
    } else {
        stream.uniform(low, high)
    }
}

/// The key that draws the scenario itself: a name or a file.
const SCENARIO: &str = "scenario";

/// The scenario that is drawn, if one is, and the keys that are changed in it.
#[must_use]
pub fn named(drawn: &[(String, String)]) -> (Option<&str>, Vec<(String, String)>) {
    let scenario = drawn.iter().rev().find(|(key, _)| key == SCENARIO);
    let keys = drawn.iter().filter(|(key, _)| key != SCENARIO);
    (
        scenario.map(|(_, name)| name.as_str()),
        keys.cloned().collect(),
    )
}

/// Reads the scenario that is trained in, with these changes.
pub type Reader<'r> = dyn Fn(&[(String, String)]) -> Result<Scenario> + Sync + 'r;

/// The world of one stream: the scenario with a value drawn for every key.
///
/// # Errors
/// A value that the scenario does not admit; a topology or trace that cannot be read.
pub(super) fn world(vary: &[Vary], read: &Reader, streams: Streams, name: &str) -> Result<World> {
    let mut stream = streams.stream(name);
    let drawn: Vec<_> = vary.iter().map(|vary| vary.draw(&mut stream)).collect();
    World::new(&read(&drawn)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(text: &str, seed: u64) -> String {
        let vary: Vary = text.parse().unwrap();
        vary.draw(&mut Streams::new(seed).stream("scenario")).1
    }

    #[test]
    fn property_draws_stay_within_and_reach_both_ends() {
        let all: Vec<u64> = (0..200)
            .map(|seed| drawn("fleet.size=3..5", seed).parse().unwrap())
            .collect();
        assert!(all.iter().all(|n| (3..=5).contains(n)));
        assert!((3..=5).all(|n| all.contains(&n)));
        for seed in 0..200 {
            let omega: f64 = drawn("objective.omega=0..1.0", seed).parse().unwrap();
            assert!((0.0..=1.0).contains(&omega));
        }
    }

    #[test]
    fn closed_form_half_of_the_draws_lie_below_the_geometric_mean() {
        let below = (0..1000)
            .filter(|&seed| drawn("a=20..2000", seed).parse::<f64>().unwrap() < 200.0)
            .count();
        assert!((450..550).contains(&below), "{below}");
    }

    #[test]
    fn property_lists_keep_tables_whole() {
        let text = "task.cycles={ min = 1e8, max = 2e8 }, 3e8, [1, 2]";
        assert_eq!(
            text.parse::<Vary>().unwrap().values,
            Values::Listed(vec![
                "{ min = 1e8, max = 2e8 }".to_owned(),
                "3e8".to_owned(),
                "[1, 2]".to_owned()
            ])
        );
    }

    #[test]
    fn property_what_makes_no_sense_is_refused() {
        for text in [
            "",
            "fleet.size",
            "=1..2",
            "a=",
            "a=5..5",
            "a=9..1",
            "a=1..x",
            "a=0..inf",
        ] {
            assert!(text.parse::<Vary>().is_err(), "{text}");
        }
    }
}
