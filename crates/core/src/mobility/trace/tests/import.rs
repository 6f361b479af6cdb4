//! Imports against their sources, and several traces as one.

use super::*;
use crate::mobility::trace::report::Report;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, text: &str) -> Fcd {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        options(FcdSource::File(path))
    }

    /// The trace that the sources are imported to, and what was said of it.
    fn import(&self, traces: &[Fcd]) -> Result<(Fcd, Report)> {
        let path = self.0.path().join("out.parquet");
        let out = std::fs::File::create(&path).unwrap();
        let taken = import(traces, (&path, out), &|| false)?.expect("nobody stops it");
        let report = taken.report(&path)?;
        Ok((options(FcdSource::File(path)), report))
    }
}

fn times() -> Vec<f64> {
    (0..20).map(|i| f64::from(i) * 0.25).collect()
}

/// Positions until the trace ends, bit by bit.
fn course(fcd: &Fcd) -> Vec<(VehicleKey, u64, u64)> {
    let mut trace = FcdTrace::open(fcd).unwrap();
    let mut out = Positions::default();
    let mut all = Vec::new();
    for time_s in times() {
        if trace.advance(time_s, &mut out).is_err() {
            break;
        }
        let places = out.x_m.iter().zip(&out.y_m);
        all.extend(
            (out.key.iter().zip(places)).map(|(&key, (x, y))| (key, x.to_bits(), y.to_bits())),
        );
    }
    all
}

#[test]
fn oracle_an_import_gives_what_its_source_gives() {
    let folder = Folder::new();
    let mut imported = 0;
    for corpus in ["fcd", "trace"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/corpus")
            .join(corpus);
        for entry in std::fs::read_dir(path).unwrap() {
            let source = options(FcdSource::File(entry.unwrap().path()));
            let Ok(expected) = report(&source) else {
                continue;
            };
            let (copy, told) = folder.import(std::slice::from_ref(&source)).unwrap();
            imported += 1;
            assert_eq!(
                told,
                Report {
                    step_s: told.step_s,
                    types: told.types.clone(),
                    ..expected.clone()
                }
            );
            assert!(told.step_s.total_cmp(&expected.step_s).is_eq());
            assert_eq!(told.types, expected.types, "{source:?}");
            assert_eq!(course(&copy), course(&source), "{source:?}");
            let every = |fcd: &Fcd| Fcd {
                every: 2,
                ..fcd.clone()
            };
            assert_eq!(course(&every(&copy)), course(&every(&source)));
            for (name, _) in &expected.types {
                let only = |fcd: &Fcd| Fcd {
                    vehicle_types: vec![name.clone()],
                    ..fcd.clone()
                };
                assert_eq!(course(&only(&copy)), course(&only(&source)), "{name}");
            }
            // an import of an import is the same file
            let first = std::fs::read(folder.0.path().join("out.parquet")).unwrap();
            let again = folder.0.path().join("again.parquet");
            let out = std::fs::File::create(&again).unwrap();
            import(&[copy], (&again, out), &|| false).unwrap().unwrap();
            assert!(std::fs::read(&again).unwrap() == first, "{source:?}");
        }
    }
    assert!(imported >= 20, "{imported}");
}

#[test]
fn oracle_the_real_traces_survive_an_import() {
    let folder = Folder::new();
    for name in [
        "grid1200x1600_t540-600.fcd.csv.gz",
        "grid1200x1600_t540-600.fcd.parquet",
        "cologne8_t900-1200.fcd.xml.gz",
    ] {
        let Some(path) = shared(name) else { continue };
        let source = options(FcdSource::File(path));
        let (copy, _) = folder.import(std::slice::from_ref(&source)).unwrap();
        assert_eq!(course(&copy), course(&source), "{name}");
    }
}

