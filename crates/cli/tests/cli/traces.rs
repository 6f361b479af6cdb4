//! Traces and sites that people have, as their users meet them: `import`, standard input, degrees, messages.

use super::{command, printed, refused, stderr, stdout, text, wayside};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

/// All of a scenario but its RSUs and its trace.
const REST: &str = "scenario = { name = \"mine\" }\n\
    time = { slots = 4 }\n\
    channel = { noise_dbm = -104 }\n\
    task = { cycles = { min = 300e6, max = 450e6 }, data_bytes = 250_000, deadline_s = 1.0 }\n\
    objective = { omega = 0.65 }\n\
    backhaul = { max_distance_m = 2000, rate_bps = 1e9, migration_power_w = 0.5 }\n\
    rsu_default = { range_m = 500, bandwidth_hz = 100e6, cpu_hz = 15e9, energy_coeff = 3e-28 }\n";

const GRID: &str = "rsu = { grid = { spacing_m = 250 } }";

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// A scenario with these RSUs, whose trace is at `path`.
    fn scenario(&self, rsu: &str, path: &str) -> PathBuf {
        let fleet = "[fleet]\ntx_power_w = 0.2\ncpu_hz = 0.5e9\nenergy_coeff = 2e-26";
        let mobility = format!("mobility = {{ kind = \"fcd\", path = \"{path}\" }}");
        self.file("mine.toml", format!("{REST}{rsu}\n{fleet}\n{mobility}\n"))
    }
}

/// A trace of the core's corpus.
fn corpus(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../core/tests/corpus/trace")
        .join(name)
}

