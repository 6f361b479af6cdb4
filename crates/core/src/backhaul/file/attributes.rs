//! The names under which links carry lengths and rates.

/// Where something stands in the file: a line of GraphML, a path of JSON.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    pub(super) line: Option<usize>,
    pub(super) path: String,
}

impl Place {
    pub(super) fn line(line: usize) -> Self {
        Self {
            line: Some(line),
            path: String::new(),
        }
    }

    pub(super) fn path(path: impl Into<String>) -> Self {
        Self {
            line: None,
            path: path.into(),
        }
    }
}

/// A value as a file has it.
pub(super) enum Given {
    Number(f64),
    Text(String),
}

/// What is wrong with a value, and where.
pub(super) type Wrong = (Place, String);

/// Names of a link's length, lower case, with the metres in one unit.
const LENGTHS: [(&str, f64); 6] = [
    ("linklengthkm", 1000.0),
    ("length_km", 1000.0),
    ("dist_km", 1000.0),
    ("dist", 1000.0),
    ("length_m", 1.0),
    ("length", 1000.0),
];

/// Names of a link's rate in bit/s, lower case.
const RATES: [&str; 2] = ["rate_bps", "linkspeedraw"];

/// Names of a rate that may have its unit beside it, bit/s where it has none; lower case.
const LOOSE_RATES: [&str; 6] = [
    "linkspeed",
    "bandwidth",
    "capacity",
    "rate",
    "speed",
    "linklabel",
];

/// The unit of `linkspeed`, in a place of its own.
const SPEED_UNITS: &str = "linkspeedunits";

/// Whether a link's attribute of this lower-case name is read.
pub(super) fn is_read(name: &str) -> bool {
    name == SPEED_UNITS
        || LENGTHS.iter().any(|(known, _)| *known == name)
        || RATES.contains(&name)
        || LOOSE_RATES.contains(&name)
}

/// A link's length [m].
pub(super) fn length_m(get: impl Fn(&str) -> Option<(Given, Place)>) -> Result<Option<f64>, Wrong> {
    for (name, scale) in LENGTHS {
        let Some((value, place)) = get(name) else {
            continue;
        };
        let value = match value {
            Given::Text(text) if text.trim().is_empty() || text == "None" => continue,
            // its unit is unknown, so a text is ignored
            Given::Text(text) if name == "length" => match with_unit(&text, length_unit) {
                Some(length_m) => return Ok(Some(length_m)),
                None => continue,
            },
            Given::Text(text) => match text.trim().parse() {
                Ok(value) => value,
                Err(_) => {
                    return Err((place, format!("{name} must be a number, got {text:?}")));
                }
            },
            Given::Number(value) => value,
        };
        if value.is_finite() && value >= 0.0 {
            return Ok(Some(value * scale));
        }
        return Err((place, format!("length must be >= 0, got {value}")));
    }
    Ok(None)
}

/// A link's rate [bit/s].
pub(super) fn rate_bps(get: impl Fn(&str) -> Option<(Given, Place)>) -> Result<Option<f64>, Wrong> {
    for name in RATES {
        let Some((value, place)) = get(name) else {
            continue;
        };
        let value = match value {
            Given::Text(text) if text.trim().is_empty() || text == "None" => continue,
            Given::Text(text) => match text.trim().parse() {
                Ok(value) => value,
                Err(_) => {
                    return Err((place, format!("{name} must be a number, got {text:?}")));
                }
            },
            Given::Number(value) => value,
        };
        if value.is_finite() && value > 0.0 {
            return Ok(Some(value));
        }
        return Err((place, format!("rate must be > 0, got {value}")));
    }
    Ok(LOOSE_RATES.iter().find_map(|&name| {
        let (value, _) = get(name)?;
        let unit = match get(SPEED_UNITS) {
            Some((Given::Text(unit), _)) if name == "linkspeed" => rate_unit(&unit),
            _ => None,
        };
        let rate_bps = match value {
            Given::Number(value) => value * unit.unwrap_or(1.0),
            Given::Text(text) => match (text.trim().parse::<f64>(), unit) {
                (Ok(value), Some(unit)) => value * unit,
                // a label is a rate only where it says so
                (Ok(_), None) if name == "linklabel" => return None,
                (Ok(value), None) => value,
                (Err(_), _) => with_unit(&text, rate_unit)?,
            },
        };
        (rate_bps.is_finite() && rate_bps > 0.0).then_some(rate_bps)
    }))
}

/// A number with a unit behind it, as in `10 Gbps`.
fn with_unit(text: &str, unit: impl Fn(&str) -> Option<f64>) -> Option<f64> {
    let text = text.trim().trim_start_matches(['<', '>', '=', '~', ' ']);
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let value: f64 = text[..end].parse().ok()?;
    Some(value * unit(&text[end..])?)
}

/// Bits per second in a unit of rate.
fn rate_unit(unit: &str) -> Option<f64> {
    let unit = unit.trim().to_ascii_lowercase();
    let prefix = ["bit/s", "bits/s", "bps", "b/s", "bit", "b", ""]
        .iter()
        .find_map(|tail| unit.strip_suffix(tail).filter(|p| p.len() <= 1))?;
    match prefix {
        "" if !unit.is_empty() => Some(1.0),
        "k" => Some(1e3),
        "m" => Some(1e6),
        "g" => Some(1e9),
        "t" => Some(1e12),
        _ => None,
    }
}

/// Metres in a unit of length; kilometres where there is none.
fn length_unit(unit: &str) -> Option<f64> {
    match unit.trim().to_ascii_lowercase().as_str() {
        "" | "km" => Some(1000.0),
        "m" => Some(1.0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_form_units() {
        let cases = [
            ("10 Gbps", Some(10e9)),
            ("2.5G", Some(2.5e9)),
            ("155 Mbit/s", Some(155e6)),
            ("< 100 kbps", Some(100e3)),
            ("1 T", Some(1e12)),
            ("9 bps", Some(9.0)),
            ("10 lanes", None),
            ("fast", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(with_unit(text, rate_unit), expected, "{text}");
        }
        assert_eq!(with_unit("5", length_unit), Some(5000.0));
        assert_eq!(with_unit("5 m", length_unit), Some(5.0));
    }
}
