//! The report in a real browser: what it shows, not only that it loads.
//!
//! Needs Chromium (`apt-get install chromium`; `.ci/run` does). Without one the tests are skipped and say so;
//! where `WAYSIDE_BROWSER` is `required` they fail instead. `WAYSIDE_SCREENSHOTS` names a folder for pictures.

mod page;

use page::Open;
use serde_json::Value;
use std::path::Path;
use std::time::Instant;
use wayside_core::Scenario;
use wayside_core::engine::BoundKind;
use wayside_core::engine::records::{PolicyRun, Replication, SlotRecord};
use wayside_core::engine::world::World;
use wayside_core::policy::PolicyKind;
use wayside_core::scenario::BUILTIN_SCENARIOS;
use wayside_plot::Site;
use wayside_study::claim::{Claim, Verdict};
use wayside_study::output::Manifest;
use wayside_study::report;
use wayside_study::{Experiment, ScenarioFacts, figures};
use wayside_study::{Summary, table};

const POLICIES: [PolicyKind; 4] = [
    PolicyKind::Local,
    PolicyKind::Nearest,
    PolicyKind::BestResponse,
    PolicyKind::Price,
];

fn manifest(summary: &Summary) -> Manifest {
    let policies: Vec<String> = summary.policies.iter().map(|p| p.policy.clone()).collect();
    Manifest::now(
        &summary.scenario,
        "[scenario]\nname = \"wang2025\"\n",
        &summary.seeds,
        summary.slots,
        &policies,
    )
}

/// A real run: its summary and its report, with a claim beside what every run has.
fn run() -> (Summary, String) {
    let mut experiment = Experiment::named("wang2025")
        .unwrap()
        .seeds(0..3)
        .slots(6)
        .bound(BoundKind::Simple);
    for kind in POLICIES {
        experiment = experiment.factory(kind);
    }
    let results = experiment.run().unwrap();
    let figures = results.figures().unwrap();
    let facts = ScenarioFacts::new(&results.world, 0).unwrap();
    let summary = results.summary;
    let mut page = report::of_run(&summary, &facts, &figures, &manifest(&summary));
    let claim = Claim {
        id: "wang2025.fig3.order".into(),
        figure: "3".into(),
        claim: "<nearest> costs less than local & all".into(),
        published: Some(1.5),
        measured: Some(1.25),
        ci95: Some([1.0, 1.5]),
        verdict: Verdict::Holds,
        ..Claim::default()
    };
    page.sections.extend(report::claims(&[claim]));
    assert!(report::claims(&[]).is_none());
    (summary, page.to_html())
}

/// As printed: with a true minus, and `to` between the ends of an interval.
fn numbers(text: &str) -> Vec<f64> {
    let parts = text.split(" to ").map(|part| part.replace('\u{2212}', "-"));
    parts.filter_map(|part| part.trim().parse().ok()).collect()
}

fn same(shown: f64, value: f64) -> bool {
    (shown - value).abs() <= 6e-5 * value.abs()
}

