//! The centre, as an agent asks it: where a task runs, and what became of it.

use super::event::{Answered, Event};
use crate::centre::Placed;
use crate::client::Client;
use crate::pace::Pace;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::mpsc;
use wayside_core::agent::{Answer, Done, Failed, Loss, Offer};
use wayside_core::engine::world::World;
use wayside_core::slot::Placement;

/// The centre.
pub(super) struct Centre {
    client: Arc<Client>,
    world: Arc<World>,
    tell: mpsc::Sender<Event>,
    pace: Pace,
    /// Tasks without an outcome, by their number.
    asked: BTreeMap<u64, Asked>,
}

/// A task that was asked for.
struct Asked {
    body: Value,
    /// The centre's id for it and when it was answered \[s\], once it has been.
    placed: Option<(String, f64)>,
}

impl Centre {
    pub(super) fn new(
        client: Client,
        world: Arc<World>,
        pace: Pace,
        tell: mpsc::Sender<Event>,
    ) -> Self {
        Self {
            client: Arc::new(client),
            world,
            tell,
            pace,
            asked: BTreeMap::new(),
        }
    }

    /// A vehicle has a task.
    pub(super) fn offered(&mut self, number: u64, vehicle: &str, offer: &Offer) {
        let body = json!({
            "vehicle": vehicle,
            "cycles": offer.cycles,
            "data_bits": offer.data_bits,
            "deadline_s": offer.deadline_s,
        });
        let placed = None;
        self.asked.insert(number, Asked { body, placed });
    }

    /// Asks where a task runs; an [`Event::Answered`] follows. The centre hears first what became of the plan before.
    pub(super) fn ask(&mut self, number: u64, failed: Option<Failed>) {
        let Some(asked) = self.asked.get_mut(&number) else {
            return;
        };
        let before = asked.placed.take();
        let (client, world) = (Arc::clone(&self.client), Arc::clone(&self.world));
        let (body, tell) = (asked.body.clone(), self.tell.clone());
        tokio::spawn(async move {
            if let Some(failed) = failed {
                give_up(&client, &world, before.map(|(id, _)| id), failed).await;
            }
            let answer = place(&client, &world, &body).await;
            _ = tell.send(Event::Answered(number, answer)).await;
        });
    }

    /// Keeps the centre's id of a task; one that nobody waits for any more is given back.
    pub(super) fn placed(&mut self, number: u64, id: String) {
        match self.asked.get_mut(&number) {
            Some(asked) => asked.placed = Some((id, self.pace.now_s())),
            None => self.report(id, json!({ "lost": "the vehicle has gone" })),
        }
    }

    /// Tells the centre what became of a task; it frees what the task held. Without a result nobody wants it any more.
    pub(super) fn ended(&mut self, number: u64, result: Option<Result<Done, Loss>>) {
        let Some((id, placed_s)) = self.asked.remove(&number).and_then(|asked| asked.placed) else {
            return;
        };
        let body = match result {
            None => json!({ "lost": "the vehicle has gone" }),
            Some(Err(loss)) => json!({ "lost": loss.name() }),
            Some(Ok(done)) => {
                let spent = done.spent;
                let known_s = spent.wait_s + spent.transmission_s + spent.compute_s;
                // what the agent does not see: the upload to another one, and messages
                let upload_s = (self.pace.now_s() - placed_s - known_s).max(0.0);
                json!({ "delay_parts_s": {
                    "upload": upload_s,
                    "migration": spent.transmission_s,
                    "wait": spent.wait_s,
                    "compute": spent.compute_s,
                }})
            }
        };
        self.report(id, body);
    }

    /// Forgets a task that runs on its vehicle: the centre predicts its end, and nobody else sees it.
    pub(super) fn leave(&mut self, number: u64) {
        self.asked.remove(&number);
    }

    fn report(&self, id: String, body: Value) {
        let client = Arc::clone(&self.client);
        // a centre that is not told frees what the task held when its lease ends
        tokio::spawn(async move {
            _ = client.ask("POST", &outcome_of(&id), Some(&body)).await;
        });
    }
}

fn outcome_of(id: &str) -> String {
    format!("/v1/tasks/{id}/outcome")
}

/// Tells the centre of a plan that failed: what it held is free, and a server that did not answer has nothing to give for a while.
async fn give_up(client: &Client, world: &World, id: Option<String>, failed: Failed) {
    if let Some(id) = id {
        let body = json!({ "lost": failed.loss.name() });
        _ = client.ask("POST", &outcome_of(&id), Some(&body)).await;
    }
    let is_silent = matches!(
        failed.loss,
        Loss::NoAnswer | Loss::ServerOut | Loss::LinkFailed
    );
    if let Some(row) = failed.execution.filter(|_| is_silent) {
        let path = format!("/v1/rsus/{}/state", world.rsus.id[row as usize]);
        let body = json!({ "free_cpu_hz": 0.0 });
        _ = client.ask("PUT", &path, Some(&body)).await;
    }
}

async fn place(client: &Client, world: &World, body: &Value) -> Answered {
    let answer = client.ask("POST", "/v1/tasks", Some(body)).await;
    let answer = answer.map_err(|_| Loss::NoDecision)?;
    let placed = serde_json::from_slice::<Placed>(&answer).map_err(|_| Loss::NoDecision)?;
    // a centre of another scenario places tasks where nobody is
    let (placement, path) = placed.rows(world).ok_or(Loss::NoDecision)?;
    let upload_s = placed.placement.delay_parts_s.upload;
    let is_sane = upload_s.is_finite() && upload_s >= 0.0;
    if !is_sane || matches!(placement, Placement::Cloud { .. }) {
        return Err(Loss::NoDecision);
    }
    let answer = Answer {
        placement,
        path,
        cpu_hz: placed.placement.cpu_hz,
        upload_s,
    };
    Ok((placed.id, answer))
}
