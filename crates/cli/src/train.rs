//! `wayside train`.

mod help;

use crate::args::{Format, key_value};
use crate::console::{Failure, Outcome, print, say};
use crate::listing::Listing;
use crate::progress;
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use wayside_core::engine::world::World;
use wayside_core::{Result, Scenario, scenario};
use wayside_learn::algo::learner::{Losses, Report};
use wayside_learn::trainer::learned::Score;
use wayside_learn::trainer::{
    Algorithm, Encoder, Ended, POLICY, Plan, Progress, Request, Settings, Trainer, Vary, named,
};

const EXAMPLES: &str = "\
Examples:
  wayside train ppo wang2025 --out ppo/                  seconds to a gap below 1 %
  wayside train ppo coupled --set time.slot_s=0.25 --out c25/ --option total_timesteps=5000000
  wayside train lysac lin2025 --out lysac/               10 vehicles of 5 tasks each, all capabilities
  wayside train ppo wang2025 --out ppo/ --resume         after Ctrl-C or a crash
  wayside run wang2025 --policy ppo/policy.safetensors,price --bound
  tensorboard --logdir ppo/";

/// Train a policy, to be used as any other --policy.
///
/// Trains in SCENARIO and writes to --out: policy.safetensors (the best policy by evaluation, with its card
/// policy.json), progress.csv, events for TensorBoard, and checkpoints. Every few iterations the policy is evaluated on
/// seeds that training never uses; the gap is to the certified lower bound.
///
/// To continue a training that was killed or interrupted, repeat its command with --resume. It ends in the same bytes as
/// one that was never stopped. The number of threads never changes a result.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = help::after())]
pub(crate) struct Train {
    /// What learns: ppo (proximal policy optimisation), ac (the paper's actor-critic), sac (soft actor-critic for choices),
    /// lysac (Lyapunov-guided soft actor-critic, for lin2025).
    #[arg(value_name = "ALGO", value_parser = str::parse::<Algorithm>)]
    pub(crate) algorithm: Algorithm,
    /// Scenario: a TOML file, - for standard input, or the name of a built-in one.
    pub(crate) scenario: String,
    /// Folder of the training.
    #[arg(long, value_name = "DIR", required_unless_present = "list_options")]
    pub(crate) out: Option<PathBuf>,
    /// Continue from the checkpoint in --out.
    #[arg(long)]
    pub(crate) resume: bool,
    /// Replace the training or the results in --out; files of yours stay.
    #[arg(long, conflicts_with = "resume")]
    pub(crate) force: bool,
    /// Seed of everything random.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Changes the scenario: a dotted key and a value; repeatable.
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    pub(crate) set: Vec<(String, String)>,
    /// Draw a value of a dotted key for every environment: log-uniform from KEY=LOW..HIGH, or one of KEY=A,B,C;
    /// repeatable.
    #[arg(long, value_name = "KEY=VALUES", value_parser = vary)]
    pub(crate) vary: Vec<String>,
    /// What the network sees: sequential, shared or flat [default: sequential; flat with --option agent=paper].
    #[arg(long, value_name = "KIND", value_parser = str::parse::<Encoder>)]
    pub(crate) encoder: Option<Encoder>,
    /// Changes an option of the training, such as learning_rate=3e-4 or net_arch=32,32; repeatable.
    #[arg(long = "option", value_name = "NAME=VALUE", value_parser = key_value)]
    pub(crate) options: Vec<(String, String)>,
    /// Print every option with its value, and do nothing else.
    #[arg(long)]
    pub(crate) list_options: bool,
    /// Threads [default: one per core].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// How to print the result.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    /// No progress on stderr.
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

pub(crate) fn execute(args: &Train) -> Outcome {
    let scenario = scenario::resolve(&args.scenario, &args.set)?;
    let world = World::new(&scenario)?;
    let request = request(args);
    let settings = request.settings(&world)?;
    let (Some(out), false) = (&args.out, args.list_options) else {
        return list(args, &settings);
    };
    let stop = stop_on_signal();
    let total = settings.config.total_timesteps();
    let pool = wayside_study::pool(args.threads.map_or(0, usize::from))?;
    let read = |drawn: &[(String, String)]| drawn_scenario(args, drawn);
    let (ended, best, untrained, doubts) = pool.install(|| -> Result<_> {
        let mut trainer = Trainer::new(
            Plan {
                world: &world,
                read: &read,
                command: request.command(&settings),
                settings,
                backend: None,
                architecture: None,
                seed: args.seed,
                out: out.clone(),
                force: args.force,
                version: env!("CARGO_PKG_VERSION").to_owned(),
            },
            args.resume,
        )?;
        let mut screen = Screen::new(total, args.quiet);
        let ended = trainer.run(&stop, &mut |progress| screen.show(progress))?;
        screen.close();
        Ok((ended, trainer.best(), trainer.untrained(), trainer.doubts()))
    })?;
    for doubt in doubts {
        say(format_args!("warning: {doubt}"));
    }
    if ended == Ended::Interrupted {
        say(format_args!(
            "interrupted; --resume goes on from the checkpoint in {}",
            out.display()
        ));
        return Err(Failure::Interrupted);
    }
    let policy = out.join(POLICY).display().to_string();
    if let Some(best) = best {
        let untrained = untrained.map(|(rule, score)| (rule, score, "-"));
        let best = (args.algorithm.name(), best, policy.as_str());
        let scores = untrained.into_iter().chain([best]);
        print(&compared(&scenario.name, scores).render(args.format))?;
    }
    if !args.quiet {
        say(format_args!(
            "wayside run {} --policy {policy} --bound   to compare it",
            args.scenario
        ));
    }
    Ok(())
}

/// The scenario with the keys that were drawn, of which `scenario` names it.
fn drawn_scenario(args: &Train, drawn: &[(String, String)]) -> Result<Scenario> {
    let (name, drawn) = named(drawn);
    let name = name.unwrap_or(&args.scenario);
    scenario::resolve(name, &[args.set.clone(), drawn].concat())
}

fn request(args: &Train) -> Request {
    Request {
        algorithm: args.algorithm,
        scenario: args.scenario.clone(),
        set: args.set.clone(),
        vary: args.vary.clone(),
        encoder: args.encoder,
        options: args.options.clone(),
        seed: args.seed,
    }
}

/// The trained policy below the untrained one: algorithm, score, file.
fn compared<'a>(
    scenario: &str,
    scores: impl Iterator<Item = (&'a str, Score, &'a str)>,
) -> Listing<9> {
    let row = |(algorithm, score, policy): (&str, Score, &str)| {
        [
            json!(algorithm),
            json!(scenario),
            json!(score.objective),
            json!(score.lower_bound),
            json!(score.gap),
            json!(score.delay_s),
            json!(score.energy_j),
            json!(score.deadline_met),
            json!(policy),
        ]
    };
    Listing {
        columns: [
            "algorithm",
            "scenario",
            "objective",
            "lower_bound",
            "gap",
            "delay_s",
            "energy_j",
            "deadline_met",
            "policy",
        ],
        rows: scores.map(row).collect(),
    }
}