#[test]
fn oracle_browser_shows_the_numbers_of_the_summary() {
    let (summary, html) = run();
    let Some(open) = Open::new(&html) else { return };
    let cells = open.ask(
        "[...document.querySelectorAll('td[data-metric]')].map(c => ({metric: c.dataset.metric, policy: c.dataset.policy, \
         text: c.querySelector('span').innerText, note: c.querySelector('small')?.innerText ?? ''}))",
    );
    let truth: Value = serde_json::from_str(&table::json(&summary)).unwrap();
    let text = |cell: &Value, key: &str| cell[key].as_str().unwrap().to_owned();
    let mut seen = Vec::new();
    for cell in cells.as_array().unwrap() {
        let (metric, policy) = (text(cell, "metric"), text(cell, "policy"));
        let row = truth["policies"]
            .as_array()
            .unwrap()
            .iter()
            .find(|p| p["policy"] == policy.as_str())
            .unwrap();
        let (shown, value) = (numbers(&text(cell, "text")), &row[&metric]);
        match value["mean"].as_f64() {
            None => assert_eq!(text(cell, "text"), "\u{2013}", "{policy} {metric}"),
            Some(mean) => assert!(
                shown.len() == 1 && same(shown[0], mean),
                "{policy} {metric}: {shown:?}, not {mean}"
            ),
        }
        let ends = numbers(&text(cell, "note"));
        let wanted: Vec<f64> = value["ci95"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|v| v.as_f64().unwrap())
            .collect();
        assert!(
            ends.len() == wanted.len() && ends.iter().zip(&wanted).all(|(&a, &b)| same(a, b)),
            "{policy} {metric}: {ends:?}, not {wanted:?}"
        );
        seen.push((policy, metric));
    }
    for row in truth["policies"].as_array().unwrap() {
        for (metric, value) in row
            .as_object()
            .unwrap()
            .iter()
            .filter(|(_, v)| v["mean"].is_f64())
        {
            let wanted = (row["policy"].as_str().unwrap().to_owned(), metric.clone());
            assert!(seen.contains(&wanted), "{wanted:?} is not shown");
            assert!(value.is_object());
        }
    }
    // The claim is text, not markup.
    let claims = open.ask("document.getElementById('claims').innerText");
    assert!(
        claims
            .as_str()
            .unwrap()
            .contains("<nearest> costs less than local & all"),
        "{claims}"
    );
    open.silent();
    open.picture("light.png");
}

/// Names are text, whatever they hold.
#[test]
fn property_markup_in_names_is_text() {
    let ids = [
        "<img src=x onerror=document.title='PWNED'>",
        "</script><script>document.title='PWNED'</script>",
        "\"><svg onload=document.title='PWNED'>",
        "</svg><iframe src=javascript:parent.document.title='PWNED'>",
        "</style><style>*{display:none}",
        "&lt;b&gt;&amp;",
        "]]><b>bold</b>",
        "${document.title='PWNED'}",
    ];
    let builtin = BUILTIN_SCENARIOS.iter().find(|b| b.name == "wang2025");
    let mut text = builtin.unwrap().text.to_owned();
    for (i, id) in ids.iter().enumerate() {
        text = text.replace(&format!("id = \"r{i}\"\n"), &format!("id = {id:?}\n"));
    }
    let name = format!("name = {:?}", ids[0]);
    let text = text.replacen("name = \"wang2025\"", &name, 1);
    let scenario = Scenario::from_toml("s.toml", &text, &[]).unwrap();
    let experiment = Experiment::new(&scenario).unwrap().seeds(0..2).slots(2);
    let results = experiment.factory(PolicyKind::Nearest).run().unwrap();
    let facts = ScenarioFacts::new(&results.world, 0).unwrap();
    let (figures, summary) = (results.figures().unwrap(), results.summary);
    let html = report::of_run(&summary, &facts, &figures, &manifest(&summary)).to_html();
    let Some(open) = Open::new(&html) else { return };
    let shown = open.ask("document.body.textContent");
    for id in ids {
        assert!(shown.as_str().unwrap().contains(id), "{id}");
    }
    let title = open.ask("document.title");
    assert!(title.as_str().unwrap().starts_with(ids[0]), "{title}");
    let made = "document.querySelectorAll('img, iframe, b, [onload], [onerror]').length";
    assert_eq!(open.ask(made), 0);
    assert_eq!(
        open.ask("document.querySelector('h1').getClientRects().length > 0"),
        true
    );
    open.silent();
    open.picture("markup.png");
}

/// Charts, and in how many of them something of `nearest` and of `price` can be seen.
const VISIBLE: &str = "{
    const charts = [...document.querySelectorAll('svg.chart')];
    const seen = (name) => charts.filter(c => [...c.querySelectorAll(`[data-series=\"${name}\"] *`)]
        .some(m => m.getClientRects().length > 0 && getComputedStyle(m).display !== 'none')).length;
    return [charts.length, seen('nearest'), seen('price')];
}";

