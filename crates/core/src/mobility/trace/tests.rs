//! The four formats against each other, against hand-made traces, and against damage.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::parquet::data_type::{ByteArray, ByteArrayType, DoubleType, FloatType};
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::parser::parse_message_type;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

mod cases;
mod import;
mod malformed;
use crate::rng::Streams;

fn options(source: FcdSource) -> Fcd {
    Fcd::new(source)
}

fn memory() -> Fcd {
    options(FcdSource::Builtin("test"))
}

fn corpus(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/corpus/fcd")
        .join(name)
}

/// A real trace, unless this checkout has none.
fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data/mobility")
        .join(name);
    if !path.exists() {
        println!("skipped: no {}", path.display());
        return None;
    }
    Some(path)
}

/// Positions at `times` after the start, as `(key, x, y)`.
fn at(mut trace: FcdTrace, times: &[f64]) -> Result<Vec<Vec<(u64, f64, f64)>>> {
    let mut out = Positions::default();
    times
        .iter()
        .map(|&time_s| {
            trace.advance(time_s, &mut out)?;
            let xy = out.x_m.iter().zip(&out.y_m);
            Ok(out
                .key
                .iter()
                .zip(xy)
                .map(|(key, (&x, &y))| (key.0, x, y))
                .collect())
        })
        .collect()
}

fn message(result: Result<impl Sized>) -> String {
    match result {
        Ok(_) => panic!("must be an error"),
        Err(Error::Invalid(problems)) => problems.to_string(),
        Err(error) => panic!("must be the input's fault: {error}"),
    }
}

fn read_all(name: &str, bytes: &[u8], fcd: &Fcd) -> Result<Extent> {
    FcdTrace::from_bytes(name, bytes.to_vec(), fcd)?.into_extent()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

type Row<'a> = (f64, Option<&'a str>, f64, f64, &'a str);

const TINY: [Row<'static>; 9] = [
    (10.0, Some("a"), 0.0, 0.0, "car"),
    (10.0, Some("b&1"), 10.0, 0.0, "bus"),
    (11.0, Some("a"), 2.0, 4.0, "car"),
    (12.0, None, f64::NAN, f64::NAN, ""),
    (13.0, Some("c"), -7.25, 100.0, "bus"),
    (13.0, Some("b&1"), 30.0, 5.0, "bus"),
    (13.0, Some("a"), 6.0, 8.0, "car"),
    (14.0, Some("b&1"), 31.0, 5.0, "bus"),
    (14.0, Some("c"), -7.25, 100.5, "bus"),
];

/// Writes rows as SUMO does, with places as doubles or floats and null where there is no vehicle.
fn as_parquet(rows: &[Row<'_>], rows_per_group: usize, number: &str) -> Vec<u8> {
    let schema = format!(
        "message fcd {{
            required double timestep_time;
            optional binary vehicle_id (UTF8);
            optional {number} vehicle_x;
            optional {number} vehicle_y;
            required binary vehicle_type (UTF8);
        }}"
    );
    let schema = Arc::new(parse_message_type(&schema).unwrap());
    let properties = Arc::new(WriterProperties::builder().build());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, properties).unwrap();
    for rows in rows.chunks(rows_per_group) {
        let mut group = writer.next_row_group().unwrap();
        let levels: Vec<i16> = rows.iter().map(|row| i16::from(row.1.is_some())).collect();
        let present = || rows.iter().filter(|row| row.1.is_some());
        for column in 0..5 {
            let mut out = group.next_column().unwrap().unwrap();
            let written = match column {
                0 => {
                    let times: Vec<f64> = rows.iter().map(|row| row.0).collect();
                    out.typed::<DoubleType>().write_batch(&times, None, None)
                }
                1 => {
                    let ids = present().filter_map(|row| row.1).map(ByteArray::from);
                    let ids: Vec<_> = ids.collect();
                    out.typed::<ByteArrayType>()
                        .write_batch(&ids, Some(&levels), None)
                }
                4 => {
                    let types: Vec<_> = rows.iter().map(|row| ByteArray::from(row.4)).collect();
                    out.typed::<ByteArrayType>().write_batch(&types, None, None)
                }
                _ => {
                    let place = |row: &Row<'_>| if column == 2 { row.2 } else { row.3 };
                    let doubles: Vec<f64> = present().map(place).collect();
                    if number == "double" {
                        out.typed::<DoubleType>()
                            .write_batch(&doubles, Some(&levels), None)
                    } else {
                        let singles: Vec<f32> = doubles.iter().map(|&x| x as f32).collect();
                        out.typed::<FloatType>()
                            .write_batch(&singles, Some(&levels), None)
                    }
                }
            };
            written.unwrap();
            out.close().unwrap();
        }
        group.close().unwrap();
    }
    writer.into_inner().unwrap()
}

