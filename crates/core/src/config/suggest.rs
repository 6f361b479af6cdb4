//! "Did you mean": the nearest known word.

use super::kind::one_of;

/// The word of `known` that `word` probably is, where one is near enough.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |other: &str| strsim::damerau_levenshtein(word, other);
    let near = known.into_iter().map(|other| (distance(other), other));
    // the first of those that are equally near
    let (distance, near) = near.min_by_key(|&(distance, _)| distance)?;
    (distance <= 1 + near.len() / 4).then_some(near)
}

/// `unknown key "sped_mps", did you mean "speed_mps"?`, or the known words where none is near.
#[must_use]
pub fn unknown(what: &str, word: &str, known: &[&str]) -> String {
    /// A longer list would not help.
    const FEW: usize = 20;
    let hint = match nearest(word, known.iter().copied()) {
        _ if known.is_empty() => ", and there is none".to_owned(),
        Some(near) => format!(", did you mean {near:?}?"),
        None if known.len() <= FEW => format!(", expected {}", one_of(known.iter().copied())),
        None => String::new(),
    };
    format!("unknown {what} {word:?}{hint}")
}
