use std::sync::atomic::AtomicBool;
use wayside_core::{Scenario, engine::world::World};
use wayside_learn::trainer::*;
fn main() {
    // scratch scenario algo encoder out seed threads [key=value..] [+scenario.key=value]
    let a: Vec<String> = std::env::args().skip(1).collect();
    let kv = |s: &str| {
        let (k, v) = s.split_once('=').unwrap();
        (k.to_owned(), v.to_owned())
    };
    let set: Vec<_> = a[6..]
        .iter()
        .filter(|s| s.starts_with('+'))
        .map(|s| kv(&s[1..]))
        .collect();
    let opt: Vec<_> = a[6..]
        .iter()
        .filter(|s| !s.starts_with('+'))
        .map(|s| kv(s))
        .collect();
    let world = World::new(&Scenario::builtin(&a[0], &set).unwrap()).unwrap();
    let algo = if a[1] == "ppo" {
        Algorithm::Ppo
    } else {
        Algorithm::Ac
    };
    let enc = match a[2].as_str() {
        "flat" => Encoder::Flat,
        "shared" => Encoder::Shared,
        _ => Encoder::Sequential,
    };
    let settings = match Settings::new(algo, enc, &world, &opt) {
        Ok(s) => s,
        Err(e) => {
            eprintln!("{e}");
            std::process::exit(2)
        }
    };
    eprintln!("{}", settings.to_json());
    let resume = std::path::Path::new(&a[3]).join(CHECKPOINT).exists();
    let plan = Plan {
        world: &world,
        settings,
        seed: a[4].parse().unwrap(),
        out: a[3].clone().into(),
        command: a.join(" "),
        version: "scratch".into(),
    };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(a[5].parse().unwrap())
        .build()
        .unwrap();
    pool.install(|| {
        let mut t = Trainer::new(plan, resume).unwrap();
        let stop = AtomicBool::new(false);
        let e = t.run(&stop, &mut |p| {
            let r = &p.report;
            println!("{:4} {:8} {:6} rew {:.5} ent {:.3} kl {:.4} clip {:.3} ev {:.3} vl {:.3} gn {:.2} lr {:.1e} | {} | {:.0}s cpu {:.0} fps {:.0}", r.iterations, r.total_timesteps, p.slots, p.reward.unwrap_or(f64::NAN), -r.entropy_loss, r.approx_kl, r.clip_fraction, r.explained_variance, r.value_loss, r.grad_norm, r.learning_rate,
                p.score.map_or(String::new(), |s| format!("J {:.5} gap {:.3} % met {:.3}", s.objective, 100.0 * s.gap, s.deadline_met)), p.wall_s, p.cpu_s.unwrap_or(0.0), p.fps);
        }).unwrap();
        println!("{e:?} {:?}", t.best());
    });
}
