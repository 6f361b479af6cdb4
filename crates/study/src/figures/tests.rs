use super::delay::within;
use super::*;
use crate::synthetic;
use resvg::usvg;
use wayside_core::engine::records::Distribution;

#[test]
fn closed_form_errors_tell_the_decimals() {
    for (mean, half, text) in [
        (0.385_5, 0.002, "0.386 ± 0.002"),
        (1.144, 0.001_1, "1.1440 ± 0.0011"),
        (123.4, 25.0, "123 ± 25"),
        (0.5, 0.0, "0.5"),
    ] {
        assert_eq!(with_error(mean, half), text);
    }
}

#[test]
fn oracle_shares_within_a_delay_are_counted() {
    let delays = [0.1, 0.2, 0.2, 0.7];
    let mut all = Distribution::default();
    delays.iter().for_each(|&d| all.record(d));
    let at = [0.05, 0.15, 0.25, 0.71, 2.0];
    let counted = at.map(|limit| delays.iter().filter(|&&d| d <= limit).count() as f64 / 4.0);
    assert_eq!(within(&all, &at), counted);
}

#[test]
fn property_every_figure_of_a_run_is_there_and_shows_the_summary() {
    let (replications, summary) = (synthetic::replications(10, 40), synthetic::summary());
    let figures = of_run(&summary, &replications, &synthetic::facts());
    let ids: Vec<_> = figures.iter().map(|f| f.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "comparison",
            "gap",
            "objective-time",
            "lbm-time",
            "load",
            "delay"
        ]
    );
    for (series, policy) in figures[0].series.iter().zip(&summary.policies) {
        let objective = policy.objective.unwrap();
        assert_eq!(series.points[0].x.to_bits(), objective.mean.to_bits());
        assert_eq!(series.points[0].interval, objective.ci95);
    }
    // Without a bound there is no gap; one slot is no time series; many RSUs are ranked.
    let mut facts = synthetic::facts();
    let many = facts.rsus.iter().cycle().take(60).cloned().collect();
    facts.rsus = many;
    let mut replications = synthetic::replications(1, 1);
    for run in &mut replications[0].policies {
        run.slots[0].lower_bound = None;
        run.rsu_load = (0..60).map(|m| f64::from(m * 7 % 60) / 60.0).collect();
    }
    let summary = Summary::new("s", &replications, false);
    let figures = of_run(&summary, &replications, &facts);
    let ids: Vec<_> = figures.iter().map(|f| f.id.as_str()).collect();
    assert_eq!(ids, ["comparison", "load", "delay"]);
    let loads: Vec<f64> = figures[1].series[0].points.iter().map(|p| p.y).collect();
    assert!(loads.is_sorted_by(|a, b| a >= b) && figures[0].series[0].points[0].interval.is_none());
    assert_eq!(of_run(&Summary::new("s", &[], false), &[], &facts), []);
}

#[test]
fn property_grouped_slots_keep_their_peak() {
    let mut replications = synthetic::replications(2, 1000);
    replications[1].policies[3].slots[777].objective = 42.0;
    let summary = Summary::new("s", &replications, false);
    let figures = of_run(&summary, &replications, &synthetic::facts());
    let time = figures.iter().find(|f| f.id == "objective-time").unwrap();
    let top = time.series[3]
        .points
        .iter()
        .filter_map(|p| p.interval)
        .map(|i| i[1])
        .fold(0.0, f64::max);
    assert!(time.series[3].points.len() <= POINTS && (top - 42.0).abs() < 1e-12);
}

fn parse(svg: &str) -> usvg::Tree {
    let mut options = usvg::Options {
        dpi: 72.0,
        ..usvg::Options::default()
    };
    options
        .fontdb_mut()
        .load_font_data(wayside_plot::FONT.to_vec());
    usvg::Tree::from_str(svg, &options).unwrap()
}

fn all() -> Vec<Figure> {
    let (replications, summary) = (synthetic::replications(10, 40), synthetic::summary());
    of_run(&summary, &replications, &synthetic::facts())
}

#[test]
fn property_every_file_has_the_size_of_a_column_and_its_font() {
    for figure in all() {
        let files = wayside_plot::files(&figure).unwrap();
        let of = |wanted: &str| &files.iter().find(|(e, _)| *e == wanted).unwrap().1;
        let text = |wanted: &str| String::from_utf8(of(wanted).clone()).unwrap();
        let svg = text("svg");
        assert!(svg.contains("width=\"3.5000in\"") && svg.contains("@font-face"));
        let tree = parse(&svg);
        assert!((tree.size().width() - 252.0).abs() < 0.01, "{}", figure.id);
        let pdf = String::from_utf8_lossy(of("pdf"));
        assert!(
            pdf.contains("FontFile") && pdf.contains("Arimo"),
            "{}",
            figure.id
        );
        let width = u32::from_be_bytes(of("png")[16..20].try_into().unwrap());
        assert!(width.abs_diff(1050) <= 5, "{width}");
        assert_eq!(
            text("tex").matches("error bars/.cd").count(),
            figure.series.len()
        );
        let again = wayside_plot::files(&figure).unwrap();
        for ((extension, one), (_, two)) in files.iter().zip(&again) {
            assert!(one == two, "{}.{extension}: equal bytes", figure.id);
        }
    }
}

/// All that is drawn lies on the page, texts included, as the renderer lays them out.
#[test]
fn oracle_renderer_finds_nothing_cut() {
    for figure in all() {
        let tree = parse(&wayside_plot::svg(&figure));
        let (page, drawn) = (tree.size(), tree.root().abs_stroke_bounding_box());
        assert!(
            drawn.left() >= -0.5
                && drawn.top() >= -0.5
                && drawn.right() <= page.width() + 0.5
                && drawn.bottom() <= page.height() + 0.5,
            "{}: {drawn:?} on {page:?}",
            figure.id
        );
    }
}