fn piped(args: &[&str], input: &[u8]) -> Output {
    let mut child = command(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // a command that refuses its arguments does not read
    _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn run(scenario: &Path) -> Vec<&str> {
    let rest = "--seeds 0..1 --policy nearest,price --no-timing --format json -q";
    let mut args = vec!["run", text(scenario)];
    args.extend(rest.split(' '));
    args
}

#[test]
fn oracle_a_run_of_an_import_has_the_bytes_of_a_run_of_its_source() {
    for name in [
        "03-fcd.xml",
        "04-tab.csv",
        "05-full.csv",
        "07-id.parquet",
        "10-a.xml.zst",
        "22-f.xml",
        "29-f.xml",
    ] {
        let folder = Folder::new();
        let copy = folder.0.path().join("copy.parquet");
        let source = corpus(name);
        let report = printed(&["import", text(&source), "--out", text(&copy), "-q"]);
        assert!(report.contains("copy.parquet: ok\n  trace: "), "{report}");
        let expected = printed(&run(&folder.scenario(GRID, text(&source))));
        assert_eq!(
            printed(&run(&folder.scenario(GRID, "copy.parquet"))),
            expected,
            "{name}"
        );
        // through a pipe, twice read by two seeds
        let scenario = folder.scenario(GRID, "-");
        for path in [&source, &copy] {
            let output = piped(&run(&scenario), &fs::read(path).unwrap());
            assert_eq!(stdout(&output), expected, "{name}: {}", stderr(&output));
        }
    }
}

#[test]
fn property_import_reports_and_never_leaves_half_a_file() {
    let folder = Folder::new();
    let out = folder.0.path().join("t.parquet");
    let source = corpus("03-fcd.xml");
    let import = ["import", text(&source), "--out", text(&out)];
    let output = wayside(&import);
    assert!(stderr(&output).contains("mobility = { kind = \"fcd\""));
    refused(
        &import,
        2,
        &["t.parquet: is there already; --force replaces it"],
    );
    let first = fs::read(&out).unwrap();
    let forced: Vec<_> = import
        .into_iter()
        .chain(["--force", "--format", "json"])
        .collect();
    let json: serde_json::Value = serde_json::from_str(&printed(&forced)).unwrap();
    assert_eq!(
        (json["vehicles"].as_u64(), json["steps"].as_u64()),
        (Some(2), Some(6))
    );
    assert_eq!(json["projection"], "UTM zone 32N");
    assert!(json["lon"][0].as_f64().unwrap() > 11.0);
    assert_eq!(fs::read(&out).unwrap(), first);
    // cut off in the middle: the old file stays
    let whole = fs::read(&source).unwrap();
    let cut = folder.file("cut.xml", &whole[..whole.len() - 30]);
    refused(
        &["import", text(&cut), "--out", text(&out), "--force"],
        2,
        &["cut.xml"],
    );
    assert_eq!(fs::read(&out).unwrap(), first);
    let csv = folder.0.path().join("t.csv");
    refused(
        &[
            "import",
            text(&source),
            "--out",
            text(&csv),
            "--column",
            "when=t",
            "--max-gap-s",
            "0",
            "--resample-s",
            "1e7",
        ],
        2,
        &[
            "--out: must end in .parquet",
            "--column: when: unknown key",
            "--max-gap-s: must be > 0, got 0",
            "--resample-s: must be <= 1e6, got 1e7",
        ],
    );
    refused(
        &["import", "-", "-", "--out", text(&out), "--force"],
        2,
        &["joined once"],
    );
    refused(
        &[
            "import",
            text(&source),
            "--out",
            text(&out),
            "--force",
            "--projection",
            "Mars",
        ],
        2,
        &["03-fcd.xml: --projection: must be \"none\""],
    );
    let table = folder.file("odd.csv", "when,plate,e,n\n0,a,0,0\n1,a,500,0\n");
    let mut odd = vec!["import", text(&table), "--out", text(&out), "--force", "-q"];
    for column in ["time=when", "id=plate", "x=e", "y=n"] {
        odd.extend(["--column", column]);
    }
    assert!(printed(&odd).contains("x 0.0 to 500.0 m"));
    let mut names: Vec<_> = fs::read_dir(folder.0.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["cut.xml", "odd.csv", "t.parquet"]);
}

#[test]
fn property_standard_input_is_read_by_check_run_and_import() {
    let folder = Folder::new();
    let trace = fs::read(corpus("22-f.xml")).unwrap();
    let scenario = folder.scenario(GRID, "-");
    let twice = piped(&["check", text(&scenario), text(&scenario)], &trace);
    assert_eq!(
        stdout(&twice).matches("ok (2 vehicles").count(),
        2,
        "{}",
        stderr(&twice)
    );
    let out = folder.0.path().join("t.parquet");
    let imported = piped(&["import", "-", "--out", text(&out)], &trace);
    assert_eq!(imported.status.code(), Some(0), "{}", stderr(&imported));
    for (input, message) in [
        (
            b"".as_slice(),
            "standard input: must hold a trace, got an empty file",
        ),
        (b"<fcd-export><timestep", "standard input:1: cut off"),
        (b"\0\0\0\0", "standard input: is neither"),
    ] {
        let output = piped(&run(&scenario), input);
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains(message), "{}", stderr(&output));
    }
}

#[test]
fn regress_case_22_a_trace_that_is_too_short_is_told_before_the_run() {
    let folder = Folder::new();
    let message = "the trace ends at 5 s, 60 slots of 1 s from 0 s need it until 59 s; time.slots can be 6 at most";
    let source = corpus("22-f.xml");
    let by_extent = folder.scenario(GRID, text(&source));
    for command in ["check", "run"] {
        let args = [command, text(&by_extent)];
        let more: &[&str] = if command == "run" {
            &["--slots", "60", "-q"]
        } else {
            &[]
        };
        if command == "check" {
            let long = fs::read_to_string(&by_extent)
                .unwrap()
                .replace("slots = 4", "slots = 60");
            fs::write(&by_extent, long).unwrap();
        }
        refused(
            &[&args, more].concat(),
            2,
            &["22-f.xml: fleet.mobility: ", message],
        );
    }
    // with an area the trace is not read before the run, but by `check`
    let with_area = folder.scenario(
        &format!("area = {{ width_m = 900, height_m = 900 }}\n{GRID}"),
        text(&source),
    );
    let long = fs::read_to_string(&with_area)
        .unwrap()
        .replace("slots = 4", "slots = 60");
    fs::write(&with_area, long).unwrap();
    refused(&["check", text(&with_area)], 2, &[message]);
}

#[test]
fn regress_case_29_positions_of_projections_with_large_coordinates() {
    let source = corpus("29-f.xml");
    let folder = Folder::new();
    let list = "rsu = [{ id = \"a\", x_m = 32691100, y_m = 5334100 }]";
    let area = "area = { x_min_m = 32690000, y_min_m = 5333000, width_m = 3000, height_m = 3000 }";
    let far = "rsu = [{ id = \"a\", x_m = 1e12, y_m = -1e12 }]";
    let sites = "rsu = { sites = \"sites.csv\" }";
    folder.file("sites.csv", "x,y\n32691100,5334100\n");
    for rsu in [GRID, list, &format!("{area}\n{GRID}"), far, sites] {
        let scenario = folder.scenario(rsu, text(&source));
        assert!(
            printed(&["check", text(&scenario)]).contains(": ok (2 vehicles"),
            "{rsu}"
        );
        printed(&run(&scenario));
    }
    let beyond = folder.scenario(&list.replace("32691100", "1.1e12"), text(&source));
    refused(
        &["check", text(&beyond)],
        2,
        &["mine.toml:8: rsu.0.x_m: must be <= 1e12, got 1.1e12"],
    );
}

#[test]
fn regress_case_40_messages_name_their_file() {
    let folder = Folder::new();
    folder.file(
        "two.graphml",
        "<graphml><graph edgedefault=\"undirected\"><node id=\"0\"/><node id=\"1\"/><node id=\"2\"/><node id=\"3\"/>\
         <edge source=\"0\" target=\"1\"/><edge source=\"2\" target=\"3\"/></graph></graphml>",
    );
    let rsus: String = (0..4)
        .map(|i| format!("[[rsu]]\nid = \"r{i}\"\nx_m = 1{i}0\ny_m = 150\n"))
        .collect();
    let rest = REST.replace("max_distance_m = 2000", "path = \"two.graphml\"");
    let scenario = |name: &str, more: &str, allowed: &str| {
        let text = rest.replace("path =", &format!("{allowed}path ="));
        folder.file(
            name,
            format!(
                "{text}{more}area = {{ width_m = 600, height_m = 600 }}\nfleet = {{ size = 20, tx_power_w = 0.2, \
                 cpu_hz = 0.5e9, energy_coeff = 2e-26, mobility = {{ kind = \"straight\", speed_mps = 10 }} }}\n{rsus}"
            ),
        )
    };
    let a = scenario("a.toml", "execution = { kind = \"queues\" }\n", "");
    let b = scenario(
        "b.toml",
        "execution = { kind = \"queues\" }\n",
        "allow_disconnected = true, ",
    );
    let c = scenario("c.toml", "", "");
    let output = wayside(&["check", text(&a), text(&b), text(&c)]);
    assert_eq!(output.status.code(), Some(2));
    let message =
        "a.toml:6: backhaul: must connect all RSUs, but no way leads from \"r0\" to \"r2\"";
    assert!(stderr(&output).contains(message), "{}", stderr(&output));
    assert_eq!(stderr(&output).lines().count(), 1);
    // c is as disconnected, and says so
    assert_eq!(
        stdout(&output)
            .matches("2 parts, between which no task can be migrated")
            .count(),
        2
    );
}

#[test]
fn closed_form_rsus_and_areas_in_degrees() {
    let folder = Folder::new();
    let source = corpus("03-fcd.xml");
    let list = "rsu = [{ id = \"a\", lon = 11.563, lat = 48.132 }]\n";
    let area = "area = { lon_min = 11.55, lat_min = 48.12, lon_max = 11.58, lat_max = 48.15 }\n";
    let degrees = folder.scenario(&format!("{list}{area}"), text(&source));
    assert!(printed(&["check", text(&degrees)]).contains("longitude 11."));
    let got = printed(&run(&degrees));
    // the place of the RSU by PROJ: cs2cs EPSG:4326 EPSG:32632
    let metres = folder.scenario(
        "rsu = [{ id = \"a\", x_m = 690757.08, y_m = 5334250.9 }]\n",
        text(&source),
    );
    let close: serde_json::Value = serde_json::from_str(&printed(&run(&metres))).unwrap();
    let got: serde_json::Value = serde_json::from_str(&got).unwrap();
    let offloaded =
        |summary: &serde_json::Value| summary["policies"][0]["offloaded"]["mean"].clone();
    assert_eq!(offloaded(&got), offloaded(&close));

    let plain = corpus("22-f.xml");
    let scenario = folder.scenario(list, text(&plain));
    refused(
        &["check", text(&scenario)],
        2,
        &["mine.toml:8: rsu.0.lon: must be in metres: there is no trace in degrees"],
    );
    for (rsu, message) in [
        (
            "rsu = [{ id = \"a\", lon = 11.5 }]",
            "rsu.0.lat: missing, expected a number between -90 and 90",
        ),
        (
            "rsu = [{ id = \"a\", lon = 11.5, lat = 91 }]",
            "rsu.0.lat: must be <= 90, got 91",
        ),
        (
            "rsu = [{ id = \"a\", lon = 1, lat = 2, x_m = 3 }]",
            "rsu.0.x_m: must be left out",
        ),
        (
            "rsu = [{ id = \"a\", x_m = 3 }]",
            "rsu.0.y_m: missing, expected a number",
        ),
        (
            &format!("{GRID}\narea = {{ lon_min = 3, lon_max = 2 }}"),
            "area.lat_min: missing",
        ),
        (
            &format!("{GRID}\narea = {{ lon_min = 3, lon_max = 2 }}"),
            "area.lon_max: must be > 3, got 2",
        ),
        (
            &format!("{GRID}\narea = {{ lon_min = 3, width_m = 2 }}"),
            "area.width_m: must be left out",
        ),
        (
            &format!("{GRID}\narea = {{ }}"),
            "area.width_m: missing, expected a number",
        ),
    ] {
        let scenario = folder.scenario(rsu, text(&source));
        refused(&["check", text(&scenario)], 2, &[message]);
    }
}

#[test]
fn closed_form_rsus_at_the_sites_of_a_table() {
    let folder = Folder::new();
    let source = corpus("03-fcd.xml");
    let table = "radio,mcc,net,area,cell,unit,lon,lat,range\nLTE,262,2,1,10,0,11.563,48.132,99\n\
                 LTE,262,2,1,11,0,11.561,48.131,99\nLTE,262,2,1,12,0,12.561,48.131,99\n";
    folder.file("sites.csv", table);
    let scenario = folder.scenario("rsu = { sites = \"sites.csv\" }", text(&source));
    let told = printed(&["check", text(&scenario)]);
    assert!(
        told.contains(": ok (2 vehicles, 2 RSUs, 4 slots)"),
        "{told}"
    );
    assert!(
        told.contains("  sites: 2 RSUs of 3 rows of ")
            && told.contains("(OpenCelliD, degrees), 1 left out"),
        "{told}"
    );
    printed(&run(&scenario));
    folder.file(
        "sites.csv",
        format!("{table}LTE,262,2,1,13,0,11.561,48.131,99\n"),
    );
    refused(
        &["check", text(&scenario)],
        2,
        &["sites.csv:5: lon: must be a place of its own, got that of line 3"],
    );
    let merged = folder.scenario(
        "rsu = { sites = \"sites.csv\", merge = true, margin_m = 1e7, cpu_hz = 1e9 }",
        text(&source),
    );
    assert!(printed(&["check", text(&merged)]).contains("3 RSUs of 4 rows"));
    for (rsu, message) in [
        (
            "rsu = { sites = \"none.csv\" }",
            "rsu.sites: found no file ",
        ),
        (
            "rsu = { sites = \"sites.csv\", grid = { spacing_m = 9 } }",
            "rsu: needs one of `grid` and `sites`, got both",
        ),
        (
            "rsu = { }",
            "rsu: needs one of `grid` and `sites`, got neither",
        ),
        (
            "rsu = { sites = \"sites.csv\", columns = { lon = \"E\" } }",
            "rsu.columns: needs both of lon and lat",
        ),
        (
            "rsu = { sites = \"sites.csv\", site = 3 }",
            "rsu.site: unknown key",
        ),
    ] {
        let scenario = folder.scenario(rsu, text(&source));
        refused(&["check", text(&scenario)], 2, &[message]);
    }
}