#[test]
fn closed_form_files_are_joined_in_the_order_of_time() {
    let folder = Folder::new();
    let header = "timestep_time;vehicle_id;vehicle_x;vehicle_y;vehicle_type\n";
    let early = folder.file(
        "b.csv",
        &format!("{header}0;a;0;0;car\n1;a;10;0;car\n2;a;20;0;car\n"),
    );
    // it shares an instant with the one before, as restarted simulations do
    let late = folder.file(
        "a.csv",
        &format!("{header}2;a;20;0;car\n3;a;30;0;car\n4;b;500;0;bus\n"),
    );
    let beside = folder.file(
        "c.csv",
        &format!("{header}1;z;900;5;bus\n2;z;900;6;bus\n3;z;900;7;bus\n"),
    );
    let (joined, told) = folder.import(&[late, early.clone(), beside]).unwrap();
    assert_eq!(
        (told.extent.first_s, told.extent.last_s, told.extent.steps),
        (0.0, 4.0, 5)
    );
    assert_eq!(told.format, "3 files, CSV separated by ;");
    assert_eq!(told.types, [("bus".to_owned(), 2), ("car".to_owned(), 1)]);
    let got = at(FcdTrace::open(&joined).unwrap(), &[0.0, 1.0, 2.5, 4.0]).unwrap();
    let expected = vec![
        vec![(0, 0.0, 0.0)],
        vec![(0, 10.0, 0.0), (1, 900.0, 5.0)],
        vec![(0, 25.0, 0.0), (1, 900.0, 6.5)],
        vec![(2, 500.0, 0.0)],
    ];
    assert_eq!(got, expected);

    let refused = |traces: &[Fcd]| message(folder.import(traces));
    let elsewhere = folder.file("d.csv", &format!("{header}2;a;21;0;car\n3;a;30;0;car\n"));
    let error = refused(&[early.clone(), elsewhere]);
    assert!(
        error.contains("d.csv:2: vehicle_id: must be at one place at 2 s, got \"a\""),
        "{error}"
    );
    let between = folder.file(
        "e.csv",
        &format!("{header}0.5;y;0;0;car\n1.5;y;1;300;car\n"),
    );
    let error = refused(&[early.clone(), between]);
    assert!(
        error.contains("b.csv: has no time step at 0.5 s, where"),
        "{error}"
    );
    let degrees = folder.file("f.csv", "t,id,lon,lat\n9,q,11.5,48.1\n10,q,11.5,48.1\n");
    let error = refused(&[early.clone(), degrees]);
    assert!(
        error.contains("f.csv: fleet.mobility.projection: must be one for all files"),
        "{error}"
    );
    let nobody = folder.file("g.csv", "time;id;x;y;type\n0;p;500;0;DEFAULT_PEDTYPE\n");
    let error = refused(&[nobody]);
    assert!(error.contains("must have a vehicle"), "{error}");
    let stopped = import(&[early], (Path::new("out"), Vec::new()), &|| true);
    assert!(stopped.unwrap().is_none());
}

#[test]
fn closed_form_irregular_tables_are_joined_before_they_are_laid_onto_steps() {
    let folder = Folder::new();
    // one file a taxi, each at instants of its own
    let fixes = |name: &str, from: f64, lon: f64| {
        let rows = (0..5).map(|k| {
            let k = f64::from(k);
            format!("{name},{},{},48.1\n", from + 7.3 * k, lon + 1e-4 * k)
        });
        format!("taxi_id,time,lon,lat\n{}", rows.collect::<String>())
    };
    let a = folder.file("a.csv", &fixes("a", 3.1, 11.99));
    let b = folder.file("b.csv", &fixes("b", 0.4, 12.03));
    let laid = |fcd: Fcd| Fcd {
        resample_s: Some(1.0),
        ..fcd
    };
    let (joined, told) = folder.import(&[laid(a.clone()), laid(b)]).unwrap();
    // the zone of the common centre, though the first file is in the next zone
    assert_eq!(told.projection.as_deref(), Some("UTM zone 33N"));
    assert_eq!(told.vehicles, 2);
    assert_eq!(
        told.format,
        "2 files, CSV separated by ,, laid onto steps of 1 s"
    );
    let both = format!(
        "{}{}",
        fixes("a", 3.1, 11.99),
        &fixes("b", 0.4, 12.03)["taxi_id,time,lon,lat\n".len()..]
    );
    let one = laid(folder.file("both.csv", &both));
    assert_eq!(course(&joined), course(&one));

    let twice = laid(folder.file("c.csv", &fixes("a", 4.0, 11.99)));
    let error = message(folder.import(&[laid(a), twice]));
    assert!(
        error.contains("c.csv: vehicle_id: has fixes of \"a\" between those"),
        "{error}"
    );
}

#[test]
fn regress_a_small_trace_in_metres_stays_in_metres() {
    let folder = Folder::new();
    let doubtful = folder.file(
        "t.csv",
        "time,id,x,y\n0,a,10.1,50.2\n0,b,10.2,50.2\n1,a,10.1,50.2\n",
    );
    let metres = Fcd {
        projection: Some("none".into()),
        ..doubtful
    };
    let (copy, told) = folder.import(&[metres]).unwrap();
    assert_eq!(told.projection, None);
    // no key says so here, the file does
    assert_eq!(report(&copy).unwrap().extent, told.extent);
}

#[test]
fn property_a_record_of_nonsense_is_named() {
    let folder = Folder::new();
    let trace = folder.file("t.csv", "t,id,lon,lat\n0,a,11.5,48.1\n1,a,11.5,48.1\n");
    folder.import(&[trace]).unwrap();
    let path = folder.0.path().join("out.parquet");
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(6).rposition(|six| six == b"utm32n").unwrap();
    bytes[at + 5] = b'q';
    let error = message(read_all("t.parquet", &bytes, &memory()));
    assert!(
        error.starts_with("t.parquet: wayside.projection: must be \"none\""),
        "{error}"
    );
}

#[test]
fn property_ids_that_are_not_utf_8_are_kept_apart() {
    let folder = Folder::new();
    let path = folder.0.path().join("t.csv");
    std::fs::write(
        &path,
        b"time,id,x,y\n0,\xe9,0,0\n0,\xe8,500,0\n1,\xe9,10,0\n1,\xe8,500,9\n",
    )
    .unwrap();
    let source = options(FcdSource::File(path));
    let (copy, _) = folder.import(std::slice::from_ref(&source)).unwrap();
    assert_eq!(course(&copy), course(&source));
}
