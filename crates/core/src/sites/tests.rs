//! Tables that people have, against what they hold; and damage.

use super::*;
use crate::rng::Streams;
use crate::scenario::SiteColumns;

fn area() -> Area {
    Area {
        x_min_m: 0.0,
        y_min_m: 0.0,
        x_max_m: 1000.0,
        y_max_m: 1000.0,
    }
}

fn template() -> Rsu {
    Rsu {
        range_m: 300.0,
        cpu_hz: 1e9,
        ..Rsu::default()
    }
}

fn plan<'a>(sites: &'a Sites, template: &'a Rsu, area: &'a Area) -> Plan<'a> {
    Plan {
        sites,
        template,
        area,
        projection: None,
    }
}

/// The text columns `name` and `kind`, and `x` and `y` as `type_of`, as Parquet.
fn parquet(type_of: &str, rows: &[(Option<&str>, [f64; 2])]) -> Vec<u8> {
    use ::parquet::data_type::{ByteArray, ByteArrayType, DoubleType, FloatType, Int32Type};
    use ::parquet::file::writer::SerializedFileWriter;
    use std::sync::Arc;

    let schema = format!(
        "message sites {{ optional binary name (UTF8); required {type_of} x; required {type_of} y; }}"
    );
    let schema = ::parquet::schema::parser::parse_message_type(&schema).unwrap();
    let mut bytes = Vec::new();
    let mut writer =
        SerializedFileWriter::new(&mut bytes, Arc::new(schema), Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let names: Vec<ByteArray> = rows
        .iter()
        .filter_map(|(name, _)| Some(ByteArray::from((*name)?)))
        .collect();
    let levels: Vec<i16> = rows
        .iter()
        .map(|(name, _)| i16::from(name.is_some()))
        .collect();
    let mut column = group.next_column().unwrap().unwrap();
    column
        .typed::<ByteArrayType>()
        .write_batch(&names, Some(&levels), None)
        .unwrap();
    column.close().unwrap();
    for axis in 0..2 {
        let mut column = group.next_column().unwrap().unwrap();
        let values = rows.iter().map(|(_, place)| place[axis]);
        let written = match type_of {
            "double" => {
                let values: Vec<_> = values.collect();
                column
                    .typed::<DoubleType>()
                    .write_batch(&values, None, None)
            }
            "float" => {
                let values: Vec<_> = values.map(|value| value as f32).collect();
                column.typed::<FloatType>().write_batch(&values, None, None)
            }
            _ => {
                let values: Vec<_> = values.map(|value| value as i32).collect();
                column.typed::<Int32Type>().write_batch(&values, None, None)
            }
        };
        written.unwrap();
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
    bytes
}

#[test]
fn oracle_sites_as_parquet_are_those_of_the_same_csv() {
    let rows = [
        (Some("a, \"b\""), [125.0, 250.5]),
        (Some("c"), [0.0, 1000.0]),
        (Some("=1"), [5e6, 0.0]),
    ];
    let csv = "name,x,y\n\"a, \"\"b\"\"\",125,250.5\nc,0,1000\n=1,5e6,0\n";
    let expected = places(csv.as_bytes(), &Sites::default()).unwrap();
    for type_of in ["double", "float"] {
        let found = places(&parquet(type_of, &rows), &Sites::default()).unwrap();
        assert_eq!(found, expected, "{type_of}");
    }
    let whole = [(Some("a"), [1.0, 2.0]), (Some("b"), [3.0, 4.0])];
    let found = places(&parquet("int32", &whole), &Sites::default()).unwrap();
    assert_eq!(found.0[1], ("b".to_owned(), 3.0, 4.0));
}

#[test]
fn property_damaged_parquet_is_refused_and_never_panics() {
    let rows = [(Some("a"), [1.0, 2.0]), (None, [3.0, 4.0])];
    let bytes = parquet("double", &rows);
    let refused = |bytes: &[u8]| match places(bytes, &Sites::default()) {
        Ok(_) => None,
        Err(error) => Some(error.to_string()),
    };
    // a site without a name
    let message = refused(&bytes).unwrap();
    assert!(message.starts_with("s.csv:3: name: "), "{message}");
    let message = refused(&bytes[..bytes.len() / 2]).unwrap();
    assert!(message.contains("cut off or damaged"), "{message}");
    let mut rng = Streams::new(11).stream("mutations");
    for _ in 0..2000 {
        let mut bytes = bytes.clone();
        for _ in 0..1 + rng.below(3) {
            let at = rng.below(bytes.len());
            bytes[at] = rng.below(256) as u8;
        }
        refused(&bytes);
    }
}

type Place = (String, f64, f64);

fn places(text: &[u8], sites: &Sites) -> Result<(Vec<Place>, SiteReport)> {
    let (rsus, report) = from_bytes("s.csv", text.to_vec(), plan(sites, &template(), &area()))?;
    assert!(rsus.iter().all(|rsu| rsu.cpu_hz.total_cmp(&1e9).is_eq()));
    let place = |rsu: Rsu| (rsu.id, rsu.x_m, rsu.y_m);
    Ok((rsus.into_iter().map(place).collect(), report))
}

fn refused(text: &str, sites: &Sites) -> String {
    match places(text.as_bytes(), sites) {
        Ok(found) => panic!("must be an error: {found:?}"),
        Err(Error::Invalid(problems)) => problems.to_string(),
        Err(other) => panic!("{other}"),
    }
}

fn names(text: &str, sites: &Sites) -> Vec<String> {
    let (rsus, _) = places(text.as_bytes(), sites).unwrap_or_else(|e| panic!("{text}: {e}"));
    rsus.into_iter().map(|(id, ..)| id).collect()
}

/// In a transverse Mercator whose origin is the corner of the map.
fn local() -> Sites {
    Sites {
        projection: Some("+proj=tmerc +lat_0=48.1 +lon_0=11.5 +datum=WGS84 +units=m".into()),
        ..Sites::default()
    }
}

#[test]
fn closed_form_metres_names_and_the_margin() {
    let text =
        "name;x;y;height\nA;0;10;3\nB;1000;1000;3\nC;1299;500;3\nD;1301;500;3\nE;1250;1250;3\n";
    let (rsus, report) = places(text.as_bytes(), &Sites::default()).unwrap();
    let expected = [
        ("A", 0.0, 10.0),
        ("B", 1000.0, 1000.0),
        ("C", 1299.0, 500.0),
    ];
    assert_eq!(rsus, expected.map(|(id, x, y)| (id.to_owned(), x, y)));
    // 250 m to the east and to the north are 354 m away
    assert_eq!((report.rows, report.kept, report.left_out), (5, 3, 2));
    assert_eq!(
        report.to_string(),
        "3 RSUs of 5 rows of s.csv (metres), 2 left out: more than 300 m from the map"
    );
    let near = Sites {
        margin_m: Some(1.0),
        ..Sites::default()
    };
    assert_eq!(names(text, &near), ["A", "B"]);
    assert_eq!(names("x_m,y_m\n1,2\n3,4\n", &near), ["r0", "r1"]);
    let none = refused("x,y\n5000,0\n-9000,2\n", &near);
    assert_eq!(
        none,
        "s.csv: must have a site at most 1 m from the map (x 0 to 1000 m, y 0 to 1000 m), got none in 2 rows"
    );
}

#[test]
fn closed_form_tables_that_are_known() {
    let cells = "LTE,262,2,801,86355,0,11.505,48.105,1000,7,1,1,2,0\nLTE,262,2,801,86356,0,11.506,48.105,1000,7,1,1,2,0\n";
    let header = "radio,mcc,net,area,cell,unit,lon,lat,range,samples,changeable,created,updated,averageSignal\n";
    for text in [format!("{header}{cells}"), cells.to_owned()] {
        assert_eq!(
            names(&text, &local()),
            ["262-2-801-86355", "262-2-801-86356"]
        );
        let (rsus, report) = places(text.as_bytes(), &local()).unwrap();
        // 0.005 degrees at 48.1 degrees north: 372 m and 556 m
        assert!(
            (rsus[0].1 - 372.3).abs() < 1.0 && (rsus[0].2 - 556.0).abs() < 1.0,
            "{rsus:?}"
        );
        assert_eq!(report.format, "OpenCelliD, degrees");
    }
    let eua = "SITE_ID,LATITUDE,LONGITUDE,NAME,STATE,LICENSING_AREA_ID,POSTCODE,SITE_PRECISION,ELEVATION,HCIS_L2\n\
               10000910,48.101,11.502,\"Optus, 14 Q St\",VIC,4,3000,Within 10 meters,,KX3B\n";
    assert_eq!(names(eua, &local()), ["10000910"]);
    let telecom = "month,date,start time,end time,latitude,longitude,user id\n\
                   2014/6/1,1,08:00,08:05,48.101,11.502,u1\n2014/6/1,1,08:10,08:15,48.101,11.502,u2\n";
    assert!(
        refused(telecom, &local())
            .contains("s.csv:3: longitude: must be a place of its own, got that of line 2")
    );
    let merged = Sites {
        merge: true,
        ..local()
    };
    assert_eq!(names(telecom, &merged), ["r0"]);
    let (_, report) = places(telecom.as_bytes(), &merged).unwrap();
    assert_eq!(report.merged, 1);
    let columns = SiteColumns {
        id: Some("station".into()),
        lon: Some("E".into()),
        lat: Some("N".into()),
        ..SiteColumns::default()
    };
    let mapped = Sites {
        columns: Some(Box::new(columns)),
        ..local()
    };
    assert_eq!(
        names("E|N|station|x|y\n11.501|48.101|S|9|9\n", &mapped),
        ["S"]
    );
    let missing = refused("E,station,x,y\n1,2,3,4\n", &mapped);
    assert!(
        missing.contains("s.csv:1: must have a column \"N\", got \"E\", \"station\""),
        "{missing}"
    );
}

#[test]
fn property_every_problem_is_named_with_its_line() {
    let text = "id,x,y\na,1,2\nb,,2\nc,NaN,2\nd,5,inf\na,6,6\nf,1,2\n\"\",8,8\nh,9,1e13\n";
    let found = refused(text, &Sites::default());
    for line in [
        "s.csv:3: x: must be a number between -1e12 and 1e12, got nothing",
        "s.csv:4: x: must be a number between -1e12 and 1e12, got \"NaN\"",
        "s.csv:5: y: must be a number between -1e12 and 1e12, got \"inf\"",
        "s.csv:6: id: \"a\" is taken already, in line 2",
        "s.csv:7: x: must be a place of its own, got that of line 2; rsu.merge = true",
        "s.csv:8: id: must not be empty",
        "s.csv:9: y: must be a number between -1e12 and 1e12, got \"1e13\"",
    ] {
        assert!(found.contains(line), "{line}\n{found}");
    }
    assert_eq!(found.lines().count(), 7, "{found}");
    let cases = [
        ("", "s.csv:1: must begin with a header, got nothing"),
        (
            "id,x\na,1\n",
            "must have columns lon and lat or x and y, got \"id\", \"x\"; rsu.columns can name others",
        ),
        (
            "x,y\n1,2,3\n",
            "s.csv:2: must have 2 columns like the header, got 3",
        ),
        (
            "lon,lat\n1,2\n",
            "s.csv:1: has longitudes and latitudes, and the map is in metres",
        ),
        ("PAR1", "s.csv: cut off or damaged"),
    ];
    for (text, message) in cases {
        let found = refused(text, &Sites::default());
        assert!(found.contains(message), "{message}\n{found}");
    }
    for wrong in ["none", "utm", "Atlantis"] {
        let sites = Sites {
            projection: Some(wrong.into()),
            ..Sites::default()
        };
        let found = refused("lon,lat\n1,2\n", &sites);
        assert!(found.contains("rsu.projection: must be"), "{found}");
    }
}

#[test]
fn oracle_the_file_of_a_table_gives_what_its_bytes_give() {
    let folder = tempfile::tempdir().unwrap();
    let text = "id,x,y\na,1,2\nb,3,4\n";
    let expected = places(text.as_bytes(), &Sites::default()).unwrap().0;
    let packed = {
        use std::io::Write as _;
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(text.as_bytes()).unwrap();
        gzip.finish().unwrap()
    };
    for bytes in [
        text.as_bytes(),
        &packed,
        format!("\u{feff}{text}").as_bytes(),
    ] {
        let sites = Sites {
            path: folder.path().join("sites.csv"),
            ..Sites::default()
        };
        std::fs::write(&sites.path, bytes).unwrap();
        let (rsus, _) = read(plan(&sites, &template(), &area())).unwrap();
        let place = |rsu: Rsu| (rsu.id, rsu.x_m, rsu.y_m);
        assert_eq!(rsus.into_iter().map(place).collect::<Vec<_>>(), expected);
    }
}

#[test]
fn property_damaged_tables_never_panic() {
    let seeds = [
        "id,x,y\na,1,2\nb,30,4\nc,500,600\n",
        "radio,mcc,net,area,cell,unit,lon,lat,range,samples,changeable,created,updated,averageSignal\n\
         LTE,262,2,801,86355,0,11.505,48.105,1000,7,1,1,2,0\n",
        "\u{feff}SITE_ID;LATITUDE;LONGITUDE\n\"1;0\";48.101;11.502\n",
    ];
    let mut random = Streams::new(1).stream("fuzz");
    for case in 0..4000 {
        let mut bytes = seeds[case % seeds.len()].as_bytes().to_vec();
        for _ in 0..=random.below(3) {
            let at = random.below(bytes.len());
            match random.below(4) {
                0 | 1 => bytes[at] ^= 1 << random.below(8),
                2 => bytes.truncate(at.max(1)),
                _ => {
                    let other = seeds[random.below(seeds.len())].as_bytes();
                    let from = random.below(other.len());
                    let until = from + random.below((other.len() - from).min(64));
                    bytes.splice(at..at, other[from..until].iter().copied());
                }
            }
        }
        let merge = case % 2 == 0;
        match places(&bytes, &Sites { merge, ..local() }) {
            Ok((rsus, _)) => assert!(rsus.iter().all(|(_, x, y)| x.is_finite() && y.is_finite())),
            Err(Error::Invalid(_)) => {}
            Err(error) => panic!("a damaged file is not a failing disk: {error}"),
        }
    }
}
