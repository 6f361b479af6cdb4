//! The page in a real browser: what it shows.
//!
//! Needs Chromium, as the tests of reports do; without one it is skipped and says so. `WAYSIDE_SCREENSHOTS` names a folder for a picture.

use crate::client::Server;
use headless_chrome::browser::tab::Tab;
use headless_chrome::protocol::cdp::Page;
use headless_chrome::protocol::cdp::types::Event;
use headless_chrome::{Browser, LaunchOptions};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

fn chromium() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("WAYSIDE_CHROMIUM") {
        return Some(named.into());
    }
    let folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let places = names
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    places.into_iter().find(|place| place.is_file())
}

pub(crate) fn ask(tab: &Tab, expression: &str) -> Value {
    let answer = tab
        .evaluate(&format!("JSON.stringify({expression})"), false)
        .unwrap();
    let text = answer
        .value
        .unwrap_or_else(|| panic!("{expression}: {:?}", answer.description));
    serde_json::from_str(text.as_str().unwrap()).unwrap()
}

/// Until the page says so.
pub(crate) fn wait_for(tab: &Tab, expression: &str) {
    let begun = Instant::now();
    while ask(tab, expression) != json!(true) {
        let shown = ask(tab, "document.body.innerText");
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "{expression}: {shown}"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A page that is open.
pub(crate) struct Opened {
    pub(crate) tab: Arc<Tab>,
    complaints: Arc<Mutex<Vec<String>>>,
    _browser: Browser,
}

impl Opened {
    /// What its script has thrown.
    pub(crate) fn complaints(&self) -> Vec<String> {
        self.complaints.lock().unwrap().clone()
    }
}

/// Opens a page; none, with a word, where there is no browser.
pub(crate) fn open_page(address: &str) -> Option<Opened> {
    let Some(path) = chromium() else {
        assert!(
            std::env::var_os("WAYSIDE_BROWSER").is_none_or(|v| v != "required"),
            "no Chromium"
        );
        eprintln!("skipped: no Chromium; apt-get install --no-install-recommends chromium");
        return None;
    };
    let options = LaunchOptions::default_builder()
        .path(Some(path))
        .sandbox(false)
        .window_size(Some((1200, 800)))
        .idle_browser_timeout(Duration::from_secs(300))
        .build()
        .unwrap();
    let browser = Browser::new(options).unwrap();
    let tab = browser.new_tab().unwrap();
    tab.set_default_timeout(Duration::from_secs(120));
    let complaints = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&complaints);
    tab.add_event_listener(Arc::new(move |event: &Event| {
        if let Event::RuntimeExceptionThrown(e) = event {
            heard
                .lock()
                .unwrap()
                .push(format!("{:?}", e.params.exception_details));
        }
    }))
    .unwrap();
    tab.enable_runtime().unwrap();
    tab.navigate_to(address)
        .unwrap()
        .wait_until_navigated()
        .unwrap();
    Some(Opened {
        tab,
        complaints,
        _browser: browser,
    })
}

/// Saves what the page looks like, where that is asked for.
pub(crate) fn picture(tab: &Tab, name: &str) {
    if let Some(folder) = std::env::var_os("WAYSIDE_SCREENSHOTS") {
        let png =
            tab.capture_screenshot(Page::CaptureScreenshotFormatOption::Png, None, None, true);
        let file = PathBuf::from(folder).join(format!("{name}.png"));
        std::fs::write(file, png.unwrap()).unwrap();
    }
}

fn put_vehicle(server: &Server, id: &str, x_m: f64) {
    let body = format!("{{\"x_m\": {x_m}, \"y_m\": 450, \"speed_mps\": 20}}");
    let json = [("content-type", "application/json")];
    assert_eq!(
        server
            .send("PUT", &format!("/v1/vehicles/{id}"), &json, &body)
            .status,
        204
    );
}

#[test]
fn oracle_the_page_shows_what_the_server_says() {
    let server = Server::start(&[("serve.vehicle_ttl_s", "600"), ("serve.lease_s", "600")]);
    for i in 0..40 {
        put_vehicle(&server, &format!("v{i}"), 25.0 * f64::from(i));
    }
    let Some(page) = open_page(&format!("http://{}/", server.address)) else {
        return;
    };
    let tab = &page.tab;
    wait_for(
        tab,
        "document.getElementById('link').textContent === 'live'",
    );
    assert_eq!(
        ask(tab, "document.getElementById('name').textContent"),
        "wang2025"
    );
    wait_for(
        tab,
        "document.getElementById('vehicles').textContent === '40'",
    );
    assert_eq!(ask(tab, "wayside.state.rsus.size"), 11);

    let task = |i: usize| {
        format!(
            "{{\"vehicle\": \"v{i}\", \"cycles\": 4e8, \"data_bits\": 2e6, \"deadline_s\": 0.7}}"
        )
    };
    let list: Vec<String> = (0..40).map(task).collect();
    let placed = server
        .post(
            "/v1/tasks",
            &format!("{{\"tasks\": [{}]}}", list.join(", ")),
        )
        .json();
    wait_for(tab, "document.getElementById('tasks').textContent === '40'");
    wait_for(
        tab,
        "document.getElementById('policy').textContent === 'price'",
    );
    let shown = ask(
        tab,
        "wayside.state.batches[0].tasks.map(t => [t.id, t.delay_s, t.path])",
    );
    let tasks = placed["tasks"].as_array().unwrap().iter();
    let said: Value = tasks
        .map(|t| json!([t["id"], t["delay_s"], t["path"]]))
        .collect();
    assert_eq!(shown, said);
    assert_eq!(
        ask(
            tab,
            "document.getElementById('gap').textContent.endsWith(' %')"
        ),
        true
    );
    picture(tab, "live");
    // the RSU that has most work is drawn with it: its lower edge has the colour of load, and not that of the paper
    let drawn = "(() => { const r = [...wayside.state.rsus.values()].sort((a, b) => b.load - a.load)[0], m = document.getElementById('map'), d = devicePixelRatio || 1; \
        const x = m.clientWidth / 2 + (r.x_m - wayside.view.x) * wayside.view.scale, y = m.clientHeight / 2 - (r.y_m - wayside.view.y) * wayside.view.scale; \
        const [red, green, blue] = m.getContext('2d').getImageData((x) * d, (y + 8) * d, 1, 1).data; return r.load > 0 && Math.max(red, green, blue) - Math.min(red, green, blue) > 25; })()";
    wait_for(tab, drawn);

    // an outcome, a vehicle that leaves, a vehicle that moves
    let outcome = "{\"delay_parts_s\": {\"compute\": 0.25}}";
    assert_eq!(server.post("/v1/tasks/t0/outcome", outcome).status, 200);
    wait_for(tab, "document.getElementById('tasks').textContent === '39'");
    assert_eq!(
        server.send("DELETE", "/v1/vehicles/v39", &[], "").status,
        204
    );
    wait_for(
        tab,
        "document.getElementById('vehicles').textContent === '39'",
    );
    put_vehicle(&server, "v0", 77.0);
    wait_for(tab, "wayside.state.vehicles.get('v0').to[0] === 77");

    tab.press_key(" ").unwrap();
    wait_for(
        tab,
        "wayside.view.paused && document.getElementById('pause').textContent === 'Go on'",
    );
    tab.press_key(" ").unwrap();
    wait_for(tab, "!wayside.view.paused");

    // ten thousand vehicles, all moving
    ask(
        tab,
        "(() => { const now = performance.now(); for (let i = 0; i < 10000; i++) wayside.state.vehicles.set('x' + i, {id: 'x' + i, from: [i % 1000, i % 900], to: [(i + 500) % 1000, i % 900], at: now, gap: 2000}); wayside.frames = 0; wayside.begun = now; return true; })()",
    );
    std::thread::sleep(Duration::from_secs(2));
    let rate = ask(
        tab,
        "1000 * wayside.frames / (performance.now() - wayside.begun)",
    );
    eprintln!("10,000 vehicles: {rate} frames a second");
    assert!(rate.as_f64().unwrap() > 1.0);
    assert_eq!(page.complaints(), Vec::<String>::new());
}
