//! Whatever stands in a file or on the command line, the answer is a value or an error. `fuzz/` has the same targets.

use wayside_core::Scenario;
use wayside_core::engine::world::World;
use wayside_core::rng::{Stream, Streams};
use wayside_learn::trainer::builtin::BUILTIN_POLICIES;
use wayside_learn::trainer::learned::LearnedPolicy;
use wayside_learn::trainer::{Algorithm, Settings};

/// Bytes that turn up in broken files.
const FRAGMENTS: &[&[u8]] = &[
    b"",
    b"\"",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"-1",
    b"1e999",
    b"0",
    b"null",
    b"\xff",
    b"99999999999999999999",
];

/// `bytes` after a few random edits within the first `head` of them.
fn mutate(bytes: &[u8], head: usize, random: &mut Stream) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(3) {
        let at = random.below(head.min(bytes.len()) + 1);
        let end = (at + random.below(8)).min(bytes.len());
        let put = FRAGMENTS[random.below(FRAGMENTS.len())];
        match random.below(4) {
            0 => drop(bytes.splice(at..at, put.iter().copied())),
            1 => drop(bytes.splice(at..end, put.iter().copied())),
            // of the same length, so that the offsets of a policy file stay right
            2 => bytes[at..end].fill(b'0' + random.below(10) as u8),
            _ => bytes.truncate(bytes.len() - random.below(64).min(bytes.len())),
        }
    }
    bytes
}

/// The header of a policy file is its length in eight bytes, then JSON: that is where there is something to decode.
#[test]
fn property_no_bytes_make_the_decoder_of_policies_panic() {
    let mut random = Streams::new(4).stream("policies");
    let mut errors = 0;
    for builtin in BUILTIN_POLICIES {
        let bytes = builtin
            .policy()
            .unwrap()
            .state()
            .unwrap()
            .to_bytes()
            .unwrap();
        let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        for _ in 0..400 {
            let head = [8, header][random.below(2)];
            match LearnedPolicy::from_bytes(&mutate(&bytes, head, &mut random)) {
                Ok(policy) => drop(policy.state().unwrap().to_bytes().unwrap()),
                Err(error) => {
                    assert!(!error.to_string().is_empty());
                    errors += 1;
                }
            }
        }
    }
    assert!(errors > 1000, "only {errors} edits did any damage");
}

/// Every option of every algorithm, with values that it does not expect.
#[test]
fn property_no_options_make_the_decoder_of_settings_panic() {
    let values = [
        "",
        "-1",
        "0",
        "1e999",
        "1e308",
        "18446744073709551616",
        "nan",
        "null",
        "true",
        "[]",
        "[0]",
        "[[1]]",
        "{}",
        "\"\"",
        "x",
        "\0",
        ",",
    ];
    let world = World::new(&Scenario::builtin("lin2025", &[]).unwrap()).unwrap();
    let mut random = Streams::new(5).stream("settings");
    for algorithm in [
        Algorithm::Ppo,
        Algorithm::Ac,
        Algorithm::Sac,
        Algorithm::Lysac,
    ] {
        let known = Settings::new(algorithm, None, &world, &[]).unwrap().list();
        for (name, value) in &known {
            for text in values {
                let _ = Settings::new(algorithm, None, &world, &[(name.clone(), text.to_owned())]);
            }
            for _ in 0..20 {
                let edit = |text: &str, random: &mut Stream| {
                    let bytes = mutate(text.as_bytes(), text.len(), random);
                    String::from_utf8_lossy(&bytes).into_owned()
                };
                let option = (edit(name, &mut random), edit(value, &mut random));
                let _ = Settings::new(algorithm, None, &world, &[option]);
            }
        }
    }
}
