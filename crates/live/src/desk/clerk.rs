//! The task that owns the centre: one request at a time, so nothing is ever locked. Policies run on threads of their own, the
//! journal on its own, and answers go out once what they say is durable.

use super::asks::{Ask, Event, News, Reply};
use crate::centre::{Batch, Centre, Change, PlacedTasks, Refusal, Submitted};
use crate::clock::Clock;
use crate::journal::{Done, Journal};
use crate::metrics::Metrics;
use crate::mind::Mind;
use crate::problem::Problem;
use axum::http::StatusCode;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{broadcast, mpsc};
use tokio::task::{JoinError, JoinHandle, spawn_blocking};
use tokio::time::{Instant, sleep_until};
use wayside_core::engine::SharedFactory;
use wayside_core::engine::world::World;
use wayside_study::decision::DecisionReport;

/// How often a journal that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// A decision under way.
struct Run {
    batch: Arc<Batch>,
    made: JoinHandle<Made>,
    /// None where `nearest` decides, which nothing stands in for.
    until: Option<Instant>,
}

/// A policy that comes back, with its decision.
type Made = (Mind, wayside_core::Result<DecisionReport>);

/// The owner of the centre.
pub(super) struct Clerk {
    pub(super) centre: Centre,
    pub(super) clock: Clock,
    pub(super) factory: SharedFactory,
    pub(super) seed: u64,
    pub(super) journal: Journal,
    pub(super) metrics: Arc<Metrics>,
    pub(super) events: broadcast::Sender<Event>,
    pub(super) is_failing: Arc<AtomicBool>,
    pub(super) news: mpsc::UnboundedSender<News>,
    /// When the journal is tried again.
    pub(super) retry: Option<Instant>,
    /// The policy; none while it decides, or where it failed.
    pub(super) mind: Option<Mind>,
    /// Whether the one that decides now is of a world that is no more.
    pub(super) is_stale: bool,
    /// Who waits for a submission.
    pub(super) waiters: BTreeMap<u64, Vec<Reply<PlacedTasks>>>,
    pub(super) leases_ended: u64,
}

impl Clerk {
    /// Works until nobody can ask any more.
    pub(super) async fn work(
        mut self,
        mut inbox: mpsc::Receiver<Ask>,
        mut heard: mpsc::UnboundedReceiver<News>,
    ) {
        let mut run: Option<Run> = None;
        // a policy that took too long, until it comes back
        let mut late: Option<JoinHandle<Made>> = None;
        loop {
            let next = self.centre.next_s().map(|s| self.clock.timer(s));
            let until = run.as_ref().and_then(|run| run.until);
            tokio::select! {
                ask = inbox.recv() => match ask {
                    Some(ask) => {
                        // who was told of a failure and asks again finds it dealt with
                        while let Ok(news) = heard.try_recv() {
                            self.hear(news).await;
                        }
                        self.answer(ask).await;
                    }
                    None => break,
                },
                made = joined(run.as_mut().map(|run| &mut run.made)) => {
                    let ended = run.take().expect("it ran");
                    run = self.made(ended, made).await;
                }
                made = joined(late.as_mut()) => {
                    late = None;
                    self.mind = made.ok().map(|(mind, _)| mind);
                    self.renew();
                }
                () = at(until) => {
                    let slow = run.take().expect("it ran");
                    late = Some(slow.made);
                    run = Some(self.stand_in(slow.batch, "slow"));
                }
                Some(news) = heard.recv() => self.hear(news).await,
                () = at(self.retry) => self.recover().await,
                () = at(self.journal.due()) => self.journal.flush().await,
                () = at(next) => {}
            }
            self.pass_time();
            if run.is_none() {
                run = self.begin(late.is_some());
            }
            self.measure();
        }
        self.journal.close().await;
    }

