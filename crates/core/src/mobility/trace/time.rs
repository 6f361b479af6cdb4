//! Instants as tables and tracks write them.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Seconds: a number as it is, `hh:mm:ss` and `d:hh:mm:ss` since midnight, a date and time (ISO 8601,
/// UTC where no offset is given) since 1970.
pub(super) fn seconds(text: &str) -> Option<f64> {
    let text = text.trim();
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(since_epoch(time));
    }
    if let Ok(time) = text.parse::<DateTime>() {
        return Some(since_epoch(TimeZone::UTC.to_timestamp(time).ok()?));
    }
    clock(text)
}

fn since_epoch(time: Timestamp) -> f64 {
    time.as_second() as f64 + f64::from(time.subsec_nanosecond()) * 1e-9
}

/// What SUMO writes with `-H`.
fn clock(text: &str) -> Option<f64> {
    let parts: Vec<&str> = text.split(':').collect();
    if !(3..=4).contains(&parts.len()) || text.starts_with('-') {
        return None;
    }
    let (last, whole) = parts.split_last()?;
    let plain = |c: char| c.is_ascii_digit() || c == '.';
    if !last.chars().all(plain) {
        return None;
    }
    let second: f64 = last.parse().ok()?;
    let mut total: u64 = 0;
    for (part, most) in whole.iter().rev().zip([59_u64, 23, 1_000_000]) {
        let value: u64 = part.parse().ok()?;
        // hours may exceed a day where no days are written
        if value > most && !(most == 23 && whole.len() == 2) {
            return None;
        }
        total = total.checked_add(value.checked_mul(unit(most))?)?;
    }
    (second < 60.0).then_some(total as f64 + second)
}

const fn unit(most: u64) -> u64 {
    match most {
        59 => 60,
        23 => 3600,
        _ => 86_400,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_form_instants() {
        let cases = [
            ("12.5", 12.5),
            (" 7 ", 7.0),
            ("00:05:00.50", 300.5),
            ("30:00:00", 108_000.0),
            ("1:00:00:01", 86_401.0),
            ("1970-01-02T00:00:01Z", 86_401.0),
            ("1970-01-02 00:00:01.25", 86_401.25),
            ("1970-01-01T02:00:00+02:00", 0.0),
        ];
        for (text, expected) in cases {
            let got = seconds(text).unwrap();
            assert!((got - expected).abs() < 1e-9, "{text}: {got}");
        }
        for text in [
            "",
            "x",
            "0:01",
            "1:61:00",
            "1:00:61",
            "-1:00:00",
            "2024-13-01T00:00:00Z",
            "1:2:3:4:5",
            "99999999999999999999:00:00",
        ] {
            assert!(seconds(text).is_none(), "{text}");
        }
    }
}