#[test]
#[ignore = "writes the binary files of the corpus"]
fn write_corpus() {
    std::fs::write(corpus("ok_tiny.parquet"), as_parquet(&TINY, 4, "double")).unwrap();
}

#[test]
fn closed_form_places_keys_and_gaps_in_every_format() {
    let expected = vec![
        vec![(0, 0.0, 0.0), (1, 10.0, 0.0)],
        // b is gone in the next step and waits for it
        vec![(0, 1.0, 2.0), (1, 10.0, 0.0)],
        vec![(0, 2.0, 4.0)],
        // a is gone from the step at 12 s, too
        vec![(0, 2.0, 4.0)],
        vec![],
        // back on the map with new keys, in the order of the file
        vec![(2, -7.25, 100.0), (3, 30.0, 5.0), (4, 6.0, 8.0)],
        vec![(2, -7.25, 100.25), (3, 30.5, 5.0), (4, 6.0, 8.0)],
        vec![(2, -7.25, 100.5), (3, 31.0, 5.0)],
    ];
    let times = [0.0, 0.5, 1.0, 1.75, 2.0, 3.0, 3.5, 4.0];
    for name in [
        "ok_tiny.csv",
        "ok_tiny.csv.gz",
        "ok_tiny.xml",
        "ok_tiny.xml.gz",
        "ok_tiny.parquet",
    ] {
        let trace = FcdTrace::open(&options(FcdSource::File(corpus(name)))).unwrap();
        assert_eq!(at(trace, &times).unwrap(), expected, "{name}");
    }
    for (group, number) in [(1, "double"), (2, "float"), (100, "float")] {
        let bytes = as_parquet(&TINY, group, number);
        let trace = FcdTrace::from_bytes("memory", bytes, &memory()).unwrap();
        assert_eq!(at(trace, &times).unwrap(), expected, "{group} {number}");
    }
}

#[test]
fn closed_form_extent() {
    let extent = extent(&options(FcdSource::File(corpus("ok_tiny.csv")))).unwrap();
    let expected = Extent {
        x_min_m: -7.25,
        y_min_m: 0.0,
        x_max_m: 31.0,
        y_max_m: 100.5,
        first_s: 10.0,
        last_s: 14.0,
        steps: 5,
        max_vehicles: 3,
        mean_vehicles: 8.0 / 5.0,
    };
    assert_eq!(extent, expected);
}

#[test]
fn closed_form_begin_types_and_every() {
    let source = FcdSource::File(corpus("ok_tiny.xml"));
    let with = |begin_s, types: &[&str], every| Fcd {
        begin_s,
        vehicle_types: types.iter().map(ToString::to_string).collect(),
        every,
        ..options(source.clone())
    };
    let places = |fcd: &Fcd, times: &[f64]| at(FcdTrace::open(fcd)?, times);

    let fcd = with(Some(10.5), &[], 1);
    let expected = vec![vec![(0, 1.0, 2.0), (1, 10.0, 0.0)], vec![(0, 2.0, 4.0)]];
    assert_eq!(places(&fcd, &[0.0, 0.5]).unwrap(), expected);

    let fcd = with(Some(13.0), &["bus"], 1);
    let expected = vec![vec![(0, -7.25, 100.0), (1, 30.0, 5.0)]];
    assert_eq!(places(&fcd, &[0.0]).unwrap(), expected);

    // appearances a b | c b a: the first, third and fifth are kept
    let fcd = with(None, &[], 2);
    let expected = vec![vec![(0, 0.0, 0.0)], vec![(1, -7.25, 100.0), (2, 6.0, 8.0)]];
    assert_eq!(places(&fcd, &[0.0, 3.0]).unwrap(), expected);

    let early = message(places(&with(Some(9.0), &[], 1), &[]));
    assert!(
        early.ends_with("begin_s: the trace begins at 10 s, got 9"),
        "{early}"
    );
    let late = message(places(&with(Some(15.0), &[], 1), &[]));
    assert!(
        late.ends_with("begin_s: the trace ends at 14 s, got 15"),
        "{late}"
    );
    let over = message(places(&with(Some(13.0), &[], 1), &[0.0, 1.0, 2.0]));
    assert!(
        over.ends_with("xml: fleet.mobility: the trace ends at 14 s, 15 s was asked for"),
        "{over}"
    );
    let nobody = message(extent(&with(None, &["tram"], 1)));
    assert!(nobody.contains("must have a vehicle"), "{nobody}");
}