    async fn answer(&mut self, ask: Ask) {
        let now_s = self.clock.now_s();
        match ask {
            Ask::Look(look) => look(&mut self.centre, now_s),
            Ask::Reload(world, reply) => {
                let _ = reply.send(self.reload(world, now_s));
            }
            Ask::Change(_, reply) if self.is_failing() => {
                let _ = reply.send(Err(not_durable()));
            }
            Ask::Submit(_, _, reply) if self.is_failing() => {
                let _ = reply.send(Err(not_durable()));
            }
            Ask::Change(act, reply) => match act(&mut self.centre, now_s) {
                Ok(acted) => {
                    if let Some((name, event)) = acted.event {
                        self.publish(name, || event);
                    }
                    self.write(acted.changes, reply, ()).await;
                }
                Err(refusal) => {
                    let _ = reply.send(Err(problem(refusal)));
                }
            },
            Ask::Submit(tasks, key, reply) => match self.centre.submit(now_s, tasks, key) {
                Ok(Submitted::Waits(number)) => {
                    self.waiters.entry(number).or_default().push(reply);
                }
                // after whatever the journal still has to write of it
                Ok(Submitted::Known(answer)) => self.write(Vec::new(), reply, answer).await,
                Err(refusal) => {
                    let _ = reply.send(Err(problem(refusal)));
                }
            },
        }
    }

