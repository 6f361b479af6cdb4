//! The centre of an emulation, and the vehicles that tell it where they are.

use super::EmulateConfig;
use super::process::Process;
use super::traffic::Task;
use crate::client::Client;
use crate::pace::Pace;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use wayside_core::{Error, Result};

/// How long before their tasks vehicles tell where they will be \[s\].
pub(super) const LEAD_S: f64 = 0.1;
/// How long the centre waits for the tasks of an instant \[ms\], if not all of them come.
const WINDOW_MS: f64 = 20.0;
/// How long a policy may take \[ms\]: nothing is to stand in for it.
const DECIDE_MS: f64 = 60_000.0;
/// How long the centre may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Starts a centre that decides by `policy`; where it listens.
pub(super) fn start(
    config: &EmulateConfig,
    (policy, seed): (&str, u64),
    tasks: &[Task],
    home: &Path,
) -> Result<(Process, String)> {
    let mut scenario = config.world.scenario.clone();
    let serve = &mut scenario.serve;
    // a batch is full when the tasks of an instant are there
    let at_once = tasks
        .chunk_by(|a, b| a.at_s.to_bits() == b.at_s.to_bits())
        .map(<[Task]>::len);
    serve.batch_max = at_once.max().unwrap_or(1);
    serve.batch_ms = WINDOW_MS;
    serve.decide_ms = DECIDE_MS;
    serve.bound = false;
    let file = home.join("centre.toml");
    std::fs::write(&file, scenario.to_toml()).map_err(|e| Error::io(&file, e))?;
    let (file, seed, dilate) = (
        file.display().to_string(),
        seed.to_string(),
        config.dilate.to_string(),
    );
    let arguments = [
        "serve",
        &file,
        "--of-parent",
        "--listen",
        "127.0.0.1:0",
        "--policy",
        policy,
        "--seed",
        &seed,
        "--dilate",
        &dilate,
    ];
    let mut process = Process::start(&config.program, &arguments, "the centre".to_owned())?;
    let line = process.line()?;
    match line.strip_prefix("listening on http://") {
        Some(address) => Ok((process, address.trim().to_owned())),
        None => Err(process.ended()),
    }
}

/// The name of a vehicle: in the order of their numbers.
pub(super) fn name(vehicle: u64) -> String {
    format!("v{vehicle:09}")
}

/// Tells the centre where vehicles are, a little before their tasks arise.
pub(super) async fn tell_places(tasks: Vec<Task>, centre: String, pace: Pace) {
    let client = Arc::new(Client::new(&centre, None, PATIENCE));
    for at_once in tasks.chunk_by(|a, b| a.at_s.to_bits() == b.at_s.to_bits()) {
        pace.until(at_once[0].at_s - LEAD_S).await;
        for task in at_once {
            let (path, offer) = (format!("/v1/vehicles/{}", name(task.vehicle)), task.offer);
            let body = json!({
                "x_m": task.place_m[0],
                "y_m": task.place_m[1],
                "cpu_hz": offer.cpu_hz,
                "tx_power_w": offer.tx_power_w,
                "energy_coeff": offer.energy_coeff,
            });
            let client = Arc::clone(&client);
            // one that is not told will not know the vehicle, and its task is lost with that reason
            tokio::spawn(async move { client.ask("PUT", &path, Some(&body)).await });
        }
    }
}
