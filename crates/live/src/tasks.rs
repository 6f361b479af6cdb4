//! `/v1/tasks`: what is to be placed, and what became of it.

use crate::app::App;
use crate::body::SMALL;
use crate::centre::Key;
use crate::centre::requests::{read_outcome, read_tasks};
use crate::desk::Acted;
use crate::problem::{Id, Problem};
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::sync::Arc;
use tokio::sync::oneshot;

/// The header that makes a repeat harmless.
pub(crate) const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Predicted and measured delay of a task.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OutcomeTaken {
    /// Delay that was predicted when the task was placed \[s\].
    pub predicted_delay_s: f64,
    /// Delay that was measured \[s\]; null where the task was lost.
    pub measured_delay_s: Option<f64>,
}

pub(crate) async fn post_tasks(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let text = app.budget.read(&headers, body, SMALL).await?;
    let read = read_tasks(&text.text).map_err(|error| Problem::of_input(&error))?;
    let key = key(&headers, &text.text)?;
    drop(text);
    let placed = app.desk.submit(read.tasks, key).await?;
    Ok(match (read.single, placed.tasks.as_slice()) {
        (true, [one]) => json_of(one),
        _ => json_of(&placed),
    })
}

/// The request's key, where it has one, with the hash of its body.
fn key(headers: &HeaderMap, body: &str) -> Result<Option<Key>, Problem> {
    let Some(name) = headers.get(IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    let name = name.to_str();
    let name = name.map_err(|_| Problem::at(IDEMPOTENCY_KEY, "must be visible ASCII"))?;
    let mut hash = String::new();
    for byte in Sha256::digest(body) {
        let _ = write!(hash, "{byte:02x}");
    }
    let name = name.to_owned();
    Ok(Some(Key { name, hash }))
}

pub(crate) async fn post_outcome(
    State(app): State<Arc<App>>,
    Id(id): Id,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let text = app.budget.read(&headers, body, SMALL).await?;
    let outcome = read_outcome(&text.text).map_err(|error| Problem::of_input(&error))?;
    let (tell, mut told) = oneshot::channel();
    let parts = outcome.parts.map(|parts| json!(parts));
    let lost = outcome.lost.clone();
    app.desk
        .change(move |centre, _| {
            let (ended, changes) = centre.outcome(&id, &outcome)?;
            let _ = tell.send(ended);
            let event = json!({
                "id": id,
                "predicted_delay_s": ended.predicted_s,
                "measured_delay_s": ended.measured_s,
                "delay_parts_s": parts,
                "lost": lost,
            });
            Ok(Acted {
                changes,
                event: Some(("outcome", event)),
            })
        })
        .await?;
    let ended = told.try_recv().expect("it was changed");
    app.metrics.ended(ended.predicted_s, ended.measured_s);
    Ok(json_of(&OutcomeTaken {
        predicted_delay_s: ended.predicted_s,
        measured_delay_s: ended.measured_s,
    }))
}

pub(crate) fn json_of(value: &impl Serialize) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    let text = serde_json::to_string(value).expect("plain data");
    (kind, text).into_response()
}
