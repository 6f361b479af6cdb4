//! The page that plays a finished run, in a real browser: what it shows is what the records say.

use crate::page::{ask, open_page, picture, wait_for};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc;
use std::thread::JoinHandle;
use wayside_core::Scenario;
use wayside_core::engine::BoundKind;
use wayside_live::{Stop, view};
use wayside_study::playback::Playback;
use wayside_study::{Experiment, Results};

/// A viewer that ends with the test.
struct Viewer {
    address: SocketAddr,
    stop: Stop,
    thread: Option<JoinHandle<()>>,
}

impl Viewer {
    fn of(folder: &Path) -> Self {
        let (stop, playback) = (Stop::default(), Playback::open(folder).unwrap());
        let (sender, receiver) = mpsc::sync_channel(1);
        let asked = stop.clone();
        let thread = std::thread::spawn(move || {
            let tell = |address| sender.send(address).unwrap();
            view(
                playback,
                "127.0.0.1:0".parse().unwrap(),
                &asked,
                false,
                tell,
            )
            .unwrap();
        });
        Self {
            address: receiver.recv().unwrap(),
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.stop.ask();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(scenario: &str, policies: [&str; 2], folder: &Path) -> Results {
    Experiment::new(&Scenario::builtin(scenario, &[]).unwrap())
        .unwrap()
        .policies(policies)
        .seeds([0, 1])
        .slots(5)
        .bound(BoundKind::Simple)
        .write_playback(true)
        .out(folder, false)
        .run()
        .unwrap()
}

#[test]
fn oracle_the_player_shows_what_the_records_say() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("out");
    let results = run("wang2025", ["price", "nearest"], &folder);
    let viewer = Viewer::of(&folder);
    let Some(page) = open_page(&format!("http://{}/", viewer.address)) else {
        return;
    };
    let tab = &page.tab;
    wait_for(
        tab,
        "document.getElementById('link').textContent === 'playing'",
    );
    let text = |id: &str| ask(tab, &format!("document.getElementById('{id}').textContent"));
    assert_eq!(text("name"), "wang2025");
    assert_eq!(
        ask(tab, "wayside.state.rsus.size"),
        results.world.rsus.len()
    );
    assert_eq!(
        ask(
            tab,
            "[...document.getElementById('which').options].map(o => o.value)"
        ),
        json!(["price", "nearest"])
    );
    // it plays from the start on
    wait_for(tab, "wayside.play.time > 100 && wayside.play.at >= 0");
    tab.press_key(" ").unwrap();
    wait_for(tab, "wayside.view.paused");

    // the other seed and policy, in the middle of slot 3
    for (id, value) in [("seed", "1"), ("which", "nearest")] {
        let choose = format!(
            "(() => {{ const s = document.getElementById('{id}'); s.value = '{value}'; s.dispatchEvent(new Event('change')); return true; }})()"
        );
        ask(tab, &choose);
    }
    wait_for(
        tab,
        "document.getElementById('link').textContent === 'playing' && wayside.play.frames[0].batch.policy === 'nearest'",
    );
    let slot_s = results.world.scenario.time.slot_s;
    ask(tab, &format!("(wayside.jump({}), true)", 3500.0 * slot_s));
    wait_for(tab, "wayside.play.at === 3");
    let record = &results.replications[1].policies[1].slots[3];
    let batch = "wayside.state.batches[wayside.state.batches.length - 1]";
    let shown = ask(
        tab,
        &format!("(b => [b.policy, b.objective, b.lower_bound, b.load.lbm, b.load.tau])({batch})"),
    );
    assert_eq!(
        shown,
        json!([
            "nearest",
            record.objective,
            record.lower_bound,
            record.lbm,
            record.tau
        ])
    );
    assert_eq!(text("policy"), "nearest");
    let frames = Playback::open(&folder)
        .unwrap()
        .frames(1, "nearest")
        .unwrap();
    assert_eq!(
        ask(tab, "wayside.state.vehicles.size"),
        frames[3].vehicles.len()
    );
    // half way between two slots a vehicle is half way between its places
    let (now, next) = (&frames[3].vehicles[0], &frames[4].vehicles[0]);
    assert_eq!(now.id, next.id);
    let at = ask(
        tab,
        "(v => v.from.map((x, i) => x + (wayside.play.time - v.at) / v.gap * (v.to[i] - x)))(wayside.state.vehicles.get('v0'))",
    );
    for (shown, [a, b]) in [[now.x_m, next.x_m], [now.y_m, next.y_m]]
        .into_iter()
        .enumerate()
    {
        assert!((at[shown].as_f64().unwrap() - 0.5 * (a + b)).abs() < 1e-6);
    }
    let loads: Value = frames[3].batch.load.per_rsu.values().copied().collect();
    assert_eq!(
        ask(
            tab,
            "[...wayside.state.rsus.values()].sort((a, b) => a.id < b.id ? -1 : 1).map(r => r.load)"
        ),
        loads
    );
    // tasks under way: those that arose and have not ended
    let time_s = 3.5 * slot_s;
    let tasks = frames
        .iter()
        .flat_map(|f| f.batch.tasks.iter().map(move |t| (f.time_s, t)));
    let open = tasks
        .filter(|(begun_s, task)| *begun_s <= time_s && begun_s + task.delay_s.unwrap() > time_s);
    let open = open.count();
    wait_for(
        tab,
        &format!("document.getElementById('tasks').textContent === '{open}'"),
    );
    picture(tab, "view");

    // keys: back to the start of the slot before, and on to the end, where it stops
    tab.press_key("[").unwrap();
    wait_for(
        tab,
        "wayside.play.at === 2 && wayside.play.time === 1000 * wayside.play.frames[2].time_s",
    );
    tab.press_key(">").unwrap();
    wait_for(tab, "wayside.play.speed === 2");
    ask(tab, "(wayside.jump(wayside.play.end - 50), true)");
    tab.press_key(" ").unwrap();
    wait_for(
        tab,
        "wayside.view.paused && wayside.play.time === wayside.play.end",
    );
    assert_eq!(page.complaints(), Vec::<String>::new());
}

/// Tasks that queue: what RSUs have in their queues.
#[test]
fn oracle_the_player_shows_queues() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("out");
    let results = run("lin2025", ["mcatm", "ect"], &folder);
    let viewer = Viewer::of(&folder);
    let Some(page) = open_page(&format!("http://{}/", viewer.address)) else {
        return;
    };
    let tab = &page.tab;
    wait_for(
        tab,
        "document.getElementById('link').textContent === 'playing'",
    );
    let frames = Playback::open(&folder).unwrap().frames(0, "mcatm").unwrap();
    let waiting = |i: &usize| {
        frames[*i]
            .queues
            .iter()
            .map(|q| q.queue as u64)
            .sum::<u64>()
    };
    let most = (0..frames.len()).max_by_key(waiting).unwrap();
    let shown = |value: &str| -> Vec<f64> {
        let list = ask(
            tab,
            &format!("[...wayside.state.rsus.values()].map(r => {value})"),
        );
        let list = list.as_array().unwrap().iter();
        list.map(|x| x.as_f64().unwrap()).collect()
    };
    let ids: Vec<_> = frames[most].queues.iter().map(|q| q.id.clone()).collect();
    let queues: Vec<_> = frames[most].queues.iter().map(|q| q.queue).collect();
    let load = &frames[most].batch.load.per_rsu;
    let loads: Vec<_> = ids.iter().map(|id| load[id]).collect();
    wait_for(tab, "wayside.play.frames.length > 0");
    // paused, if it plays still
    ask(tab, "(wayside.view.paused = true)");
    let at = 1000.0 * frames[most].time_s;
    ask(tab, &format!("(wayside.jump({at}), true)"));
    wait_for(tab, &format!("wayside.play.at === {most}"));
    assert_eq!(shown("r.queue"), queues);
    assert_eq!(shown("r.load"), loads);
    let tasks: u32 = results.replications[0].policies[0]
        .slots
        .iter()
        .map(|s| s.tasks)
        .sum();
    assert_eq!(ask(tab, "wayside.play.starts.length"), tasks);
    assert_eq!(page.complaints(), Vec::<String>::new());
}
