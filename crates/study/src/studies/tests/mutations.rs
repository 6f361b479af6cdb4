//! Damaged studies. `fuzz/` has the same target.

use std::path::Path;

use wayside_core::rng::{Stream, Streams};

use super::super::{BUILTIN_STUDIES, Study};
use super::SMALL;

/// What turns up in broken files.
const FRAGMENTS: &[&str] = &[
    "",
    "\"",
    "[",
    "]",
    "{",
    "}",
    "=",
    ",",
    "\n",
    "\0",
    "-1",
    "0",
    "1e999",
    "nan",
    "true",
    "[[grid]]",
    "[[claim]]",
    "é",
    "99999999999999999999",
];

/// `text` after a few random edits.
fn mutate(text: &str, random: &mut Stream) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for _ in 0..=random.below(4) {
        let at = random.below(chars.len() + 1);
        let end = (at + random.below(12)).min(chars.len());
        let put = FRAGMENTS[random.below(FRAGMENTS.len())];
        drop(chars.splice(at..end, put.chars()));
    }
    chars.into_iter().collect()
}

#[test]
fn property_no_text_makes_the_decoder_of_studies_panic() {
    let mut random = Streams::new(6).stream("studies");
    let mut errors = 0;
    for (text, edits) in [(SMALL, 400), (BUILTIN_STUDIES[0].text, 40)] {
        for _ in 0..edits {
            if let Err(error) =
                Study::from_toml("broken", &mutate(text, &mut random), Path::new("."))
            {
                assert!(!error.to_string().is_empty());
                errors += 1;
            }
        }
    }
    assert!(errors > 100, "only {errors} edits did any damage");
}
