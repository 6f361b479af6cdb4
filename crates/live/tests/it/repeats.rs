//! Tasks that are offered to an agent more than once.

use super::agents::{Agents, Vehicle, offer};
use std::io::Write as _;
use std::thread::sleep;
use std::time::Duration;
use wayside_live::Message;

/// The same with a key.
fn keyed(cycles: f64, data: &[u8], key: u128) -> Message {
    let mut message = offer(cycles, data);
    match &mut message {
        Message::Offer { key: of, .. } => *of = Some(key),
        other => panic!("{other:?}"),
    }
    message
}

/// A repeat with the same key changes nothing: it is told what the first one was, while the task is open and after it has ended, also where its vehicle was
/// gone meanwhile, and the task is executed once. With another task the key is refused.
#[test]
fn property_a_repeat_is_harmless() {
    let root = tempfile::tempdir().unwrap();
    let log = root.path().join("log");
    let script = format!("cat > /dev/null; echo ran >> '{}'; sleep .3", log.display());
    let agents = Agents::start(
        1,
        &format!("work = \"command\"\ncommand = [\"sh\", \"-c\", {script:?}]"),
    );
    let to = agents.net.agents[0].tasks;
    let data = vec![5; 5000];
    let begin = |key| {
        let mut vehicle = Vehicle::connect(to, &agents.key);
        vehicle.say(&keyed(4e6, &data, key));
        vehicle.stream.write_all(&data).unwrap();
        vehicle
    };
    let rest = |mut vehicle: Vehicle| std::iter::from_fn(|| vehicle.hear()).collect::<Vec<_>>();
    let is_done = |told: &[Message]| matches!(told, [Message::Placed(_), Message::Ended(Ok(_))]);
    let (first, again) = (begin(7), begin(7));
    sleep(Duration::from_millis(100));
    // whoever came last is told all, and those before that others have come
    let told = rest(begin(7));
    assert!(is_done(&told), "{told:?}");
    for before in [rest(first), rest(again)] {
        assert!(before.is_empty() || before == told[..1], "{before:?}");
    }
    for _ in 0..2 {
        assert_eq!(rest(begin(7)), told);
    }
    let mut other = Vehicle::connect(to, &agents.key);
    other.say(&keyed(2e6, &data, 7));
    other.stream.write_all(&data).unwrap();
    assert_eq!(rest(other), [Message::KeyReused]);
    // a vehicle that goes when its data is there finds the outcome; one that goes before begins anew
    let mut gone = begin(8);
    assert!(matches!(gone.hear(), Some(Message::Placed(_))));
    sleep(Duration::from_millis(200));
    drop(gone);
    let mut torn = Vehicle::connect(to, &agents.key);
    torn.say(&keyed(4e6, &data, 9));
    torn.stream.write_all(&data[..100]).unwrap();
    drop(torn);
    sleep(Duration::from_millis(500));
    for key in [8, 9] {
        let told = rest(begin(key));
        assert!(is_done(&told), "{told:?}");
    }
    // what has no key is another task each time
    for _ in 0..2 {
        Vehicle::connect(to, &agents.key).ask(4e6).unwrap();
    }
    let report = agents.end().remove(0);
    assert_eq!((report.open, report.counts.lost), (0, 0));
    let ran = std::fs::read_to_string(log).unwrap();
    assert_eq!(ran.lines().count(), 5, "7, 8, 9, and two without a key");
}
