//! `/v1/vehicles` and `/v1/rsus`: who is there, and how they are.

use crate::app::App;
use crate::body::SMALL;
use crate::centre::Refusal;
use crate::centre::requests::{read_rsu, read_vehicle};
use crate::desk::Acted;
use crate::problem::{Id, Problem};
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde_json::json;
use std::sync::Arc;
use wayside_core::Error;

pub(crate) async fn put_vehicle(
    State(app): State<Arc<App>>,
    Id(id): Id,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    let text = app.budget.read(&headers, body, SMALL).await?;
    let vehicle = read_vehicle(&text.text).map_err(|error| Problem::of_input(&error))?;
    app.desk
        .change(move |centre, now_s| {
            let vehicle = vehicle.on_map(centre.world());
            let vehicle = vehicle.map_err(|error| match error {
                Error::Invalid(problems) => Refusal::Input(problems),
                other => Refusal::Conflict(other.to_string()),
            })?;
            let event = json!({
                "id": id, "x_m": vehicle.x_m, "y_m": vehicle.y_m, "speed_mps": vehicle.traits.speed_mps,
            });
            Ok(Acted {
                changes: centre.vehicle(now_s, id, vehicle)?,
                event: Some(("vehicle", event)),
            })
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn delete_vehicle(
    State(app): State<Arc<App>>,
    Id(id): Id,
) -> Result<StatusCode, Problem> {
    app.desk
        .change(move |centre, _| {
            Ok(Acted {
                changes: centre.leave(&id)?,
                event: Some(("gone", json!({ "id": id }))),
            })
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn put_rsu(
    State(app): State<Arc<App>>,
    Id(id): Id,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    let text = app.budget.read(&headers, body, SMALL).await?;
    let report = read_rsu(&text.text).map_err(|error| Problem::of_input(&error))?;
    let event = json!({ "id": id, "free_cpu_hz": report.free_cpu_hz, "queue": report.queue });
    app.desk
        .change(move |centre, now_s| {
            Ok(Acted {
                changes: centre.report(now_s, &id, report)?,
                event: Some(("rsu", event)),
            })
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
