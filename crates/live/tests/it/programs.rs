//! Programs that execute tasks for agents: `work = "command"`.

use super::agents::{Agents, Vehicle, offer};
use std::io::Write as _;
use std::thread::sleep;
use std::time::{Duration, Instant};
use wayside_core::agent::Loss;
use wayside_live::WorkFailures;

/// Lines of a configuration that let `sh` execute tasks.
fn shell(script: &str, more: &str) -> String {
    format!("work = \"command\"\ncommand = [\"sh\", \"-c\", {script:?}]\n{more}")
}

/// A program gets the data of a task as it was sent, and the task has taken as long as the program did.
#[test]
fn property_a_program_executes_tasks() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("data");
    let script = format!("cat > '{}'; echo done; sleep 0.3", file.display());
    let agents = Agents::start(1, &shell(&script, ""));
    let mut vehicle = Vehicle::connect(agents.net.agents[0].tasks, &agents.key);
    // a millisecond, if it took as long as the scenario says
    let done = vehicle.ask(2e6).unwrap();
    assert!(done.spent.compute_s >= 0.3, "{done:?}");
    assert_eq!(std::fs::read(&file).unwrap(), [5; 5000]);
    let report = agents.end().remove(0);
    assert_eq!(report.work_failed, WorkFailures::default());
    // and one that does not read its data has done it knowingly
    let agents = Agents::start(1, &shell("exec <&-; sleep 0.1", ""));
    let mut vehicle = Vehicle::connect(agents.net.agents[0].tasks, &agents.key);
    vehicle.ask(2e6).unwrap();
    agents.end();
}

/// Whatever a program does wrong is a loss with a name, which is not tried again, and the core is free for the next.
#[test]
fn property_a_program_that_fails_loses_its_task() {
    let root = tempfile::tempdir().unwrap();
    let plain = root.path().join("plain");
    std::fs::write(&plain, "not a program").unwrap();
    let not_started = format!("work = \"command\"\ncommand = [{plain:?}]");
    let failures = |not_started, exit, time, output| WorkFailures {
        not_started,
        exit,
        time,
        output,
    };
    for (more, expected) in [
        (not_started, failures(3, 0, 0, 0)),
        (shell("exit 3", ""), failures(0, 3, 0, 0)),
        (shell("kill -9 $$", ""), failures(0, 3, 0, 0)),
        (
            shell("sleep 300 & sleep 300", "command_s = 0.2"),
            failures(0, 0, 3, 0),
        ),
        (
            // closes its output, and goes on
            shell("exec >&-; sleep 300", "command_s = 0.2"),
            failures(0, 0, 3, 0),
        ),
        (
            shell("while :; do echo more; done", "output_kib = 1"),
            failures(0, 0, 0, 3),
        ),
        (
            shell("head -c 1025 /dev/zero", "output_kib = 1"),
            failures(0, 0, 0, 3),
        ),
    ] {
        let agents = Agents::start(1, &more);
        let to = agents.net.agents[0].tasks;
        for _ in 0..3 {
            let result = Vehicle::connect(to, &agents.key).ask(2e6);
            assert_eq!(result, Err(Loss::WorkFailed), "{more}");
        }
        let report = agents.end().remove(0);
        assert_eq!(report.work_failed, expected, "{more}");
        assert_eq!((report.counts.replanned, report.counts.lost), (0, 3));
    }
    // as much as it may is not too much
    let agents = Agents::start(1, &shell("head -c 1024 /dev/zero", "output_kib = 1"));
    let to = agents.net.agents[0].tasks;
    Vehicle::connect(to, &agents.key).ask(2e6).unwrap();
    agents.end();
}

/// A program ends with its agent, and with it what it has started.
#[test]
#[cfg(target_os = "linux")]
fn property_no_program_outlives_its_agent() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("ids");
    let script = format!("sleep 300 & echo $$ $! > '{}'; wait", file.display());
    let agents = Agents::start(1, &shell(&script, "command_s = 300"));
    let mut vehicle = Vehicle::connect(agents.net.agents[0].tasks, &agents.key);
    let data = vec![5; 5000];
    vehicle.say(&offer(2e6, &data));
    vehicle.stream.write_all(&data).unwrap();
    let begun = Instant::now();
    let ids = loop {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        if text.ends_with('\n') {
            break text;
        }
        assert!(begun.elapsed() < Duration::from_secs(60));
        sleep(Duration::from_millis(10));
    };
    let begun = Instant::now();
    agents.end();
    assert!(begun.elapsed() < Duration::from_secs(10));
    let runs = |id: &str| {
        let state = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        // one that has ended is there until somebody has looked
        !state.is_empty() && !state.contains(") Z ")
    };
    while ids.split_whitespace().any(runs) {
        assert!(begun.elapsed() < Duration::from_secs(10), "{ids}");
        sleep(Duration::from_millis(10));
    }
}
