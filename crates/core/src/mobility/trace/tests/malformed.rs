//! Damaged traces, and what their messages name.

use super::*;

fn csv_error(rows: &str) -> String {
    message(read_all(
        "t.csv",
        format!("{HEADER}{rows}").as_bytes(),
        &memory(),
    ))
}

fn xml_error(inside: &str) -> String {
    let text = format!("<fcd-export>\n{inside}\n</fcd-export>\n");
    message(read_all("t.xml", text.as_bytes(), &memory()))
}

fn parquet_error(rows: &[Row<'_>]) -> String {
    message(read_all(
        "t.parquet",
        &as_parquet(rows, 2, "double"),
        &memory(),
    ))
}

#[test]
fn closed_form_malformed_csv() {
    let cases = [
        (
            "1;a;0;0\n0.5;a;0;0\n",
            "t.csv:3: timestep_time: must be later than the time step before (1 s), got 0.5",
        ),
        (
            "1;a;0;0\n2;a;0;0\n1;b;0;0\n",
            "t.csv:4: timestep_time: must be later",
        ),
        (
            "x;a;0;0\n",
            "t.csv:2: timestep_time: must be a finite number of at most 1e12 in size, got \"x\"",
        ),
        (
            "inf;a;0;0\n",
            "t.csv:2: timestep_time: must be a finite number",
        ),
        ("1;a;NaN;0\n", "t.csv:2: vehicle_x: must be a finite number"),
        (
            "1;a;0;\n",
            "t.csv:2: vehicle_y: must be a finite number of at most 1e12 in size, got \"\"",
        ),
        (
            "1;a;0;1e400\n",
            "t.csv:2: vehicle_y: must be a finite number",
        ),
        (
            "1;a;0;0\n1;b;0;0\n1;a;1;1\n",
            "t.csv:4: vehicle_id: must be there once per time step, got \"a\" twice at 1 s",
        ),
        (
            "1;a;0;0\n2;a\n",
            "t.csv:3: must have 4 columns like the header, got 2",
        ),
        ("", "t.csv: must have a time step, got none"),
    ];
    for (rows, expected) in cases {
        assert_starts(&csv_error(rows), expected);
    }
    let no_column = message(read_all("t.csv", b"timestep_time;vehicle_id\n", &memory()));
    assert_starts(
        &no_column,
        "t.csv:1: vehicle_x: the header must name this column, got \"timestep_time;vehicle_id\"",
    );
    let typed = Fcd {
        vehicle_types: vec!["car".into()],
        ..memory()
    };
    let no_type = message(read_all("t.csv", HEADER.as_bytes(), &typed));
    assert_starts(
        &no_type,
        "t.csv:1: vehicle_type: the header must name this column",
    );
    let endless = csv_error(&format!("1;\"{}", "a\n".repeat(1 << 20)));
    assert!(endless.contains("more than 1 MiB"), "{endless}");
}

#[test]
fn closed_form_malformed_xml() {
    let cases = [
        (
            "<timestep time='1'/>\n<timestep time='1'/>",
            "t.xml:3: timestep.time: must be later than the time step before (1 s), got 1",
        ),
        (
            "<timestep time='0:01'/>",
            "t.xml:2: timestep.time: must be a finite number of at most 1e12 in size, got \"0:01\"",
        ),
        (
            "<timestep/>",
            "t.xml:2: timestep.time: must be given, got nothing",
        ),
        (
            "<timestep time='1'>\n<vehicle id='a' x='1'/></timestep>",
            "t.xml:3: vehicle.y: must be given",
        ),
        (
            "<timestep time='1'>\n<vehicle x='1' y='1'/></timestep>",
            "t.xml:3: vehicle.id: must be given",
        ),
        (
            "<timestep time='1'>\n<vehicle id='a' x='inf' y='1'/></timestep>",
            "t.xml:3: vehicle.x: must be a finite",
        ),
        (
            "<timestep time='1'>\n<vehicle id='a' x='1' x='2' y='1'/></timestep>",
            "t.xml:3: x: must be given once",
        ),
        (
            "<timestep time='1'>\n<vehicle id='a' x='1' y='1/>\n</timestep>",
            "t.xml",
        ),
        (
            "<timestep time='1'>\n<vehicle id='&who;' x='1' y='1'/></timestep>",
            "t.xml:3: id: ",
        ),
        (
            "<timestep time='1'>\n<vehicle id='a' x='1' y='1'/>\n<vehicle id='a' x='1' y='1'/></timestep>",
            "t.xml:4: vehicle_id: must be there once per time step, got \"a\" twice at 1 s",
        ),
        ("<timestep time='1'></fcd-export>", "t.xml:2: "),
        (
            "<vehicle id='a' x='1' y='1'/>",
            "t.xml:2: expected <timestep>, got element \"vehicle\"",
        ),
        (
            "<timestep time='1'>car</timestep>",
            "t.xml:2: expected an element, got \"car\"",
        ),
        (
            "</fcd-export>\n<fcd-export>",
            "t.xml:3: expected nothing after </fcd-export>, got element",
        ),
        ("", "t.xml: must have a time step, got none"),
    ];
    for (inside, expected) in cases {
        assert_starts(&xml_error(inside), expected);
    }
    let routes = message(read_all("t.xml", b"<routes/>", &memory()));
    assert_starts(
        &routes,
        "t.xml:1: expected <fcd-export>, got element \"routes\"",
    );
    let endless = format!("<fcd-export><!--{}", "a\n".repeat(1 << 20));
    let endless = message(read_all("t.xml", endless.as_bytes(), &memory()));
    assert!(endless.contains("more than 1 MiB"), "{endless}");
}

#[test]
fn closed_form_malformed_parquet() {
    let ok: Row<'_> = (1.0, Some("a"), 0.0, 0.0, "car");
    let cases: [(&[Row<'_>], &str); 6] = [
        (
            &[ok, ok],
            "t.parquet: vehicle_id[1]: must be there once per time step, got \"a\" twice at 1 s",
        ),
        (
            &[ok, (0.5, Some("a"), 0.0, 0.0, "car")],
            "t.parquet: timestep_time[1]: must be later",
        ),
        (
            &[ok, ok, (f64::NAN, Some("a"), 0.0, 0.0, "car")],
            "t.parquet: timestep_time[2]: must be a finite",
        ),
        (
            &[(1.0, Some("a"), f64::INFINITY, 0.0, "car")],
            "t.parquet: vehicle_x[0]: must be a finite number of at most 1e12 in size, got inf",
        ),
        (
            &[(1.0, Some("a"), 0.0, f64::NAN, "car")],
            "t.parquet: vehicle_y[0]: must be a finite number of at most 1e12 in size, got NaN or null",
        ),
        (&[], "t.parquet: must have a time step, got none"),
    ];
    for (rows, expected) in cases {
        assert_starts(&parquet_error(rows), expected);
    }
    let wrong_type = message(read_all(
        "t.parquet",
        &as_parquet(&[], 1, "boolean"),
        &memory(),
    ));
    assert_starts(
        &wrong_type,
        "t.parquet: vehicle_x: must be a column of numbers, got true and false",
    );
}

#[test]
fn closed_form_nothing_and_no_file() {
    for bytes in [b"".to_vec(), b" \n".to_vec(), gzip(b"")] {
        let empty = message(read_all("t", &bytes, &memory()));
        assert_eq!(empty, "t: must hold a trace, got an empty file");
    }
    let missing = FcdTrace::open(&options(FcdSource::File(corpus("absent.xml"))));
    assert!(matches!(missing, Err(Error::Io { .. })));
    let folder = options(FcdSource::File(corpus("../..")));
    let error = FcdTrace::open(&folder).err().unwrap().to_string();
    assert!(
        error.contains("is a folder without Parquet files"),
        "{error}"
    );
    #[cfg(unix)]
    {
        let device = options(FcdSource::File("/dev/null".into()));
        let error = FcdTrace::open(&device).err().unwrap().to_string();
        assert_starts(&error, "/dev/null: must be a file");
    }
    let unknown = message(FcdTrace::open(&memory()));
    assert_starts(
        &unknown,
        "test: fleet.mobility: must be a built-in trace (city-grid), got \"test\"",
    );
}
