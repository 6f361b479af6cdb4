//! What executing a task means.

use super::event::Payload;
use super::failures::Failure;
use super::program;
use crate::net::Work;
use crate::pace::Pace;
use std::hint::black_box;
use std::sync::Arc;

/// Executes a task on a core from `begin_s` to `end_s`; answers since when the core is free \[s\], and whether the task was done.
pub(super) async fn execute(
    work: Work,
    pace: Pace,
    (begin_s, end_s): (f64, f64),
    payload: Option<Arc<Payload>>,
) -> (f64, Result<(), Failure>) {
    match work {
        Work::Sleep => {
            pace.until(end_s).await;
            drop(payload);
            // a core that waits ends when it should, however late the timer is
            (end_s, Ok(()))
        }
        Work::Burn => {
            let burn = move || {
                let data = payload.as_ref().map_or(&[][..], |payload| &payload.bytes);
                burn(pace, end_s - begin_s, data)
            };
            let ended = tokio::task::spawn_blocking(burn).await;
            (ended.unwrap_or_else(|_| pace.now_s()), Ok(()))
        }
        Work::Command(program) => {
            let result = program::execute(program, payload).await;
            (pace.now_s(), result)
        }
    }
}

/// Computes with `data` for `takes_s`: cycles of a core that is as fast as the scenario says.
fn burn(pace: Pace, takes_s: f64, data: &[u8]) -> f64 {
    let end_s = pace.now_s() + takes_s;
    let mut state = 0_u64;
    loop {
        for chunk in data.chunks(4096).chain([&[1_u8][..]]) {
            for &byte in chunk {
                state = state
                    .rotate_left(5)
                    .wrapping_mul(0x9E37_79B9)
                    .wrapping_add(byte.into());
            }
            black_box(state);
            let now_s = pace.now_s();
            if now_s >= end_s {
                return now_s;
            }
        }
    }
}
