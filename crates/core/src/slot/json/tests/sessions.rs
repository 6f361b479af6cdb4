//! Sessions in the JSON of a slot.

use super::*;
use crate::slot::sessions::Down;

#[test]
fn closed_form_a_slot_with_sessions() {
    let NamedSlot { slot, .. } = decode(&with_sessions());
    let sessions = slot.sessions.as_ref().expect("sessions");
    assert_eq!(
        (sessions.id.as_slice(), sessions.left.as_slice()),
        (&[0, 1][..], &[9, 4][..])
    );
    assert_eq!(sessions.velocity_mps, [[0.0, 0.0], [-3.0, 0.5]]);
    assert_eq!(sessions.interruption_s, [0.0, 0.05]);
    let [moves, down] = sessions.state.as_slice() else {
        panic!("two sessions")
    };
    assert_eq!(
        (moves.host, moves.moving, moves.down),
        (Some(0), Some((1, 2)), None)
    );
    assert_eq!((down.host, down.moving), (Some(1), None));
    assert_eq!(
        down.down,
        Some(Down {
            away: 1,
            wait_s: 0.5
        })
    );
    // 8 Mbit over 1 Gbit/s, of which 40 Mbit/s get dirty: 8 Mbit take 8 ms, 0.32 Mbit are left
    let way = sessions.moves.find(0, 1).expect("neighbours");
    assert!(
        (way.down_s - (0.32e6 / 1e9 + 0.05)).abs() < 1e-12,
        "{way:?}"
    );
    // t0 enters by r0, which has the better gain, and t1 by r1, the nearer one: neither shares its band
    let alone = |task: usize| 2e6 * slot.links(task)[0].seconds_per_bit;
    assert!((sessions.upload_s[0] / alone(0) - 1.0).abs() < 1e-12);
    assert!((sessions.upload_s[1] / alone(1) - 1.0).abs() < 1e-12);

    let again = decode(&decode(&with_sessions()).to_json(&CHANNEL).to_string());
    let again = again.slot.sessions.expect("sessions");
    assert_eq!(again.state, sessions.state);
    assert_eq!(
        (&again.left, &again.velocity_mps),
        (&sessions.left, &sessions.velocity_mps)
    );
    assert_eq!(again.interruption_s, sessions.interruption_s);
    assert_eq!(again.upload_s, sessions.upload_s);
    assert_eq!(again.moves.copying(), sessions.moves.copying());
}

#[test]
fn regress_problems_of_sessions_are_named() {
    let sessions =
        "\"sessions\": {\"state_bytes\": 1e6, \"dirty_bytes_per_s\": 5e6, \"stop_bytes\": 1e5}, ";
    let cases = [
        (sessions, "", "tasks[0]: needs the section sessions"),
        (
            "\"left\": 9",
            "\"left\": 0",
            "tasks[0].left: must be between 1 and 10000, got 0",
        ),
        (
            "\"host\": \"r0\"",
            "\"host\": \"r9\"",
            "tasks[0].host: unknown RSU \"r9\"",
        ),
        (
            "\"host\": \"r0\", ",
            "",
            "tasks[0].host: missing, needed where it moves or is down",
        ),
        (
            "\"moving_to\": \"r1\"",
            "\"moving_to\": \"r0\"",
            "tasks[0].moving_to: must be another RSU than the host",
        ),
        (
            "\"moving_to\": \"r1\", ",
            "",
            "tasks[0].moving_slots: needs moving_to",
        ),
        (
            "\"moving_slots\": 2",
            "\"down_s\": 1",
            "tasks[0].down_s: must be left out where it moves",
        ),
        ("[-3, 0.5]", "[-3]", "tasks[1].velocity_mps: expected"),
        (
            "\"left\": 9",
            "\"session\": 1, \"left\": 9",
            "tasks[1].session: 1 is taken already",
        ),
        (
            "\"state_bytes\": 1e6",
            "\"rounds\": 1",
            "sessions.state_bytes: missing",
        ),
        (
            "\"migration_power_w\": 0.5",
            "\"migration_power_w\": 0.5, \"max_hops\": 0",
            "tasks[0].moving_to: must be another RSU than the host, within max_hops",
        ),
        (
            "\"range_m\": 400",
            "\"cores\": 2, \"range_m\": 400",
            "sessions: must be left out where RSUs have cores",
        ),
    ];
    for (from, to, expected) in cases {
        let text = with_sessions();
        assert!(text.contains(from), "{from}");
        let found = problems(&text.replacen(from, to, 1)).join("; ");
        assert!(found.contains(expected), "{found}");
    }
}
