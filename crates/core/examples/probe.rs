//! scratch
use std::ops::ControlFlow;
use wayside_core::engine::{BoundKind, Options, replicate, world::World};
use wayside_core::policy::PolicyKind;
fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let name = args[0].clone();
    let seeds: u64 = args[1].parse().unwrap();
    let pol: Vec<PolicyKind> = if args[2] == "all" { PolicyKind::ALL.to_vec() } else { args[2].split(',').map(|n| PolicyKind::from_name(n).unwrap()).collect() };
    let sets: Vec<(String, String)> = args[3..].iter().filter(|a| a.contains('=')).map(|a| { let (k, v) = a.split_once('=').unwrap(); (k.into(), v.into()) }).collect();
    let split = args.iter().any(|a| a == "split");
    let s = match wayside_core::scenario::resolve(&name, &sets) { Ok(s) => s, Err(e) => { eprintln!("{e}"); return; } };
    let w = World::new(&s).unwrap();
    let mut acc = vec![[0.0f64; 12]; pol.len()];
    let mut worst = f64::INFINITY;
    let mut bt = 0.0;
    for seed in 0..seeds {
        let t0 = std::time::Instant::now();
        let r = replicate(&w, &pol, seed, Options { slots: s.time.slots, bound: if split { BoundKind::Split } else { BoundKind::Simple } }, &mut |_, _| ControlFlow::Continue(())).unwrap().unwrap();
        bt += t0.elapsed().as_secs_f64();
        for (a, p) in acc.iter_mut().zip(&r.policies) {
            for x in &p.slots {
                let n = f64::from(x.tasks);
                a[0] += n; a[1] += n * x.objective; a[2] += n * x.delay_s; a[3] += n * x.energy_j; a[4] += n * x.lower_bound.unwrap();
                a[5] += f64::from(x.offloaded); a[6] += f64::from(x.migrated); a[7] += f64::from(x.hops); a[8] += x.decision_time_s; a[9] += 1.0; a[10] += f64::from(x.turned_back); a[11] += f64::from(u8::from(x.violated));
                worst = worst.min((x.objective - x.lower_bound.unwrap()) / x.lower_bound.unwrap());
                bt -= x.decision_time_s;
            }
        }
    }
    for (a, k) in acc.iter().zip(&pol) {
        println!("{:20} J {:.5} T {:.4} E {:.4} LB {:.5} gap {:7.4}% off {:.3} mig {:.3} hops {:.3} t {:.1} us tb {:.4} viol {:.3}", k.info().name, a[1]/a[0], a[2]/a[0], a[3]/a[0], a[4]/a[0], 100.0*(a[1]/a[4]-1.0), a[5]/a[0], a[6]/a[0], a[7]/a[0], 1e6*a[8]/a[9], a[10]/a[0], a[11]/a[9]);
    }
    println!("worst slot gap {worst:e}; other time per slot {:.1} us", 1e6 * bt / acc[0][9]);
}
