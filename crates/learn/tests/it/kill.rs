//! What a checkpoint is worth when the process dies while it is written.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use wayside_learn::nn::state::State;

const PATH: &str = "WAYSIDE_TEST_CHECKPOINT";

/// Not a test by itself: the process that the next test kills.
#[test]
fn writer() {
    let Ok(path) = std::env::var(PATH) else {
        return;
    };
    for i in 0u32.. {
        let mut state = State::new(serde_json::json!({ "counter": i }));
        state.put("numbers", &vec![i; 200_000]);
        state.write(path.as_ref()).unwrap();
    }
}

#[test]
fn property_killed_writers_leave_a_whole_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    for round in 0..12 {
        // so that what is read was written by the one that is killed
        std::fs::remove_file(&path).ok();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kill::writer"])
            .env(PATH, &path)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let started = Instant::now();
        while !path.exists() && started.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(3 + 7 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        let state = State::read(&path).unwrap();
        let counter: u32 = state.card_value("counter").unwrap();
        assert!(
            state
                .get_len::<u32>("numbers", 200_000)
                .unwrap()
                .iter()
                .all(|n| *n == counter)
        );
    }
}
