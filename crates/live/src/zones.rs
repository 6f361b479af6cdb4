//! `/retrieve-optimal-edge-cloud-zones`: CAMARA's optimal edge discovery, with RSUs as zones.

use crate::app::App;
use crate::body::SMALL;
use crate::problem::Problem;
use crate::tasks::json_of;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use wayside_core::Scenario;
use wayside_core::config::{self, Document, Section, Text};
use wayside_core::engine::BoundKind;
use wayside_core::policy::Policy;
use wayside_core::slot::{Decision, NamedSlot, Placement, Slot};
use wayside_study::decision;

/// What is asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Asked {
    device: String,
    profile: Option<String>,
}

fn asked(s: &mut Section<'_>) -> Asked {
    let device = s.section("device", "The device", |s| {
        s.required("networkAccessIdentifier", Text::NAME, "id of the vehicle")
    });
    let (without, doc) = (
        "not repeated",
        "profile of the application, repeated in the answer",
    );
    let profile = s.optional("applicationProfileId", Text::NAME, without, doc);
    let doc = "region; there is only one";
    s.optional("edgeCloudRegion", Text::ANY, "any", doc);
    Asked { device, profile }
}

/// Reads what is asked.
pub(crate) fn read(text: &str) -> wayside_core::Result<Asked> {
    config::read(&Document::from_json("body", text)?, |s| Some(asked(s)))
}

pub(crate) fn schema() -> Value {
    config::schema("OptimalEdgeDiscoveryInfo", &config::describe(asked))
}

/// RSUs that can execute a task of the device, cheapest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EdgeDiscoveryResponse {
    /// The RSUs.
    pub edge_cloud_zones: Vec<EdgeCloudZone>,
    /// As in the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application_profile_id: Option<String>,
    /// As in the request.
    pub device: DeviceResponse,
}

/// The device that was meant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeviceResponse {
    /// Id of the vehicle.
    pub network_access_identifier: String,
}

/// An RSU as a zone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EdgeCloudZone {
    /// A UUID (version 8) made of the RSU's id.
    pub edge_cloud_zone_id: String,
    /// Id of the RSU.
    pub edge_cloud_zone_name: String,
    /// `wayside`.
    pub edge_cloud_provider: String,
    /// Name of the scenario.
    pub edge_cloud_region: String,
    /// `active`.
    pub edge_cloud_zone_status: String,
}

pub(crate) async fn retrieve(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let text = app.budget.read(&headers, body, SMALL).await?;
    let asked = read(&text.text).map_err(|error| Problem::of_input(&error))?;
    let Asked { device, profile } = asked;
    let id = device.clone();
    let look = app.desk.look(move |centre, now_s| {
        let slot = centre.probe(now_s, &id)?;
        Some((slot, centre.world().scenario.clone()))
    });
    let Some((slot, scenario)) = look.await? else {
        let message = format!("no vehicle {device:?}");
        return Err(Problem::new(StatusCode::NOT_FOUND, message));
    };
    let zones = app.workers.run(move || zones(slot, &scenario)).await?;
    let mut response = json_of(&EdgeDiscoveryResponse {
        edge_cloud_zones: zones.map_err(|error| Problem::of_input(&error))?,
        application_profile_id: profile,
        device: DeviceResponse {
            network_access_identifier: device,
        },
    });
    if let Some(correlator) = headers.get("x-correlator") {
        response
            .headers_mut()
            .insert("x-correlator", correlator.clone());
    }
    Ok(response)
}

/// The RSUs that can execute the one task of `slot`, in order of what it would cost there now; ties in order of rows.
fn zones(mut slot: NamedSlot, scenario: &Scenario) -> wayside_core::Result<Vec<EdgeCloudZone>> {
    let mut costs = Vec::new();
    for execution in 0..slot.slot.rsus.len() {
        let Some(placement) = entered(&slot.slot, execution as u32) else {
            continue;
        };
        let by = ("fixed", Box::new(Fixed(placement)) as Box<dyn Policy>);
        let report = decision::decide("zone", &slot, by, BoundKind::Off)?;
        let there = report.placements[0].execution.is_some();
        costs.extend(
            report
                .objective
                .filter(|_| there)
                .map(|cost| (cost, execution)),
        );
    }
    costs.sort_by(|(a, i), (b, j)| a.total_cmp(b).then(i.cmp(j)));
    let ids = std::mem::take(&mut slot.slot.rsus.id);
    let zone = |(_, row): (f64, usize)| EdgeCloudZone {
        edge_cloud_zone_id: uuid(&ids[row]),
        edge_cloud_zone_name: ids[row].clone(),
        edge_cloud_provider: "wayside".to_owned(),
        edge_cloud_region: scenario.name.clone(),
        edge_cloud_zone_status: "active".to_owned(),
    };
    Ok(costs.into_iter().map(zone).collect())
}

/// Execution at an RSU, entered by the nearest one that has a route to it.
fn entered(slot: &Slot, execution: u32) -> Option<Placement> {
    let free = slot.rsus.available_cpu_hz(execution as usize) > 0.0;
    let mut links = slot.links(0).iter().filter(|_| free);
    let link = links
        .find(|link| link.rsu == execution || slot.routes.find(link.rsu, execution).is_some())?;
    Some(Placement::Rsu {
        entry: link.rsu,
        execution,
    })
}

/// The policy that places every task alike.
struct Fixed(Placement);

impl Policy for Fixed {
    fn decide(&mut self, slot: &Slot, decision: &mut Decision) {
        decision.placements.resize(slot.tasks.len(), self.0);
    }
}

/// A UUID of version 8 that is always the same for `id`.
fn uuid(id: &str) -> String {
    let digest = Sha256::digest(id);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    bytes[6] = 0x80 | bytes[6] & 0x0f;
    bytes[8] = 0x80 | bytes[8] & 0x3f;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let parts = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    parts.join("-")
}