#[test]
fn closed_form_columns_in_any_order_quotes_crlf_and_bom() {
    let csv = "\u{feff}vehicle_y;vehicle_id;vehicle_x;timestep_time\r\n4;\"a;b\";3;1.0\r\n6;\"a;b\";5;2.0";
    let trace = FcdTrace::from_bytes("memory", csv.into(), &memory()).unwrap();
    assert_eq!(
        at(trace, &[0.0, 0.5]).unwrap(),
        [[(0, 3.0, 4.0)], [(0, 4.0, 5.0)]]
    );
}

const HEADER: &str = "timestep_time;vehicle_id;vehicle_x;vehicle_y\n";

fn assert_starts(got: &str, expected: &str) {
    assert!(got.starts_with(expected), "{got}\nshould start {expected}");
}

#[test]
fn property_a_file_cut_off_anywhere_is_an_error() {
    let whole = |name| std::fs::read(corpus(name)).unwrap();
    for name in [
        "ok_tiny.xml",
        "ok_tiny.xml.gz",
        "ok_tiny.csv.gz",
        "ok_tiny.parquet",
    ] {
        let bytes = whole(name);
        // the line break that ends the file may be missing
        for n in 0..bytes.len() - 1 {
            message(read_all(name, &bytes[..n], &memory()));
        }
    }
    // a CSV file has no mark of its end, only of the ends of its rows
    let bytes = whole("ok_tiny.csv");
    let row = bytes.iter().rposition(|&byte| byte == b'1').unwrap();
    let short = message(read_all("t.csv", &bytes[..row - 8], &memory()));
    assert_starts(&short, "t.csv:10: must have 5 columns like the header");
}

#[test]
fn property_memory_does_not_grow_with_the_trace() {
    let steps = 20_000;
    let mut csv = HEADER.to_owned();
    let mut xml = "<fcd-export>\n".to_owned();
    let mut ids = Vec::new();
    for step in 0..steps {
        writeln!(xml, "<timestep time=\"{step}\">").unwrap();
        // every step somebody comes and somebody leaves
        for vehicle in step..step + 10 {
            writeln!(csv, "{step};veh{vehicle:06};{vehicle};0").unwrap();
            writeln!(
                xml,
                "<vehicle id=\"veh{vehicle:06}\" x=\"{vehicle}\" y=\"0\"/>"
            )
            .unwrap();
        }
        writeln!(xml, "</timestep>").unwrap();
        ids.push(format!("veh{step:06}"));
    }
    writeln!(xml, "</fcd-export>").unwrap();
    let rows: Vec<Row<'_>> = (0u32..)
        .zip(&ids)
        .map(|(t, id)| (f64::from(t), Some(id.as_str()), 0.0, 0.0, "car"))
        .collect();
    for bytes in [
        csv.into_bytes(),
        xml.into_bytes(),
        as_parquet(&rows, 5000, "double"),
    ] {
        let mut trace = FcdTrace::from_bytes("long", bytes, &memory()).unwrap();
        let mut out = Positions::default();
        let mut held = Vec::new();
        for second in 0..u32::try_from(steps).unwrap() {
            trace.advance(f64::from(second), &mut out).unwrap();
            held.push(trace.now.capacity_bytes() + trace.next.capacity_bytes());
        }
        assert!(trace.appeared >= 20_000);
        assert_eq!(held[10], held[steps - 1]);
        assert!(held[10] < 10_000, "{} bytes", held[10]);
    }
}

#[test]
fn property_damaged_files_never_panic() {
    let seeds: Vec<Vec<u8>> = [
        "ok_tiny.csv",
        "ok_tiny.csv.gz",
        "ok_tiny.xml",
        "ok_tiny.xml.gz",
        "ok_tiny.parquet",
    ]
    .iter()
    .map(|name| std::fs::read(corpus(name)).unwrap())
    .collect();
    let mut random = Streams::new(1).stream("fuzz");
    for case in 0..4000 {
        let mut bytes = seeds[case % seeds.len()].clone();
        for _ in 0..=random.below(3) {
            let at = random.below(bytes.len());
            match random.below(4) {
                0 | 1 => bytes[at] ^= 1 << random.below(8),
                2 => bytes.truncate(at.max(1)),
                _ => {
                    let other = &seeds[random.below(seeds.len())];
                    let from = random.below(other.len());
                    let until = from + random.below((other.len() - from).min(64));
                    bytes.splice(at..at, other[from..until].iter().copied());
                }
            }
        }
        match read_all("damaged", &bytes, &memory()) {
            Ok(extent) => assert!(extent.x_max_m.is_finite() && extent.steps > 0),
            Err(Error::Invalid(_)) => {}
            Err(error) => panic!("a damaged file is not a failing disk: {error}"),
        }
    }
}

