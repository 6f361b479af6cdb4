//! Degrees to metres, by the projections of PROJ.

use std::fmt;

use proj4rs::proj::Proj;
use proj4rs::transform::transform;

/// What `projection` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Nothing was said: told by the trace.
    Unsaid,
    /// `none`: the coordinates are metres.
    Metres,
    /// `utm`: degrees, in the UTM zone of their centre.
    Centre,
    /// Degrees, in this zone.
    Utm {
        /// 1 to 60.
        zone: u8,
        /// South of the equator.
        south: bool,
    },
    /// Degrees, by a string of PROJ.
    Proj(String),
}

/// What the key takes.
pub const EXPECTED: &str = "must be \"none\" (metres), \"utm\" (zone of the centre), a zone as in \"utm32n\", its \
                            EPSG code as in \"EPSG:32632\", or a string of PROJ as in \"+proj=utm +zone=32\"";

impl Wanted {
    /// Reads the key `projection`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let unknown = || format!("{EXPECTED}, got {text:?}");
        let lower = text.trim().to_ascii_lowercase();
        if lower == "none" {
            return Ok(Self::Metres);
        }
        if lower == "utm" {
            return Ok(Self::Centre);
        }
        if text.trim().starts_with('+') {
            let wanted = Self::Proj(text.trim().to_owned());
            Projection::new(&wanted, [0.0, 0.0])?;
            return Ok(wanted);
        }
        let (zone, south) = if let Some(code) = lower.strip_prefix("epsg:") {
            let code: u16 = code.parse().map_err(|_| unknown())?;
            match code {
                32_601..=32_660 => (code - 32_600, false),
                32_701..=32_760 => (code - 32_700, true),
                _ => return Err(unknown()),
            }
        } else {
            let zone = lower.strip_prefix("utm").ok_or_else(unknown)?;
            let (digits, south) = match zone.strip_suffix('s') {
                Some(digits) => (digits, true),
                None => (zone.strip_suffix('n').ok_or_else(unknown)?, false),
            };
            (digits.parse().map_err(|_| unknown())?, south)
        };
        match u8::try_from(zone) {
            Ok(zone @ 1..=60) => Ok(Self::Utm { zone, south }),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Debug for Projection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Projection").field(&self.key).finish()
    }
}

/// A map projection of longitude and latitude (WGS84).
pub struct Projection {
    from: Proj,
    to: Proj,
    /// As messages name it.
    pub name: String,
    /// As the key `projection` has it.
    pub key: String,
}

impl Projection {
    /// The projection of a trace in degrees whose middle is `center`.
    ///
    /// # Errors
    /// A string that PROJ does not know, a projection without metres, or metres wanted.
    pub fn new(wanted: &Wanted, [lon, lat]: [f64; 2]) -> Result<Self, String> {
        let (definition, name, key) = match wanted {
            Wanted::Metres => return Err("metres are not projected".into()),
            Wanted::Unsaid | Wanted::Centre => {
                let zone = (((lon + 180.0) / 6.0).floor() as i64).clamp(0, 59) + 1;
                utm(zone, lat < 0.0)
            }
            Wanted::Utm { zone, south } => utm(i64::from(*zone), *south),
            Wanted::Proj(text) => (text.clone(), text.clone(), text.clone()),
        };
        let read = |text: &str| {
            Proj::from_proj_string(text).map_err(|e| format!("{EXPECTED}, got {text:?} ({e})"))
        };
        let to = read(&definition)?;
        if to.is_latlong() || to.is_geocent() {
            return Err(format!("must give metres, got {definition:?}"));
        }
        let from = read("+proj=longlat +datum=WGS84 +no_defs")?;
        Ok(Self {
            from,
            to,
            name,
            key,
        })
    }

    /// Longitude and latitude of a place in metres; `None` where the projection has no such place.
    #[must_use]
    pub fn unproject(&self, x_m: f64, y_m: f64) -> Option<[f64; 2]> {
        let mut point = (x_m, y_m, 0.0);
        transform(&self.to, &self.from, &mut point).ok()?;
        let (lon, lat) = (point.0.to_degrees(), point.1.to_degrees());
        (lon.is_finite() && lat.is_finite()).then_some([lon, lat])
    }

