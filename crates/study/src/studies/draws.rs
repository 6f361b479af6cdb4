//! Constants that a paper leaves open, drawn from plausible ranges.
//!
//! All keys of a grid are drawn together: a draw is a value of an additional axis, which sets them all. Every key has
//! its own random stream, named after the grid and the key, so that other keys or more draws change no value.

use super::{AxisValue, DRAW_AXIS, Drawn, GridAxis};
use crate::table;
use wayside_core::rng::Streams;

/// What may be drawn for a key.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Among {
    /// Uniform from a range, or its logarithm is.
    Range { min: f64, max: f64, log: bool },
    /// One of these TOML values.
    Values(Vec<String>),
}

impl Among {
    /// `draws` values for `key` in the grid called `grid`.
    pub(super) fn drawn(&self, grid: &str, key: &str, draws: usize) -> Drawn {
        let mut stream = Streams::new(0).stream(&format!("study.draw.{grid}.{key}"));
        let mut value = || match self {
            Self::Range { min, max, log } if *log => {
                let x = stream.uniform(min.ln(), max.ln()).exp();
                format!("{:?}", x.clamp(*min, *max))
            }
            Self::Range { min, max, .. } => format!("{:?}", stream.uniform(*min, *max)),
            Self::Values(values) => values[stream.below(values.len())].clone(),
        };
        Drawn {
            key: key.to_owned(),
            values: (0..draws).map(|_| value()).collect(),
        }
    }

    /// Values that represent all possible ones: the ends of a range, or every value.
    pub(super) fn ends(&self) -> Vec<String> {
        match self {
            Self::Range { min, max, .. } => vec![format!("{min:?}"), format!("{max:?}")],
            Self::Values(values) => values.clone(),
        }
    }
}

/// The axis of `draws` draws, of which `--quick` takes the first `quick`.
pub(super) fn axis(draws: usize, quick: usize) -> GridAxis {
    let value = |nth: usize| AxisValue {
        toml: nth.to_string(),
        label: nth.to_string(),
        number: Some(nth as f64),
    };
    GridAxis {
        key: DRAW_AXIS.to_owned(),
        name: DRAW_AXIS.to_owned(),
        label: "Draw of the unknown constants".to_owned(),
        values: (1..=draws).map(value).collect(),
        quick: (1..=quick).map(value).collect(),
    }
}

/// What the draw `value` sets, key by key.
pub(super) fn changes<'a>(
    drawn: &'a [Drawn],
    value: &AxisValue,
) -> impl Iterator<Item = (String, String)> + 'a {
    let nth: Option<usize> = value.label.parse().ok();
    let nth = nth.expect("made by axis()") - 1;
    drawn
        .iter()
        .map(move |drawn| (drawn.key.clone(), drawn.values[nth].clone()))
}

/// All draws as CSV, a line each; empty without any.
pub(super) fn csv(drawn: &[Drawn]) -> String {
    let Some(first) = drawn.first() else {
        return String::new();
    };
    let keys = drawn.iter().map(|d| d.key.clone());
    let header: Vec<String> = std::iter::once("draw".to_owned()).chain(keys).collect();
    let draws = (0..first.values.len()).map(|nth| {
        let values = drawn.iter().map(|d| d.values[nth].clone());
        std::iter::once((nth + 1).to_string())
            .chain(values)
            .collect()
    });
    table::to_csv(std::iter::once(header).chain(draws))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(drawn: &Drawn) -> Vec<f64> {
        drawn.values.iter().map(|v| v.parse().unwrap()).collect()
    }

    #[test]
    fn property_draws_stay_in_their_range_and_fill_it() {
        let range = |log| Among::Range {
            min: 1e-28,
            max: 1e-26,
            log,
        };
        let of = |log| numbers(&range(log).drawn("g", "k", 2000));
        for (log, median) in [(true, 1e-27), (false, 5.05e-27)] {
            let mut drawn = of(log);
            assert!(drawn.iter().all(|x| (1e-28..=1e-26).contains(x)));
            drawn.sort_by(f64::total_cmp);
            let found = drawn[1000];
            assert!((found / median - 1.0).abs() < 0.15, "{log} {found}");
        }
    }

    #[test]
    fn property_more_draws_or_other_keys_change_no_draw() {
        let among = Among::Range {
            min: 0.0,
            max: 1.0,
            log: false,
        };
        let many = among.drawn("g", "a", 50);
        assert_eq!(many.values[..20], among.drawn("g", "a", 20).values);
        assert_ne!(many.values, among.drawn("g", "b", 50).values);
        assert_ne!(many.values, among.drawn("h", "a", 50).values);
        let values = Among::Values(vec!["1".into(), "2".into()]);
        let drawn = values.drawn("g", "a", 64).values;
        assert!(drawn.contains(&"1".to_owned()) && drawn.contains(&"2".to_owned()));
    }

    #[test]
    fn closed_form_a_draw_sets_every_key() {
        let drawn = |key: &str| Drawn {
            key: key.to_owned(),
            values: vec!["1".into(), "2".into()],
        };
        let drawn = [drawn("a"), drawn("b")];
        let axis = axis(2, 1);
        let set: Vec<_> = changes(&drawn, &axis.values[1]).collect();
        let pair = |key: &str| (key.to_owned(), "2".to_owned());
        assert_eq!(set, [pair("a"), pair("b")]);
        assert_eq!(csv(&drawn), "draw,a,b\n1,1,1\n2,2,2\n");
        assert_eq!((axis.values.len(), axis.quick.len()), (2, 1));
    }
}
