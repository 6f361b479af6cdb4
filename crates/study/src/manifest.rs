//! What a run was: scenario, seeds, policies, program and machine.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fs;

/// What a run was, as needed to cite its results.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Name of the scenario.
    pub scenario: String,
    /// SHA-256 of `scenario_text`, in hexadecimal.
    pub scenario_sha256: String,
    /// The whole scenario in its canonical form.
    pub scenario_text: String,
    /// The seeds.
    pub seeds: Vec<u64>,
    /// Slots of a run.
    pub slots: usize,
    /// The policies.
    pub policies: Vec<String>,
    /// Version of Wayside.
    pub version: String,
    /// Git commit that the program was built from, where it was built from a checkout.
    pub commit: Option<String>,
    /// Where it ran.
    pub machine: Machine,
    /// The command line.
    pub command: Vec<String>,
    /// When it started, UTC.
    pub started: String,
    /// Whether every seed and slot was run.
    pub complete: bool,
    /// Bounds with a part left out, because too many tasks differ; left out where there are none.
    #[serde(default, skip_serializing_if = "none")]
    pub loose_bounds: u64,
}

/// A computer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Model of the CPU, where the system tells.
    pub cpu: Option<String>,
    /// Cores available.
    pub cores: usize,
    /// Operating system and architecture.
    pub os: String,
}

impl Machine {
    /// The computer that this program runs on.
    #[must_use]
    pub fn this() -> Self {
        let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = info.lines().find(|line| line.starts_with("model name"));
        Self {
            cpu: model
                .and_then(|line| line.split_once(':'))
                .map(|(_, model)| model.trim().to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            os: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        }
    }
}

impl Manifest {
    /// The manifest of a run that starts now, with the command line of this process.
    #[must_use]
    pub fn now(
        scenario: &str,
        scenario_text: &str,
        seeds: &[u64],
        slots: usize,
        policies: &[String],
    ) -> Self {
        Self {
            scenario: scenario.into(),
            scenario_sha256: hex::encode(Sha256::digest(scenario_text)),
            scenario_text: scenario_text.into(),
            seeds: seeds.into(),
            slots,
            policies: policies.into(),
            version: env!("CARGO_PKG_VERSION").into(),
            commit: option_env!("WAYSIDE_COMMIT").map(Into::into),
            machine: Machine::this(),
            command: command_line(),
            started: utc(Timestamp::now()),
            complete: false,
            loose_bounds: 0,
        }
    }

    /// As it is written.
    #[must_use]
    pub fn to_value(&self) -> Value {
        serde_json::to_value(self).expect("plain data")
    }

    /// Whether both come from the same command on the same inputs.
    pub(crate) fn same_run(&self, other: &Self) -> bool {
        // The name of the program is where it was built, and `--force` changes no result.
        let options = |m: &'_ Self| -> Vec<String> {
            let options = m.command.iter().skip(1).filter(|a| *a != "--force");
            options.cloned().collect()
        };
        self.scenario_sha256 == other.scenario_sha256
            && self.seeds == other.seeds
            && self.slots == other.slots
            && self.policies == other.policies
            && self.version == other.version
            && options(self) == options(other)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it")]
fn none(count: &u64) -> bool {
    *count == 0
}

/// The command line, whatever its bytes are.
fn command_line() -> Vec<String> {
    let lossy = |word: std::ffi::OsString| word.to_string_lossy().into_owned();
    std::env::args_os().map(lossy).collect()
}

/// To the second: `2026-01-31T12:00:00Z`.
pub(crate) fn utc(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