#[test]
fn property_a_hidden_policy_leaves_every_chart() {
    let (_, html) = run();
    let Some(open) = Open::new(&html) else { return };
    let before = open.ask(VISIBLE);
    assert!(
        before[0].as_u64().unwrap() >= 6 && before[1] == before[0] && before[2] == before[0],
        "{before}"
    );
    open.tab
        .find_element("[data-switch=nearest]")
        .unwrap()
        .click()
        .unwrap();
    let hidden = open.ask(VISIBLE);
    assert_eq!(hidden, serde_json::json!([before[0], 0, before[0]]));
    assert_eq!(
        open.ask("document.querySelector('[data-switch=nearest]').ariaPressed"),
        "false"
    );
    assert_eq!(open.ask("[...document.querySelectorAll('tr[data-series=nearest]')].every(r => r.offsetHeight === 0)"), true);
    open.picture("hidden.png");
    open.tab.find_element("#all").unwrap().click().unwrap();
    assert_eq!(open.ask(VISIBLE), before);
    open.silent();
}

#[test]
fn property_keyboard_and_pointer_read_values() {
    let (summary, html) = run();
    let Some(open) = Open::new(&html) else { return };
    // By Tab alone one reaches the links, the switches, and every chart and table.
    let mut reached = Vec::new();
    for _ in 0..200 {
        open.tab.press_key("Tab").unwrap();
        let now = open.ask("{ const e = document.activeElement; return e.dataset.switch ?? e.className?.baseVal ?? (e.className || e.tagName); }");
        let now = now.as_str().unwrap().to_owned();
        if now == "BODY" {
            break;
        }
        reached.push(now);
    }
    for wanted in ["skip", "A", "nearest", "price", "chart", "table", "SUMMARY"] {
        assert!(
            reached.iter().any(|r| r == wanted),
            "{wanted} in {reached:?}"
        );
    }
    assert_eq!(
        reached.iter().filter(|r| *r == "chart").count() as u64,
        open.ask(VISIBLE)[0].as_u64().unwrap()
    );

    // Space hides, as a button does.
    open.ask("document.querySelector('[data-switch=nearest]').focus() ?? 0");
    open.tab.press_key(" ").unwrap();
    assert_eq!(open.ask(VISIBLE)[1], 0);
    open.tab.press_key(" ").unwrap();

    // Arrows walk through the rows of the comparison and say their values.
    open.ask("document.querySelector('#figure-comparison svg').focus() ?? 0");
    for policy in &summary.policies {
        open.tab.press_key("ArrowDown").unwrap();
        let said = open.ask("document.getElementById('said').innerText");
        let said = said.as_str().unwrap();
        assert!(
            said.starts_with(&format!("policy: {}.", policy.policy)),
            "{said}"
        );
        let value: f64 = said.rsplit(' ').next().unwrap().parse().unwrap();
        assert!(same(value, policy.objective.unwrap().mean), "{said}");
    }
    assert_eq!(open.ask("document.getElementById('tip').hidden"), false);
    open.tab.press_key("Escape").unwrap();
    assert_eq!(open.ask("document.getElementById('tip').hidden"), true);

    // The pointer does the same: over the middle of the chart of time all policies are listed.
    let chart = open.tab.find_element("#figure-objective-time svg").unwrap();
    chart.scroll_into_view().unwrap();
    chart.move_mouse_over().unwrap();
    let tip = open.ask("document.getElementById('tip').innerText");
    for policy in &summary.policies {
        assert!(tip.as_str().unwrap().contains(&policy.policy), "{tip}");
    }

    // Screen readers: everything drawn has a name, every table headings, headings leave out no level.
    let unnamed = open.ask(
        "{ const bad = [...document.querySelectorAll('svg[role=img]')].filter(s => !s.ariaLabel).length
             + [...document.querySelectorAll('table')].filter(t => !t.caption || !t.querySelector('th[scope=row]')).length
             + [...document.querySelectorAll('button')].filter(b => !b.innerText.trim()).length;
           const levels = [...document.querySelectorAll('h1,h2,h3')].map(h => Number(h.tagName[1]));
           return bad + levels.filter((l, i) => i > 0 && l > levels[i - 1] + 1).length; }",
    );
    assert_eq!(unnamed, 0);
    open.silent();
}

