//! `--seeds`.

use std::collections::BTreeSet;
use std::str::FromStr;

/// Most seeds; a longer range is taken for a typing error.
const MOST: u64 = 10_000;

/// Seeds in the order asked for, no two equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seeds(pub(crate) Vec<u64>);

impl FromStr for Seeds {
    type Err = String;

    /// `7`, `0..9` with both ends, or such parts between commas.
    fn from_str(text: &str) -> Result<Self, String> {
        let (mut seeds, mut problems) = (Vec::new(), Vec::new());
        for part in text.split(',').map(str::trim) {
            match range(part) {
                Ok((first, last)) if (last - first).saturating_add(seeds.len() as u64) >= MOST => {
                    problems.push(format!("at most {MOST} seeds can be run"));
                    break;
                }
                Ok((first, last)) => seeds.extend(first..=last),
                Err(message) => problems.push(message),
            }
        }
        let mut seen = BTreeSet::new();
        let repeated = seeds.iter().filter(|&&seed| !seen.insert(seed));
        let twice: BTreeSet<&u64> = repeated.collect();
        let told = |seed: &u64| format!("seed {seed} is there twice");
        problems.extend(twice.into_iter().map(told));
        match problems.is_empty() {
            true => Ok(Self(seeds)),
            false => Err(problems.join("; ")),
        }
    }
}

/// Both ends of a part.
fn range(part: &str) -> Result<(u64, u64), String> {
    let (first, last) = part.split_once("..").unwrap_or((part, part));
    let (first, last) = (number(first, part)?, number(last, part)?);
    match first > last {
        true => Err(format!(
            "{part} runs backwards; {last}..{first} is the range"
        )),
        false => Ok((first, last)),
    }
}

fn number(text: &str, part: &str) -> Result<u64, String> {
    text.parse().map_err(|_| {
        format!("expected numbers as in 0..9 (both ends included) or 3,7,12; got {part:?}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_form_seeds() {
        let seeds = |text: &str| text.parse::<Seeds>().map(|s| s.0);
        assert_eq!(seeds("0..3"), Ok(vec![0, 1, 2, 3]));
        assert_eq!(seeds("12, 3..4"), Ok(vec![12, 3, 4]));
        assert_eq!(
            seeds("18446744073709551615..18446744073709551615"),
            Ok(vec![u64::MAX])
        );
        for (text, message) in [
            ("", "expected numbers"),
            ("1..", "expected numbers"),
            ("0..=3", "expected numbers"),
            ("-1", "expected numbers"),
            ("4..1", "1..4 is the range"),
            ("1,1", "seed 1 is there twice"),
            ("0..3,2", "seed 2 is there twice"),
            (
                "x,4..1,7,7",
                "got \"x\"; 4..1 runs backwards; 1..4 is the range; seed 7 is there twice",
            ),
            ("0..10000", "at most 10000"),
            ("0..9998,10000..10001", "at most 10000"),
            ("0..18446744073709551615", "at most 10000"),
        ] {
            let error = seeds(text).unwrap_err();
            assert!(error.contains(message), "{text}: {error}");
        }
    }
}