#[test]
fn oracle_sumo_wrote_the_same_trace_in_every_format() {
    // SUMO rounds to centimetres in text, not in Parquet
    let cases = [
        ("grid1200x1600_t540-600.fcd.csv", 0.0),
        ("grid1200x1600_t540-600.fcd.csv.gz", 0.0),
        ("grid1200x1600_t300-600.fcd.xml.gz", 0.0),
        ("grid1200x1600_t540-600.fcd.parquet", 0.005 + 1e-9),
    ];
    let times: Vec<f64> = (0..=118).map(|i| f64::from(i) * 0.5).collect();
    let builtin = FcdTrace::open(&options(FcdSource::Builtin("city-grid"))).unwrap();
    let expected = at(builtin, &times).unwrap();
    for (name, tolerance_m) in cases {
        let Some(path) = shared(name) else { continue };
        let fcd = Fcd {
            begin_s: Some(540.0),
            ..options(FcdSource::File(path))
        };
        let got = at(FcdTrace::open(&fcd).unwrap(), &times).unwrap();
        for (got, expected) in got.iter().zip(&expected) {
            assert_eq!(got.len(), expected.len(), "{name}");
            for (a, b) in got.iter().zip(expected) {
                let off_m = (a.1 - b.1).abs().max((a.2 - b.2).abs());
                assert!(a.0 == b.0 && off_m <= tolerance_m, "{name}: {a:?} {b:?}");
            }
        }
    }
}

#[test]
fn oracle_vehicles_at_once_in_the_real_traces() {
    for (name, mean, max) in [
        ("grid1200x1600_t300-600.fcd.xml.gz", 329.0, 344),
        ("bologna_acosta_t300-600.fcd.xml.gz", 535.0, 564),
        ("cologne8_t900-1200.fcd.xml.gz", 97.0, 111),
        ("ingolstadt7_t2700-3000.fcd.xml.gz", 152.0, 176),
    ] {
        let Some(path) = shared(name) else { continue };
        let extent = extent(&options(FcdSource::File(path))).unwrap();
        assert_eq!(extent.max_vehicles, max, "{name}");
        assert!(
            (extent.mean_vehicles - mean).abs() <= 0.5,
            "{name}: {extent:?}"
        );
        assert_eq!(extent.steps, 300, "{name}");
    }
}

#[test]
#[ignore = "a measurement: cargo test --release -p wayside-core -- --ignored --nocapture speed"]
fn speed() {
    let Some(csv) = shared("grid1200x1600_t540-600.fcd.csv") else {
        return;
    };
    let small = std::fs::read(csv).unwrap();
    // the same minute over and over, later each time
    let text = String::from_utf8(small).unwrap();
    let (header, body) = text.split_once('\n').unwrap();
    let mut long = format!("{header}\n");
    for minute in 0..60 {
        for line in body.lines() {
            let (time, rest) = line.split_once(';').unwrap();
            let time = time.parse::<f64>().unwrap() + 60.0 * f64::from(minute);
            writeln!(long, "{time:.2};{rest}").unwrap();
        }
    }
    let mut xml = Vec::new();
    if let Some(path) = shared("bologna_acosta_t300-600.fcd.xml.gz") {
        let bytes = std::fs::read(path).unwrap();
        std::io::Read::read_to_end(&mut flate2::read::MultiGzDecoder::new(&bytes[..]), &mut xml)
            .unwrap();
    }
    let table: Vec<Vec<&str>> = long
        .lines()
        .skip(1)
        .map(|l| l.split(';').collect())
        .collect();
    let number = |text: &str| text.parse::<f64>().unwrap();
    let rows: Vec<Row<'_>> = table
        .iter()
        .map(|r| (number(r[0]), Some(r[1]), number(r[2]), number(r[3]), r[5]))
        .collect();
    let columnar = as_parquet(&rows, 1 << 18, "double");
    let as_text = long.len();
    for (name, bytes, text_bytes) in [
        ("csv", long.as_bytes().to_vec(), as_text),
        ("csv.gz", gzip(long.as_bytes()), as_text),
        ("xml", xml.clone(), xml.len()),
        ("xml.gz", gzip(&xml), xml.len()),
        ("parquet", columnar, as_text),
    ] {
        let start = std::time::Instant::now();
        let extent = read_all(name, &bytes, &memory()).unwrap();
        let seconds = start.elapsed().as_secs_f64();
        let rows = extent.mean_vehicles * extent.steps as f64;
        println!(
            "{name}: {:.0} MB/s of text, {:.2} million rows/s",
            text_bytes as f64 / seconds / 1e6,
            rows / seconds / 1e6
        );
    }
}
