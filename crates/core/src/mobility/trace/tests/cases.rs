//! Traces that people have: each kind of fault that they met, with more inputs than its case.

use super::*;
use crate::mobility::trace::projection::{Projection, Wanted};
use crate::mobility::trace::report::Report;

fn case(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/corpus/trace")
        .join(name)
}

fn of(name: &str) -> Fcd {
    options(FcdSource::File(case(name)))
}

fn read(name: &str) -> Report {
    report(&of(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Names and places in the first step.
fn start(bytes: &[u8], fcd: &Fcd) -> Vec<(String, f64, f64)> {
    let trace = FcdTrace::from_bytes("memory", bytes.to_vec(), fcd).unwrap();
    let Known { step, kept, .. } = &trace.now;
    let name = |i: usize| String::from_utf8_lossy(step.id(i)).into_owned();
    kept.iter()
        .map(|&i| (name(i), step.x_m[i], step.y_m[i]))
        .collect()
}

fn refused(bytes: &[u8], fcd: &Fcd) -> String {
    message(FcdTrace::from_bytes("t", bytes.to_vec(), fcd).and_then(FcdTrace::into_extent))
}

#[test]
fn oracle_case_01_persons_and_containers_are_no_vehicles_in_any_format() {
    for name in ["01-fcd.xml", "01-fcd.csv"] {
        let report = read(name);
        assert_eq!((report.vehicles, report.left_out), (1, 3), "{name}");
        assert!(
            report
                .to_string()
                .contains("left out: 3 persons and containers")
        );
    }
    // told by lane and edge alone, by the type alone, and not at all where no vehicle has a lane
    let by_lane = "time;id;x;y;type;lane;edge\n0;a;0;0;car;;E\n0;b;5;0;car;L;\n1;a;9;9;car;;E\n1;b;9;0;car;L;\n";
    assert_eq!(
        start(by_lane.as_bytes(), &memory()),
        [("b".into(), 5.0, 0.0)]
    );
    let by_type =
        "time,id,x,y,type\n0,a,0,0,DEFAULT_PEDTYPE\n0,b,5,0,car\n0,c,7,7,DEFAULT_CONTAINERTYPE\n";
    assert_eq!(
        start(by_type.as_bytes(), &memory()),
        [("b".into(), 5.0, 0.0)]
    );
    let meso = "time,id,x,y,lane,edge\n0,a,0,0,,E\n0,b,5,0,,E\n";
    assert_eq!(start(meso.as_bytes(), &memory()).len(), 2);
}

#[test]
fn closed_form_case_03_degrees_are_projected() {
    let report = read("03-fcd.xml");
    assert_eq!(report.projection.as_deref(), Some("UTM zone 32N"));
    let extent = report.extent;
    // 0.006 degrees east and 0.0045 north at 48.13 degrees: 446 m and 500 m
    assert!(
        (extent.x_max_m - extent.x_min_m - 446.0).abs() < 20.0,
        "{extent:?}"
    );
    assert!(
        (extent.y_max_m - extent.y_min_m - 500.0).abs() < 20.0,
        "{extent:?}"
    );
    let text = std::fs::read_to_string(case("03-fcd.xml")).unwrap();
    let silent = text.replace("fcd-output.geo", "fcd-output");
    let trace = FcdTrace::from_bytes("silent", silent.into(), &memory()).unwrap();
    assert!(trace.projection.is_some());

    let rows = "0,a,13.40,52.52\n0,b,13.41,52.52\n1,a,13.4001,52.52\n1,b,13.41,52.52\n";
    let named = |header: &str| format!("{header}\n{rows}").into_bytes();
    let zone = Projection::new(&Wanted::Centre, [13.405, 52.52]).unwrap();
    let [x, y] = zone.project(13.40, 52.52).unwrap();
    for header in [
        "t,id,lon,lat",
        "time,id,x,y",
        "timestamp,taxi_id,Longitude,Latitude",
    ] {
        let got = start(&named(header), &memory());
        assert!(
            (got[0].1 - x).hypot(got[0].2 - y) < 1.0,
            "{header}: {got:?}"
        );
    }
    let swapped = "t,id,lat,lon\n0,a,52.52,13.40\n0,b,52.52,13.41\n";
    let got = start(swapped.as_bytes(), &memory());
    assert!((got[0].1 - x).hypot(got[0].2 - y) < 1.0, "{got:?}");
    // on request, in another zone or none
    let with = |projection: &str| Fcd {
        projection: Some(projection.into()),
        ..memory()
    };
    assert!((start(&named("time,id,x,y"), &with("none"))[0].1 - 13.40).abs() < 1e-9);
    let far = start(&named("time,id,x,y"), &with("EPSG:32632"))[0].1;
    let near = Projection::new(
        &Wanted::Utm {
            zone: 32,
            south: false,
        },
        [0.0, 0.0],
    )
    .unwrap();
    assert!((far - near.project(13.40, 52.52).unwrap()[0]).abs() < 1e-6);
    let wrong = refused(&named("time,id,x,y"), &with("EPSG:4326"));
    assert!(
        wrong.contains("fleet.mobility.projection: must be \"none\""),
        "{wrong}"
    );
}

#[test]
fn closed_form_case_03_metres_stay_metres_and_doubt_is_refused() {
    let metres = [
        "time,id,x,y\n0,a,0,0\n0,b,100,50\n",
        // in the range of degrees and close together, but far too fast for them
        "time,id,x,y\n0,a,0,0\n1,a,0.5,0.5\n",
        "time,id,x,y\n0,a,0,0\n1,a,0,0\n",
    ];
    for text in metres {
        let trace = FcdTrace::from_bytes("t", text.into(), &memory()).unwrap();
        assert!(trace.projection.is_none(), "{text}");
    }
    let doubt = refused(b"time,id,x,y\n0,a,10.1,50.2\n0,b,10.2,50.2\n", &memory());
    assert!(doubt.contains("they may be metres or degrees"), "{doubt}");
    let beyond = refused(b"time,id,lon,lat\n0,a,10.1,50.2\n0,b,10.2,95\n", &memory());
    assert!(
        beyond.contains("must be longitude and latitude"),
        "{beyond}"
    );
}

#[test]
fn regress_a_jump_of_15_m_in_100_ms_does_not_turn_degrees_into_metres() {
    let mut text = String::from("time,id,x,y\n");
    for i in 0..40 {
        let x = 10.1 + 2e-5 * f64::from(i) + if i >= 20 { 2e-4 } else { 0.0 };
        text += &format!("{},a,{x:.6},52.1\n", 0.1 * f64::from(i));
    }
    let trace = FcdTrace::from_bytes("t", text.into(), &memory()).unwrap();
    assert!(trace.projection.is_some());
}

#[test]
fn closed_form_cases_04_05_separators_and_headers() {
    for name in ["04-comma.csv", "04-tab.csv", "05-plain.csv", "05-full.csv"] {
        assert_eq!(read(name).vehicles, 2, "{name}");
    }
    for separator in [";", ",", "\t", "|", " "] {
        for header in [
            "timestep_time;vehicle_id;vehicle_x;vehicle_y",
            "timestep_time;timestep_vehicle_id;timestep_vehicle_x;timestep_vehicle_y",
            "time;id;x;y",
            ";T;Veh;X;Y",
        ] {
            let index = if header.starts_with(';') { "7;" } else { "" };
            let text = format!("{header}\n{index}0;a;3;4\n{index}0;b;300;4\n");
            let text = text.replace(';', separator);
            assert_eq!(
                start(text.as_bytes(), &memory())[0],
                ("a".into(), 3.0, 4.0),
                "{text}"
            );
        }
    }
}

#[test]
fn closed_form_columns_are_named_by_the_scenario() {
    let mut fcd = memory();
    fcd.columns.get_or_insert_default().time = Some("when".into());
    fcd.columns.get_or_insert_default().id = Some("who".into());
    fcd.columns.get_or_insert_default().x = Some("east".into());
    fcd.columns.get_or_insert_default().y = Some("north".into());
    let text = "north,when,x,who,east\n4,00:00:01,9,a,3\n4,00:00:02,9,a,300\n";
    assert_eq!(start(text.as_bytes(), &fcd), [("a".into(), 3.0, 4.0)]);
    fcd.columns.get_or_insert_default().id = Some("nobody".into());
    let missing = refused(text.as_bytes(), &fcd);
    assert_starts(&missing, "t:1: nobody: the header must name this column");
}

#[test]
fn closed_form_case_06_times_of_day_and_dates() {
    for (first, second) in [
        ("00:00:10.00", "00:00:11.00"),
        ("1:00:00:10", "1:00:00:11"),
        ("2024-05-01T08:00:00Z", "2024-05-01T08:00:01Z"),
        ("2024-05-01 08:00:00", "2024-05-01 08:00:01"),
        ("1714550400", "1714550401"),
    ] {
        let csv = format!("time,id,x,y\n{first},a,0,0\n{second},a,100,0\n");
        let trace = FcdTrace::from_bytes("t", csv.into(), &memory()).unwrap();
        assert_eq!(at(trace, &[0.5]).unwrap(), [[(0, 50.0, 0.0)]], "{first}");
    }
    let xml = "<fcd-export><timestep time='00:05:00.00'><vehicle id='a' x='500' y='1'/></timestep></fcd-export>";
    let trace = FcdTrace::from_bytes("t", xml.into(), &memory()).unwrap();
    assert!((trace.now.step.time_s - 300.0).abs() < 1e-9);
}

#[test]
fn closed_form_cases_07_08_09_27_parquet_as_writers_have_it() {
    for name in [
        "07-id.parquet",
        "08-t.parquet",
        "09-g.parquet",
        "09-z.parquet",
        "27-p.parquet",
    ] {
        let report = read(name);
        assert!(
            report.vehicles > 0 && report.format == "Parquet",
            "{name}: {report:?}"
        );
    }
    let mut other = of("27-p.parquet");
    other.columns.get_or_insert_default().time = Some("when".into());
    let missing = message(report(&other));
    assert!(
        missing.contains("when: must be a column, got \"time\""),
        "{missing}"
    );
}

#[test]
fn closed_form_case_10_compressed_and_foreign_formats() {
    for name in ["10-a.xml.bz2", "10-a.xml.xz", "10-a.xml.zst"] {
        assert!(read(name).format.starts_with("SUMO FCD as XML, "), "{name}");
    }
    for (name, expected) in [
        ("10-a.zip", "is a zip archive: unpack it"),
        ("10-utf16.xml", "is UTF-16 text: convert it to UTF-8"),
        ("10-a.jsonl", "is JSON: write it as CSV or Parquet"),
    ] {
        let error = message(report(&of(name)));
        assert!(error.ends_with(expected), "{error}");
    }
    for (bytes, expected) in [
        (&b"ARROW1\0\0"[..], "is Arrow or Feather"),
        (b"\x89HDF\r\n\x1a\n", "is HDF5"),
        (b"SQLite format 3\0", "is an SQLite database"),
        (b"[{\"t\": 1}]", "is JSON"),
        (b"\x01\x02\x03 nothing", "is neither SUMO FCD"),
        (b"\x28\xb5\x2f\xfd\0\0", "cut off or damaged"),
        (b"BZh9nonsense", "cut off or damaged"),
        (b"\xfd7zXZ\0nonsense", "cut off or damaged"),
    ] {
        let error = refused(bytes, &memory());
        assert!(error.contains(expected), "{error}");
        assert!(!error.contains(|c: char| c.is_control()), "{error:?}");
    }
}

#[test]
fn closed_form_case_22_a_short_trace_names_the_remedy() {
    let time = Time {
        slot_s: 1.0,
        slots: 60,
        carry_over: false,
    };
    let mut trace = FcdTrace::for_slots(&of("22-f.xml"), time).unwrap();
    let mut out = Positions::default();
    for t in 0..6 {
        trace.advance(f64::from(t), &mut out).unwrap();
    }
    let short = message(trace.advance(6.0, &mut out));
    assert!(
        short.ends_with(
            "the trace ends at 5 s, 60 slots of 1 s from 0 s need it until 59 s; time.slots can be 6 at most"
        ),
        "{short}"
    );
}

#[test]
fn closed_form_case_23_types_that_are_there() {
    let mut fcd = of("23-f.xml");
    fcd.vehicle_types = vec!["passenger".into()];
    let error = message(report(&fcd));
    assert!(
        error.ends_with("got none of vehicle_types \"passenger\"; the types there are \"DEFAULT_VEHTYPE@flow.0\""),
        "{error}"
    );
}

#[test]
fn closed_form_case_24_long_header_comments() {
    let long = format!(
        "<?xml version='1.0'?>\n<!-- {} -->\n<fcd-export><timestep time='1'><vehicle id='a' x='500' y='1'/></timestep></fcd-export>",
        "vehicle,".repeat(300_000)
    );
    assert_eq!(start(long.as_bytes(), &memory()).len(), 1);
}

#[test]
fn closed_form_case_26_latin_1_and_other_encodings() {
    let report = read("26-f.xml");
    assert!(report.vehicles > 0);
    let xml = |encoding: &str, id: &[u8]| {
        let mut text = format!("<?xml version='1.0' encoding='{encoding}'?>\n<fcd-export><timestep time='1'><vehicle id='").into_bytes();
        text.extend_from_slice(id);
        text.extend_from_slice(b"' x='500' y='1'/></timestep></fcd-export>");
        text
    };
    assert_eq!(
        start(&xml("ISO-8859-1", b"stra\xdfe"), &memory())[0].0,
        "stra\u{df}e"
    );
    assert_eq!(start(&xml("latin1", b"\xe9"), &memory())[0].0, "\u{e9}");
    let other = refused(&xml("Shift_JIS", b"a"), &memory());
    assert_starts(
        &other,
        "t:1: declares Shift_JIS; UTF-8 and ISO-8859-1 are read",
    );
}

#[test]
fn closed_form_case_28_folders_of_parquet() {
    let folder = tempfile::tempdir().unwrap();
    let fcd = options(FcdSource::File(folder.path().to_owned()));
    let none = FcdTrace::open(&fcd).err().unwrap().to_string();
    assert!(none.contains("is a folder without Parquet files"), "{none}");
    // cut in the middle of a time step
    std::fs::write(
        folder.path().join("part-0.parquet"),
        as_parquet(&TINY[..5], 2, "double"),
    )
    .unwrap();
    std::fs::write(
        folder.path().join("part-1.parquet"),
        as_parquet(&TINY[5..], 3, "double"),
    )
    .unwrap();
    std::fs::write(folder.path().join("_SUCCESS"), "").unwrap();
    let whole = FcdTrace::open(&options(FcdSource::File(corpus("ok_tiny.parquet")))).unwrap();
    let times = [0.0, 0.5, 1.0, 2.0, 3.0, 3.5, 4.0];
    let parts = FcdTrace::open(&fcd).unwrap();
    assert_eq!(at(parts, &times).unwrap(), at(whole, &times).unwrap());
    std::fs::write(folder.path().join("part-2.parquet"), "").unwrap();
    let empty = message(report(&fcd));
    assert!(
        empty.ends_with("part-2.parquet: must hold a trace, got an empty file"),
        "{empty}"
    );
}

#[test]
fn closed_form_cases_25_29_outliers_and_large_coordinates() {
    let large = read("29-f.xml");
    assert!(large.extent.x_min_m > 3.2e7 && large.outliers.is_empty());
    let mut text = "time,id,x,y\n".to_owned();
    for t in 0..20 {
        for v in 0..10 {
            writeln!(text, "{t},v{v},{},{}", v * 100 + t, t).unwrap();
        }
    }
    writeln!(text, "20,lost,-1073741824,3").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    std::fs::write(&path, &text).unwrap();
    let report = report(&options(FcdSource::File(path))).unwrap();
    let names: Vec<_> = report.outliers.iter().map(|o| o.vehicle.as_str()).collect();
    assert_eq!(names, ["lost"]);
    assert!(
        report
            .to_string()
            .contains("outlier: \"lost\" at x -1073741824.0 m")
    );
}

#[test]
fn closed_form_irregular_fixes_are_laid_onto_steps_and_gaps_are_told() {
    // each vehicle at instants of its own, sorted by vehicle
    let by_vehicle = "id,time,x,y\na,0,0,0\na,10,100,0\na,200,500,0\nb,3.5,0,50\nb,8.5,50,50\n";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    std::fs::write(&path, by_vehicle).unwrap();
    let fcd = options(FcdSource::File(path.clone()));
    let trace = FcdTrace::open(&fcd).unwrap();
    let got = at(trace, &[1.0, 5.0, 9.0, 10.5]).unwrap();
    assert_eq!(got[0], [(0, 10.0, 0.0)]);
    assert_eq!(got[1], [(0, 50.0, 0.0), (1, 15.0, 50.0)]);
    let told = report(&fcd).unwrap();
    assert_eq!(told.gaps, Some((1, 190.0, "a".into())));
    assert!(
        told.to_string().contains("laid onto steps of 1 s"),
        "{told}"
    );
    // in the order of time, but no two vehicles at one instant
    let mut text = "id,time,x,y\n".to_owned();
    for k in 0..50 {
        writeln!(
            text,
            "a,{},{},0\nb,{},{},9",
            k * 10,
            k * 100,
            k * 10 + 3,
            k * 100
        )
        .unwrap();
    }
    std::fs::write(&path, &text).unwrap();
    let trace = FcdTrace::open(&fcd).unwrap();
    let got = at(trace, &[20.0, 25.0]).unwrap();
    assert_eq!(got[0][0], (0, 200.0, 0.0));
    assert!((got[1][1].1 - 220.0).abs() < 1e-9, "{got:?}");
    let wide = Fcd {
        resample_s: Some(5.0),
        max_gap_s: Some(5.0),
        ..fcd
    };
    assert!(report(&wide).is_ok());
}

#[test]
fn regress_a_time_step_without_end_is_refused() {
    let mut text = "<fcd-export><timestep time='1'>".to_owned();
    for i in 0..1_000_001 {
        write!(text, "<vehicle id='{i}' x='{i}' y='0'/>").unwrap();
    }
    let error = refused(&gzip(text.as_bytes()), &memory());
    assert!(
        error.contains("a time step must hold at most 1,000,000 vehicles"),
        "{error}"
    );
}

#[test]
fn closed_form_case_11_ns2_mobility() {
    let told = read("11-m.tcl");
    assert_eq!(
        (told.vehicles, told.format.as_str()),
        (1, "ns-2 mobility, laid onto steps of 1 s")
    );
    let text = "# setdest\nset opt(x) 9\n$node_(0) set X_ 100.0\n$node_(0) set Y_ 50\n$node_(0) set Z_ 0\n\
                $node_(1) set X_ 7\n$node_(1) set Y_ 8\n\
                $ns_ at 2.0 \"$node_(0) setdest 130.0 90.0 10.0\"\n\
                $ns_ at 100.0 \"$node_(0) setdest 130.0 0.0 9.0\"\n\
                $ns_ at 105.0 \"$node_(0) setdest 130.0 45.0 0.0\"\n$ns_ at 200.0 \"$node_(1) setdest 8 8 1\"\n";
    let trace = FcdTrace::from_bytes("m.tcl", text.into(), &memory()).unwrap();
    let got = at(trace, &[0.0, 4.5, 50.0, 103.0, 180.0, 201.0]).unwrap();
    let node = |x: f64, y: f64| vec![(0, x, y), (1, 7.0, 8.0)];
    let expected = [
        node(100.0, 50.0),
        node(115.0, 70.0),
        node(130.0, 90.0),
        node(130.0, 63.0),
        node(130.0, 45.0),
        vec![(0, 130.0, 45.0), (1, 8.0, 8.0)],
    ];
    for (got, expected) in got.iter().zip(&expected) {
        for (a, b) in got.iter().zip(expected) {
            assert!(
                a.0 == b.0 && (a.1 - b.1).hypot(a.2 - b.2) < 1e-9,
                "{got:?} {expected:?}"
            );
        }
    }
    let back = refused(
        format!("{text}$ns_ at 1.0 \"$node_(0) setdest 1 1 1\"").as_bytes(),
        &memory(),
    );
    assert_starts(&back, "t:12: at: must not be before 105 s, got 1");
    let word = refused(b"$node_(0) set X_ east\n", &memory());
    assert_starts(&word, "t:1: $node_: must be a finite number");
}

#[test]
fn closed_form_gpx_tracks() {
    let point = |lon: f64, second: u32| {
        format!(
            "<trkpt lat='48.1' lon='{lon}'><ele>5</ele><time>2024-05-01T08:00:{second:02}Z</time></trkpt>"
        )
    };
    let track = |name: &str, points: &str| {
        format!("<trk><name>{name}</name><trkseg>{points}</trkseg></trk>")
    };
    let a = track("car", &(point(11.5, 0) + &point(11.501, 10)));
    let b = track("car", &(point(11.6, 3) + &point(11.6, 8)));
    let gpx = format!("<?xml version='1.0'?>\n<gpx version='1.1'>{a}{b}</gpx>");
    let trace = FcdTrace::from_bytes("t", gpx.clone().into(), &memory()).unwrap();
    let zone = Projection::new(&Wanted::Centre, [11.55, 48.1]).unwrap();
    let got = at(trace, &[5.0, 9.0]).unwrap();
    assert_eq!((got[0].len(), got[1].len()), (2, 1));
    let [x, y] = zone.project(11.5005, 48.1).unwrap();
    assert!((got[0][0].1 - x).hypot(got[0][0].2 - y) < 0.1, "{got:?}");
    let cut = refused(&gpx.as_bytes()[..gpx.len() - 8], &memory());
    assert!(cut.contains("cut off"), "{cut}");
    let timeless = gpx.replace("time>", "when>");
    assert!(refused(timeless.as_bytes(), &memory()).contains("must have a <time>"));
}