    /// Least and most longitude, then latitude, of the corners of a rectangle in metres.
    #[must_use]
    pub fn around(&self, x_m: [f64; 2], y_m: [f64; 2]) -> Option<[[f64; 2]; 2]> {
        let mut around = [[f64::INFINITY, f64::NEG_INFINITY]; 2];
        for x_m in x_m {
            for y_m in y_m {
                let place = self.unproject(x_m, y_m)?;
                for (range, at) in around.iter_mut().zip(place) {
                    *range = [range[0].min(at), range[1].max(at)];
                }
            }
        }
        Some(around)
    }

    /// Metres east and north; `None` where the projection has no such place.
    #[must_use]
    pub fn project(&self, lon: f64, lat: f64) -> Option<[f64; 2]> {
        if lon.abs() > 180.0 || lat.abs() > 90.0 {
            return None;
        }
        let mut point = (lon.to_radians(), lat.to_radians(), 0.0);
        transform(&self.from, &self.to, &mut point).ok()?;
        let (x, y, _) = point;
        (x.abs() <= 1e12 && y.abs() <= 1e12).then_some([x, y])
    }
}

/// What is wrong with a place that a projection cannot show.
pub(crate) fn unprojectable(projection: &Projection, lon: f64, lat: f64) -> String {
    format!(
        "must be longitude and latitude that {} can show, got {lon} and {lat}",
        projection.name
    )
}

/// The definition, the name and the key of a zone.
fn utm(zone: i64, south: bool) -> (String, String, String) {
    let (option, half) = if south { (" +south", 'S') } else { ("", 'N') };
    (
        format!("+proj=utm +zone={zone}{option} +datum=WGS84 +units=m +no_defs"),
        format!("UTM zone {zone}{half}"),
        format!("utm{zone}{}", half.to_ascii_lowercase()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_form_zones_and_their_grid() {
        let munich = Projection::new(&Wanted::Centre, [11.56, 48.13]).unwrap();
        assert_eq!(munich.name, "UTM zone 32N");
        let sydney = Projection::new(&Wanted::Centre, [151.2, -33.87]).unwrap();
        assert_eq!(sydney.name, "UTM zone 56S");
        // the central meridian of zone 32 is 9 degrees east, its false easting 500 km
        let [x, y] = munich.project(9.0, 0.0).unwrap();
        assert!((x - 500_000.0).abs() < 1e-6 && y.abs() < 1e-6);
        // a degree of latitude at the equator: 110.574 km, by the factor 0.9996
        let [_, y] = munich.project(9.0, 1.0).unwrap();
        assert!((y - 110_574.3 * 0.9996).abs() < 1.0, "{y}");
        for (zone, [lon, lat]) in [(&munich, [11.56, 48.13]), (&sydney, [151.2, -33.87])] {
            let [x_m, y_m] = zone.project(lon, lat).unwrap();
            let [again, back] = zone.unproject(x_m, y_m).unwrap();
            assert!((again - lon).hypot(back - lat) < 1e-9, "{again} {back}");
        }
        let [_, y] = sydney.project(151.2, -33.87).unwrap();
        assert!((6_000_000.0..6_500_000.0).contains(&y), "{y}");
    }

    #[test]
    fn closed_form_what_the_key_takes() {
        let zone = |zone, south| Wanted::Utm { zone, south };
        let good = [
            ("none", Wanted::Metres),
            ("UTM", Wanted::Centre),
            ("utm32n", zone(32, false)),
            ("UTM56S", zone(56, true)),
            ("EPSG:32632", zone(32, false)),
            ("epsg:32756", zone(56, true)),
        ];
        for (text, expected) in good {
            assert_eq!(Wanted::parse(text).unwrap(), expected, "{text}");
        }
        assert!(Wanted::parse("+proj=merc +a=6378137 +b=6378137").is_ok());
        for text in [
            "",
            "utm0n",
            "utm61n",
            "utm32",
            "EPSG:4326",
            "+proj=longlat",
            "+proj=nonsense",
            "x",
        ] {
            assert!(Wanted::parse(text).is_err(), "{text}");
        }
    }
}
