//! `/v1/state` and `/v1/events`: what is, and what happens.

use crate::app::App;
use crate::centre;
use crate::desk;
use crate::problem::Problem;
use crate::stop::Stop;
use crate::tasks::json_of;
use axum::extract::State;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::timeout;

pub(crate) async fn state(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let state: centre::State = app.desk.look(|centre, now_s| centre.state(now_s)).await?;
    Ok(json_of(&state))
}

/// After so long without an event a comment says that the server is still there.
const SILENCE: Duration = Duration::from_secs(15);

/// Events until the client or the server ends. Who reads too slowly is told how many events went by.
pub(crate) async fn events(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    if app.desk.listeners() >= app.options.streams_max {
        return Err(Problem::too_much("too many streams of events"));
    }
    let listener = app.desk.listen();
    let stop = app.stop.clone();
    let next = |(mut listener, stop): (Receiver<desk::Event>, Stop)| async move {
        let heard = tokio::select! {
            heard = timeout(SILENCE, listener.recv()) => heard,
            () = stop.asked() => return None,
        };
        let Ok(heard) = heard else {
            return Some((Ok(Event::default().comment("alive")), (listener, stop)));
        };
        let event = match heard {
            Ok((name, data)) => Event::default()
                .event(name)
                .data(AsRef::<str>::as_ref(&data)),
            Err(RecvError::Lagged(count)) => Event::default()
                .event("missed")
                .data(format!("{{\"events\":{count}}}")),
            Err(RecvError::Closed) => return None,
        };
        Some((Ok::<_, Infallible>(event), (listener, stop)))
    };
    let events = stream::unfold((listener, stop), next);
    Ok(Sse::new(events).into_response())
}