/// Elements that reach beyond the page, or whose content is cut.
const CUT: &str = "{
    const bad = [];
    for (const e of document.querySelectorAll('body *')) {
        if (e.closest('#tip, .unseen, .skip, clipPath, defs, g[clip-path]')) continue;
        const box = e.getBoundingClientRect();
        const name = `${e.tagName}.${e.className.baseVal ?? e.className} ${(e.textContent ?? '').slice(0, 40)}`;
        if (box.width > 0 && (box.right > innerWidth + 1 || box.left < -1)) bad.push(`${name}: ${box.left} to ${box.right}`);
        const clips = ['auto', 'hidden', 'scroll'].includes(getComputedStyle(e).overflowX);
        if (clips && e.scrollWidth > e.clientWidth + 1) bad.push(`${name}: cut`);
    }
    if (document.documentElement.scrollWidth > innerWidth) bad.push('the page scrolls sideways');
    return bad;
}";

#[test]
fn property_print_cuts_nothing() {
    let (_, html) = run();
    let Some(open) = Open::new(&html) else { return };
    // A4 less its margins is 182 mm wide: 688 pixels.
    open.width(688);
    open.emulate("print", "dark");
    assert_eq!(open.ask(CUT), serde_json::json!([]));
    assert_eq!(
        open.ask("getComputedStyle(document.body).backgroundColor"),
        "rgb(255, 255, 255)"
    );
    assert_eq!(
        open.ask("getComputedStyle(document.querySelector('.switches')).display"),
        "none"
    );
    open.picture("print.png");
    let pdf = open.tab.print_to_pdf(None).unwrap();
    assert!(pdf.starts_with(b"%PDF") && pdf.len() > 20_000);
    if let Some(folder) = std::env::var_os("WAYSIDE_SCREENSHOTS") {
        std::fs::write(Path::new(&folder).join("print.pdf"), pdf).unwrap();
    }
    // A narrow window scrolls tables in themselves, never the page.
    open.emulate("screen", "light");
    open.width(400);
    assert_eq!(
        open.ask("document.documentElement.scrollWidth <= innerWidth"),
        true
    );
    open.picture("narrow.png");
    open.silent();
}

/// Every text whose contrast with what is behind it is below 4.5 (WCAG 2, level AA), with that contrast.
const FAINT: &str = "{
    const parse = (c) => (c.match(/[\\d.]+/g) ?? []).map(Number);
    const light = ([r, g, b]) => {
        const [x, y, z] = [r, g, b].map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * x + 0.7152 * y + 0.0722 * z;
    };
    const behind = (e) => {
        for (; e; e = e.parentElement) {
            const c = parse(getComputedStyle(e).backgroundColor);
            if (c.length === 3 || c[3] > 0) return c;
        }
        return [255, 255, 255];
    };
    const bad = [];
    let count = 0;
    for (const details of document.querySelectorAll('details')) details.open = true;
    for (const e of document.querySelectorAll('body *')) {
        const own = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
        if (!own || ['SCRIPT', 'STYLE', 'title'].includes(e.tagName) || e.closest('#tip, .unseen')) continue;
        const style = getComputedStyle(e);
        const fore = light(parse(e instanceof SVGElement ? style.fill : style.color));
        const back = light(behind(e));
        const contrast = (Math.max(fore, back) + 0.05) / (Math.min(fore, back) + 0.05);
        count += 1;
        if (!(contrast >= 4.5)) bad.push(`${e.tagName} ${e.textContent.slice(0, 30)}: ${contrast}`);
    }
    return [count, bad, light(parse(getComputedStyle(document.body).backgroundColor))];
}";