    /// Replies once `changes` are durable.
    async fn write<T: Send + 'static>(&mut self, changes: Vec<Change>, reply: Reply<T>, answer: T) {
        let (news, alarm) = (self.news.clone(), self.alarm());
        let done: Done = Box::new(move |is_durable| {
            let answer = match is_durable {
                true => Ok(answer),
                false => {
                    alarm();
                    let (tasks, keys) = (Vec::new(), Vec::new());
                    let _ = news.send(News::Failed { tasks, keys });
                    Err(not_durable())
                }
            };
            let _ = reply.send(answer);
        });
        self.journal.write(changes, done).await;
    }

    /// Begins with the batch that is due.
    fn begin(&mut self, is_late: bool) -> Option<Run> {
        let (now_s, due_s) = (self.clock.now_s(), self.clock.due_s());
        let (batch, refused) = self.centre.batch(now_s, due_s);
        for (number, refusal) in refused {
            let problem = problem(refusal);
            for reply in self.waiters.remove(&number).unwrap_or_default() {
                let _ = reply.send(Err(problem.clone()));
            }
        }
        let batch = Arc::new(batch?);
        let Some(mut mind) = self.mind.take() else {
            let reason = if is_late { "busy" } else { "failed" };
            return Some(self.stand_in(batch, reason));
        };
        let decided = Arc::clone(&batch);
        let most = Duration::from_secs_f64(1e-3 * self.centre.world().scenario.serve.decide_ms);
        Some(Run {
            batch,
            made: spawn_blocking(move || {
                let report = mind.decide(&decided);
                (mind, report)
            }),
            until: Some(Instant::now() + most),
        })
    }

    /// Lets `nearest` decide.
    fn stand_in(&self, batch: Arc<Batch>, reason: &str) -> Run {
        self.metrics.fell_back(reason);
        let mut mind = Mind::nearest(self.centre.world());
        let decided = Arc::clone(&batch);
        Run {
            batch,
            made: spawn_blocking(move || {
                let report = mind.decide(&decided);
                (mind, report)
            }),
            until: None,
        }
    }

    /// Takes a decision; what has to be decided again.
    async fn made(&mut self, run: Run, made: Result<Made, JoinError>) -> Option<Run> {
        let is_policy = run.until.is_some();
        let (mind, report) = match made {
            Ok((mind, report)) => (Some(mind), report.ok()),
            Err(_) => (None, None),
        };
        if is_policy {
            self.mind = mind;
            self.renew();
        }
        match report {
            Some(report) => {
                self.place(run.batch, report).await;
                None
            }
            None if is_policy => Some(self.stand_in(run.batch, "failed")),
            // `nearest` decides any slot; were that not so, nobody waits for ever
            None => {
                self.waiters.clear();
                None
            }
        }
    }

    /// Makes the policy anew where it panicked, or where the world has changed meanwhile.
    fn renew(&mut self) {
        if std::mem::take(&mut self.is_stale) || self.mind.is_none() {
            self.mind = Mind::new(&self.factory, self.seed, self.centre.world()).ok();
        }
    }

    /// Lets the tasks of a batch hold what they got, and answers once that is durable.
    async fn place(&mut self, batch: Arc<Batch>, report: DecisionReport) {
        let now_s = self.clock.now_s();
        self.metrics.batch(&report);
        let batch = Arc::unwrap_or_clone(batch);
        let heard = self.events.receiver_count() > 0;
        let told = heard.then(|| report.clone());
        let decided = self.centre.decided(now_s, batch, report);
        if let Some(report) = told {
            let answers = &decided.answers;
            let placed: Vec<_> = answers
                .iter()
                .flat_map(|(_, answer)| &answer.tasks)
                .collect();
            let event = json!({
                "time_s": now_s,
                "policy": report.policy,
                "objective": report.objective,
                "lower_bound": report.lower_bound,
                "gap": report.gap,
                "load": report.load,
                "decision_time_s": report.decision_time_s,
                "tasks": placed,
            });
            self.publish("batch", || event);
        }
        let mut replies = Vec::new();
        for (number, answer) in decided.answers {
            let mut waiters = self.waiters.remove(&number).unwrap_or_default();
            let last = waiters.pop();
            replies.extend(waiters.into_iter().map(|reply| (reply, answer.clone())));
            replies.extend(last.map(|reply| (reply, answer)));
        }
        let (news, tasks, keys) = (self.news.clone(), decided.tasks, decided.keys);
        let alarm = self.alarm();
        let done: Done = Box::new(move |is_durable| {
            if !is_durable {
                alarm();
                let _ = news.send(News::Failed { tasks, keys });
            }
            for (reply, answer) in replies {
                let _ = reply.send(match is_durable {
                    true => Ok(answer),
                    false => Err(not_durable()),
                });
            }
        });
        self.journal.write(decided.changes, done).await;
    }

    /// To be called where a commit has failed, before anybody is told: who hears of it finds the server not ready.
    fn alarm(&self) -> impl FnOnce() + Send + use<> {
        let (is_failing, metrics) = (Arc::clone(&self.is_failing), Arc::clone(&self.metrics));
        move || {
            if !is_failing.swap(true, Ordering::Relaxed) {
                metrics.journal_failures.inc();
            }
        }
    }

    async fn hear(&mut self, news: News) {
        match news {
            News::Failed { tasks, keys } => {
                self.retry.get_or_insert(Instant::now() + RETRY);
                let changes = self.centre.undo(&tasks, &keys);
                self.journal.write(changes, Box::new(|_| {})).await;
            }
            News::Recovered => {
                self.is_failing.store(false, Ordering::Relaxed);
                self.retry = None;
            }
        }
    }

    /// Tries to write the whole state to a journal that failed.
    async fn recover(&mut self) {
        self.retry = None;
        let news = self.news.clone();
        let (tasks, keys) = (Vec::new(), Vec::new());
        let done: Done = Box::new(move |is_durable| {
            let _ = news.send(match is_durable {
                true => News::Recovered,
                false => News::Failed { tasks, keys },
            });
        });
        self.journal.rewrite(self.centre.saved(), done).await;
    }

    fn pass_time(&mut self) {
        let changes = self.centre.advance(self.clock.due_s());
        // nobody waits for it: what is lost here is over after a restart too
        self.journal.defer(changes);
        let ended = self.centre.leases_ended;
        self.metrics.leases_ended.inc_by(ended - self.leases_ended);
        self.leases_ended = ended;
    }

    fn reload(&mut self, world: Arc<World>, now_s: f64) -> wayside_core::Result<()> {
        let mind = Mind::new(&self.factory, self.seed, &world)?;
        self.centre.reload(world, now_s)?;
        self.journal.defer(vec![self.centre.surroundings()]);
        match self.mind {
            Some(_) => self.mind = Some(mind),
            None => self.is_stale = true,
        }
        Ok(())
    }

    fn measure(&self) {
        let [vehicles, open, waiting] = self.centre.counts();
        self.metrics.hold(vehicles, open, waiting);
    }

    fn is_failing(&self) -> bool {
        self.is_failing.load(Ordering::Relaxed)
    }

    fn publish(&self, name: &'static str, event: impl FnOnce() -> Value) {
        if self.events.receiver_count() > 0 {
            let _ = self.events.send((name, event().to_string().into()));
        }
    }
}

/// What a task returns, once it ends; never without a task.
async fn joined<T>(task: Option<&mut JoinHandle<T>>) -> Result<T, JoinError> {
    match task {
        Some(task) => task.await,
        None => std::future::pending().await,
    }
}

/// At an instant; never without one.
async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

fn not_durable() -> Problem {
    let message = "the journal cannot be written, so nothing is accepted";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, message)
}

fn problem(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::Input(problems) => Problem::of_input(&wayside_core::Error::Invalid(problems)),
        Refusal::TooMuch(what) => Problem::too_much(what),
        Refusal::Unknown(what) => Problem::new(StatusCode::NOT_FOUND, what),
        Refusal::Ended(what) => Problem::new(StatusCode::GONE, what),
        Refusal::Conflict(what) => Problem::new(StatusCode::CONFLICT, what),
    }
}