/// Prints every option.
fn list(args: &Train, settings: &Settings) -> Outcome {
    let listing = Listing {
        columns: ["option", "value"],
        rows: settings
            .list()
            .into_iter()
            .map(|(name, value)| [json!(name), json!(value)])
            .collect(),
    };
    print(&listing.render(args.format))
}

/// Set by the first Ctrl-C; the second one ends the program.
fn stop_on_signal() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&stop);
    // the last checkpoint is there already
    progress::stop_on_signal(move || asked.swap(true, Ordering::Relaxed), || false);
    stop
}

/// The columns of the live table that only one kind of learner has: head, tag, digits.
fn own(report: &Report) -> [(&'static str, &'static str, usize); 2] {
    match report.losses {
        Losses::OnPolicy(_) => [
            ("KL", "train/approx_kl", 4),
            ("clipped", "train/clip_fraction", 3),
        ],
        Losses::Sac(_) => [
            ("alpha", "train/ent_coef", 5),
            ("critic", "train/critic_loss", 4),
        ],
    }
}

/// The live table: a row per evaluation, and below them a bar with the present iteration.
struct Screen {
    bar: ProgressBar,
    quiet: bool,
    rows: usize,
}

impl Screen {
    fn new(total: u64, quiet: bool) -> Self {
        let target = if quiet {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        let style = ProgressStyle::with_template("{bar:24} {percent:>3} % {msg}, {eta} left")
            .expect("the template is right");
        let bar = ProgressBar::with_draw_target(Some(total), target).with_style(style);
        Self {
            bar,
            quiet,
            rows: 0,
        }
    }

    fn show(&mut self, progress: &Progress) {
        let report = &progress.report;
        let tag = |name: &str| report.tag(name).unwrap_or(f64::NAN);
        let own = own(report).map(|(name, of, digits)| (name, tag(of), digits));
        let entropy = -tag("train/entropy_loss");
        self.bar.set_position(report.total_timesteps);
        let [(name, value, digits), _] = own;
        self.bar.set_message(format!(
            "reward {:.4}, entropy {entropy:.2}, {name} {value:.digits$}, {:.0} steps/s",
            progress.reward.unwrap_or(f64::NAN),
            progress.fps
        ));
        let (Some(score), false) = (progress.score, self.quiet) else {
            return;
        };
        // Before the first iteration there is only a score.
        let learned = |digits: usize, value: f64| match report.iterations {
            0 => "-".to_owned(),
            _ => format!("{value:.digits$}"),
        };
        let row = format!(
            "{:>9} {:>8} {:>9} {:>9.4} {:>9.2} {:>8} {:>8} {:>7} {:>9} {:>7.0}",
            report.total_timesteps,
            progress.slots,
            learned(4, progress.reward.unwrap_or(f64::NAN)),
            score.objective,
            100.0 * score.gap,
            learned(3, entropy),
            learned(own[0].2, own[0].1),
            learned(own[1].2, own[1].1),
            learned(0, progress.fps),
            progress.wall_s,
        );
        let head = self.rows.is_multiple_of(20).then(|| {
            format!(
                "{:>9} {:>8} {:>9} {:>9} {:>9} {:>8} {:>8} {:>7} {:>9} {:>7}",
                "steps",
                "slots",
                "reward",
                "J",
                "gap [%]",
                "entropy",
                own[0].0,
                own[1].0,
                "steps/s",
                "time [s]"
            )
        });
        self.rows += 1;
        self.bar.suspend(|| {
            head.iter().for_each(say);
            say(row);
        });
    }

    fn close(&self) {
        self.bar.finish_and_clear();
    }
}

fn vary(text: &str) -> std::result::Result<String, String> {
    text.parse::<Vary>().map(|_| text.to_owned())
}