#[test]
fn property_text_stands_out_light_and_dark() {
    let (_, html) = run();
    let Some(open) = Open::new(&html) else { return };
    for (scheme, bright) in [("light", true), ("dark", false)] {
        open.emulate("screen", scheme);
        let found = open.ask(FAINT);
        assert!(found[0].as_u64().unwrap() > 200, "{found}");
        assert_eq!(found[1], serde_json::json!([]), "{scheme}");
        assert_eq!(found[2].as_f64().unwrap() > 0.5, bright);
        open.ask(
            "{ for (const d of document.querySelectorAll('details')) d.open = false; return 0; }",
        );
        open.picture(&format!("{scheme}-scheme.png"));
    }
    open.silent();
}

/// Two policies over that many slots, with a peak in a single one of them.
fn long(slots: u32) -> Replication {
    let wave = |slot: u32| {
        0.3 + 0.05 * (f64::from(slot) * 1e-3).sin()
            + 0.01 * f64::from(slot.wrapping_mul(2_654_435_761) >> 24) / 256.0
    };
    let policies = ["price", "nearest"]
        .into_iter()
        .zip([1.0, 1.2])
        .map(|(policy, factor)| {
            let mut run = PolicyRun {
                policy: policy.into(),
                rsu_load: vec![0.2, 0.4, 0.1],
                ..PolicyRun::default()
            };
            for slot in 0..slots {
                let objective = if slot == 567_890 {
                    9.5
                } else {
                    factor * wave(slot)
                };
                run.delay.record(objective);
                run.slots.push(SlotRecord {
                    slot,
                    tasks: 10,
                    objective,
                    lower_bound: Some(0.9 * wave(slot)),
                    lbm: 0.1 * objective,
                    tau: 0.05,
                    ..SlotRecord::default()
                });
            }
            run
        });
    Replication {
        seed: 0,
        policies: policies.collect(),
        ..Replication::default()
    }
}

#[test]
fn property_a_million_slots_make_a_small_report() {
    let replications = [long(1_000_000)];
    let summary = Summary::new("long", &replications, false);
    let facts = ScenarioFacts {
        rsus: (0..3)
            .map(|m| Site {
                id: format!("r{m}"),
                ..Site::default()
            })
            .collect(),
        ..ScenarioFacts::new(
            &World::new(&Scenario::builtin("wang2025", &[]).unwrap()).unwrap(),
            0,
        )
        .unwrap()
    };
    let facts = ScenarioFacts {
        links: Vec::new(),
        ..facts
    };
    let clock = Instant::now();
    let figures = figures::of_run(&summary, &replications, &facts);
    let html = report::of_run(&summary, &facts, &figures, &manifest(&summary)).to_html();
    eprintln!("written in {:.2?}, {} bytes", clock.elapsed(), html.len());
    assert!(html.len() < 3_000_000);
    // The one peak survives the grouping.
    let time = figures.iter().find(|f| f.id == "objective-time").unwrap();
    let tops = time.series[0]
        .points
        .iter()
        .filter_map(|p| p.interval)
        .map(|[_, hi]| hi);
    assert!((tops.fold(0.0, f64::max) - 9.5).abs() < 1e-12 && time.series[0].points.len() <= 120);

    let Some(open) = Open::new(&html) else { return };
    let nodes = open.ask("document.querySelectorAll('*').length");
    let load = open.ask("performance.getEntriesByType('navigation')[0].loadEventEnd");
    eprintln!(
        "opened in {:.2?} (load event after {load} ms), {nodes} elements",
        open.opened
    );
    assert!(nodes.as_u64().unwrap() < 5000, "{nodes}");
    open.silent();
    open.picture("million.png");
}
