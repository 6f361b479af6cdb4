//! What Prometheus scrapes.

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use std::sync::atomic::AtomicU64;
use wayside_study::decision::DecisionReport;

/// Content type of [`Metrics::text`].
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Labels<const N: usize> = [(&'static str, String); N];

/// Upper limits of the buckets of times \[s\].
const SECONDS: [f64; 14] = [
    1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 2e-3, 5e-3, 0.01, 0.02, 0.05, 0.1, 0.3, 1.0, 10.0,
];

/// All metrics of a server.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Labels<2>, Counter>,
    refusals: Family<Labels<1>, Counter>,
    decisions: Family<Labels<1>, Counter>,
    pub(crate) request_seconds: Histogram,
    pub(crate) decision_seconds: Histogram,
    pub(crate) connections: Gauge,
    pub(crate) reloads: Counter,
    pub(crate) failed_reloads: Counter,
    batch_tasks: Histogram,
    gap: Histogram,
    lbm: Gauge<f64, AtomicU64>,
    loads: Family<Labels<1>, Gauge<f64, AtomicU64>>,
    fallbacks: Family<Labels<1>, Counter>,
    pub(crate) journal_failures: Counter,
    pub(crate) leases_ended: Counter,
    pub(crate) lost: Counter,
    predicted_delay: Histogram,
    measured_delay: Histogram,
    vehicles: Gauge,
    open: Gauge,
    waiting: Gauge,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("wayside");
        let seconds = || Histogram::new(SECONDS);
        let metrics = Self {
            requests: Family::default(),
            refusals: Family::default(),
            decisions: Family::default(),
            request_seconds: seconds(),
            decision_seconds: seconds(),
            connections: Gauge::default(),
            reloads: Counter::default(),
            failed_reloads: Counter::default(),
            batch_tasks: Histogram::new(exponential_buckets(1.0, 2.0, 14)),
            gap: Histogram::new([1e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0]),
            lbm: Gauge::default(),
            loads: Family::default(),
            fallbacks: Family::default(),
            journal_failures: Counter::default(),
            leases_ended: Counter::default(),
            lost: Counter::default(),
            predicted_delay: seconds(),
            measured_delay: seconds(),
            vehicles: Gauge::default(),
            open: Gauge::default(),
            waiting: Gauge::default(),
            registry: Registry::default(),
        };
        metrics.of_server(&mut registry);
        metrics.of_centre(&mut registry);
        Self {
            registry,
            ..metrics
        }
    }

    /// What the server does.
    fn of_server(&self, r: &mut Registry) {
        let of = "Answers, by route and status";
        r.register("requests", of, self.requests.clone());
        let of = "Requests that were refused, by reason";
        r.register("refusals", of, self.refusals.clone());
        let of = "Tasks decided, by policy";
        r.register("decisions", of, self.decisions.clone());
        let of = "Time from a request to its answer";
        r.register_with_unit("request", of, Unit::Seconds, self.request_seconds.clone());
        let of = "Time of a decision, allocation of CPU included";
        r.register_with_unit("decision", of, Unit::Seconds, self.decision_seconds.clone());
        r.register("connections", "Open connections", self.connections.clone());
        let of = "Scenarios reloaded on SIGHUP";
        r.register("reloads", of, self.reloads.clone());
        let of = "Scenarios that SIGHUP asked for and that were invalid";
        r.register("failed_reloads", of, self.failed_reloads.clone());
    }

    /// What the centre does.
    fn of_centre(&self, r: &mut Registry) {
        let of = "Tasks of a batch";
        r.register("batch_tasks", of, self.batch_tasks.clone());
        let of = "Gap of a batch to its certified lower bound";
        r.register("gap", of, self.gap.clone());
        r.register("lbm", "LBM of the last batch", self.lbm.clone());
        let of = "Share of its CPU that an RSU granted in the last batch";
        r.register("load", of, self.loads.clone());
        let of = "Batches that nearest decided in place of the policy, by reason";
        r.register("fallbacks", of, self.fallbacks.clone());
        let of = "Times that the journal could not be written";
        r.register("journal_failures", of, self.journal_failures.clone());
        let of = "Tasks whose lease ended without an outcome";
        r.register("leases_ended", of, self.leases_ended.clone());
        r.register("lost", "Tasks that were reported lost", self.lost.clone());
        let (of, unit) = ("Predicted delay of tasks with an outcome", Unit::Seconds);
        r.register_with_unit("predicted_delay", of, unit, self.predicted_delay.clone());
        let (of, unit) = ("Measured delay of tasks", Unit::Seconds);
        r.register_with_unit("measured_delay", of, unit, self.measured_delay.clone());
        r.register("vehicles", "Vehicles present", self.vehicles.clone());
        r.register("open_tasks", "Tasks without an outcome", self.open.clone());
        let of = "Tasks that wait for a decision";
        r.register("waiting_tasks", of, self.waiting.clone());
    }

    /// Counts a batch.
    pub(crate) fn batch(&self, report: &DecisionReport) {
        let tasks = report.placements.len();
        self.decided(&report.policy, tasks);
        self.decision_seconds.observe(report.decision_time_s);
        self.batch_tasks.observe(tasks as f64);
        if let Some(gap) = report.gap {
            self.gap.observe(gap);
        }
        if let Some(lbm) = report.load.lbm {
            self.lbm.set(lbm);
        }
        for (rsu, load) in &report.load.per_rsu {
            let labels = [("rsu", rsu.clone())];
            let load = load.as_f64().unwrap_or(f64::NAN);
            self.loads.get_or_create(&labels).set(load);
        }
    }

    /// Counts a batch that `nearest` decided.
    pub(crate) fn fell_back(&self, reason: &str) {
        let labels = [("reason", reason.to_owned())];
        self.fallbacks.get_or_create(&labels).inc();
    }

    /// Counts the outcome of a task.
    pub(crate) fn ended(&self, predicted_s: f64, measured_s: Option<f64>) {
        match measured_s {
            Some(measured_s) => {
                self.predicted_delay.observe(predicted_s);
                self.measured_delay.observe(measured_s);
            }
            None => _ = self.lost.inc(),
        }
    }

    /// What the centre holds.
    pub(crate) fn hold(&self, vehicles: usize, open: usize, waiting: usize) {
        self.vehicles.set(vehicles as i64);
        self.open.set(open as i64);
        self.waiting.set(waiting as i64);
    }

    /// Counts an answer.
    pub(crate) fn answered(&self, route: &str, status: u16) {
        let labels = [("route", route.to_owned()), ("status", status.to_string())];
        self.requests.get_or_create(&labels).inc();
    }

    /// Counts a refusal.
    pub(crate) fn refused(&self, reason: &str) {
        let labels = [("reason", reason.to_owned())];
        self.refusals.get_or_create(&labels).inc();
    }

    /// Counts tasks that `policy` decided.
    pub(crate) fn decided(&self, policy: &str, tasks: usize) {
        let labels = [("policy", policy.to_owned())];
        self.decisions.get_or_create(&labels).inc_by(tasks as u64);
    }

    /// All metrics, in the text format of OpenMetrics.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        text::encode(&mut out, &self.registry).expect("a String takes all");
        out
    }
}
