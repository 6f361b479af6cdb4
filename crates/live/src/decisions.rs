//! `POST /v1/decisions`: what `wayside decide` does, stateless.

use crate::app::App;
use crate::problem::Problem;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::sync::Arc;
use wayside_core::Slot;
use wayside_core::engine::{BoundKind, PolicyFactory as _, SharedFactory};
use wayside_core::scenario::PolicyOptions;
use wayside_study::decision::{self, DecisionReport};

/// How to decide.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    policy: Option<String>,
    bound: Option<String>,
}

/// Names of the bounds, as those of `--bound`.
pub(crate) const BOUNDS: [(&str, BoundKind); 5] = [
    ("off", BoundKind::Off),
    ("simple", BoundKind::Simple),
    ("split", BoundKind::Split),
    ("auto", BoundKind::Horizon),
    ("horizon", BoundKind::Horizon),
];

pub(crate) async fn decide(
    State(app): State<Arc<App>>,
    asked: Result<Query<Asked>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let Query(asked) =
        asked.map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.body_text()))?;
    let factory = app.policy(asked.policy.as_deref())?;
    let bound = bound(asked.bound.as_deref())?;
    let most = app.options.body_max_bytes;
    let text = app.budget.read(&headers, body, most).await?;
    let options = app.policy_options;
    let work = move || report(&text.text, &factory, &options, bound);
    let report = app.workers.run(work).await??;
    app.metrics.decided(&report.policy, report.placements.len());
    app.metrics.decision_seconds.observe(report.decision_time_s);
    let json = [(header::CONTENT_TYPE, "application/json")];
    Ok((json, report.to_json()).into_response())
}

fn report(
    text: &str,
    factory: &SharedFactory,
    options: &PolicyOptions,
    bound: BoundKind,
) -> Result<DecisionReport, Problem> {
    let decide = || {
        let slot = Slot::from_json("body", text)?;
        let policy = factory.for_slot(&slot.slot, options)?;
        decision::decide("body", &slot, (factory.name(), policy), bound)
    };
    decide().map_err(|error| Problem::of_input(&error))
}

fn bound(name: Option<&str>) -> Result<BoundKind, Problem> {
    let name = name.unwrap_or("off");
    // `?bound` alone is simple, as the flag is
    let name = if name.is_empty() { "simple" } else { name };
    let known = BOUNDS.iter().find(|(known, _)| *known == name);
    known.map(|&(_, bound)| bound).ok_or_else(|| {
        let names = BOUNDS.map(|(name, _)| name);
        let message = wayside_core::config::unknown("bound", name, &names);
        Problem::at("bound", message)
    })
}
