//! Trains PPO in a built-in scenario with the networks computed by Burn: `cargo run --release --example train -- hotspot out`.
//!
//! The folder holds what that of `wayside train` does, so `wayside run hotspot --policy out/policy.safetensors` runs the policy.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use wayside_burn::{Burn, default_device};
use wayside_core::Scenario;
use wayside_core::engine::world::World;
use wayside_learn::trainer::{Algorithm, Plan, Settings, Trainer};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let name = args.next().unwrap_or_else(|| "hotspot".to_owned());
    let out = PathBuf::from(args.next().unwrap_or_else(|| "out".to_owned()));
    let world = World::new(&Scenario::builtin(&name, &[])?)?;
    let device = default_device()?;
    let plan = Plan {
        world: &world,
        read: &|changes| Scenario::builtin(&name, changes),
        settings: Settings::new(Algorithm::Ppo, None, &world, &[])?,
        backend: Some(&move |spec| Ok(Box::new(Burn::new(spec.clone(), device.clone())?))),
        architecture: None,
        seed: 0,
        out,
        force: false,
        command: "burn/examples/train".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let mut trainer = Trainer::new(plan, false)?;
    trainer.run(&AtomicBool::new(false), &mut |progress| {
        if let Some(score) = progress.score {
            println!(
                "{} steps, gap {:.4}",
                progress.report.total_timesteps, score.gap
            );
        }
    })?;
    Ok(())
}
