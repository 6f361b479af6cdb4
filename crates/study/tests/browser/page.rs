//! A page in a headless browser.

use headless_chrome::browser::tab::Tab;
use headless_chrome::protocol::cdp::types::Event;
use headless_chrome::protocol::cdp::{Emulation, Network, Page};
use headless_chrome::{Browser, LaunchOptions};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Where Chromium is, by `WAYSIDE_CHROMIUM` or on the path.
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

/// A page open in a browser, and what it did besides.
pub(crate) struct Open {
    pub(crate) tab: Arc<Tab>,
    /// Errors on the console and requests for anything but the file itself.
    pub(crate) complaints: Arc<Mutex<Vec<String>>>,
    pub(crate) opened: Duration,
    _browser: Browser,
    _folder: tempfile::TempDir,
}

impl Open {
    /// Opens `html` from a file; `None`, with a word why, where there is no browser.
    pub(crate) fn new(html: &str) -> Option<Self> {
        let Some(path) = chromium() else {
            let how = "skipped: no Chromium; apt-get install --no-install-recommends chromium";
            assert!(
                std::env::var_os("WAYSIDE_BROWSER").is_none_or(|v| v != "required"),
                "{how}"
            );
            eprintln!("{how}");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("report.html");
        std::fs::write(&file, html).unwrap();
        let options = LaunchOptions::default_builder()
            .path(Some(path))
            // Its sandbox needs more rights than containers and root give; the page is our own.
            .sandbox(false)
            .window_size(Some((1200, 900)))
            .idle_browser_timeout(Duration::from_secs(300))
            .build()
            .unwrap();
        let browser = Browser::new(options).unwrap();
        let tab = browser.new_tab().unwrap();
        tab.set_default_timeout(Duration::from_secs(120));
        let address = format!("file://{}", file.display());
        let complaints = Arc::new(Mutex::new(Vec::new()));
        let (heard, own) = (Arc::clone(&complaints), address.clone());
        tab.add_event_listener(Arc::new(move |event: &Event| {
            let complaint = match event {
                Event::LogEntryAdded(e) => Some(format!("log: {:?}", e.params.entry)),
                Event::RuntimeExceptionThrown(e) => {
                    Some(format!("exception: {:?}", e.params.exception_details))
                }
                Event::RuntimeConsoleAPICalled(e) => Some(format!("console: {:?}", e.params.args)),
                Event::NetworkRequestWillBeSent(e) => {
                    let url = &e.params.request.url;
                    (*url != own && !url.starts_with("data:")).then(|| format!("request: {url}"))
                }
                _ => None,
            };
            heard.lock().unwrap().extend(complaint);
        }))
        .unwrap();
        tab.enable_log().unwrap();
        tab.enable_runtime().unwrap();
        tab.call_method(Network::Enable {
            max_total_buffer_size: None,
            max_resource_buffer_size: None,
            max_post_data_size: None,
            report_direct_socket_traffic: None,
            enable_durable_messages: None,
        })
        .unwrap();
        let clock = Instant::now();
        tab.navigate_to(&address)
            .unwrap()
            .wait_until_navigated()
            .unwrap();
        let opened = clock.elapsed();
        let open = Self {
            tab,
            complaints,
            opened,
            _browser: browser,
            _folder: folder,
        };
        assert_eq!(open.ask("document.readyState"), "complete");
        Some(open)
    }

    /// The value of an expression.
    pub(crate) fn ask(&self, expression: &str) -> Value {
        let wrapped = format!("JSON.stringify((() => {expression})())");
        let wrapped = if expression.starts_with('{') {
            wrapped
        } else {
            format!("JSON.stringify({expression})")
        };
        let answer = self.tab.evaluate(&wrapped, false).unwrap();
        let text = answer
            .value
            .unwrap_or_else(|| panic!("{expression}: {:?}", answer.description));
        serde_json::from_str(text.as_str().unwrap()).unwrap()
    }

    /// Pretends to be on paper or on a screen, light or dark.
    pub(crate) fn emulate(&self, media: &str, scheme: &str) {
        self.tab
            .call_method(Emulation::SetEmulatedMedia {
                media: Some(media.into()),
                features: Some(vec![Emulation::MediaFeature {
                    name: "prefers-color-scheme".into(),
                    value: scheme.into(),
                }]),
            })
            .unwrap();
    }

    pub(crate) fn width(&self, width: u32) {
        self.tab
            .call_method(Emulation::SetDeviceMetricsOverride {
                width,
                height: 900,
                device_scale_factor: 1.0,
                mobile: false,
                scale: None,
                screen_width: None,
                screen_height: None,
                position_x: None,
                position_y: None,
                dont_set_visible_size: None,
                screen_orientation: None,
                viewport: None,
                display_feature: None,
                device_posture: None,
            })
            .unwrap();
    }

    pub(crate) fn silent(&self) {
        let complaints = self.complaints.lock().unwrap();
        assert!(complaints.is_empty(), "{complaints:?}");
    }

    /// A picture of the whole page, where somebody asked for one.
    pub(crate) fn picture(&self, name: &str) {
        let Some(folder) = std::env::var_os("WAYSIDE_SCREENSHOTS") else {
            return;
        };
        let size = self
            .ask("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]");
        let clip = Page::Viewport {
            x: 0.0,
            y: 0.0,
            width: size[0].as_f64().unwrap(),
            height: size[1].as_f64().unwrap(),
            scale: 1.0,
        };
        let png = Page::CaptureScreenshotFormatOption::Png;
        let png = self
            .tab
            .capture_screenshot(png, None, Some(clip), true)
            .unwrap();
        std::fs::write(Path::new(&folder).join(name), png).unwrap();
    }
}
