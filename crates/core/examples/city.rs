use std::time::Instant;
use wayside_core::bound::dual::{Dual, Effort};
use wayside_core::engine::traffic::Traffic;
use wayside_core::engine::world::World;
use wayside_core::policy::{Policy, PolicyKind};
use wayside_core::rng::Streams;
use wayside_core::slot::Decision;
use wayside_core::{Scenario, Slot};
#[path = "../../cli/src/huge_pages.rs"]
#[allow(dead_code)]
mod huge_pages;
#[global_allocator]
static ALLOCATOR: huge_pages::HugePages = huge_pages::HugePages;
fn grown(columns: usize, rows: usize) -> World {
    let text = include_str!("../../../scenarios/wang2025-unbalanced.toml");
    let (head, rest) = text.split_once("[rsu_default]").unwrap();
    let (rsu, rest) = rest.split_once("[[rsu]]").unwrap();
    let (_, tail) = rest.split_once("[backhaul]").unwrap();
    let text = format!("{head}[rsu.grid]\nspacing_m = 418\n{rsu}\n[backhaul]{tail}");
    let o = [
        ("fleet.size", (columns * rows * 100 / 11).to_string()),
        ("area.width_m", (columns * 418 - 1).to_string()),
        ("area.height_m", (rows * 418 - 1).to_string()),
        ("policy.price.effort", "fast".to_owned()),
    ].map(|(k, v)| (k.to_owned(), v));
    World::new(&Scenario::from_toml("grown", &text, &o).unwrap()).unwrap()
}
fn main() {
    let side: usize = std::env::args().nth(1).unwrap().parse().unwrap();
    let world = grown(side, side);
    let mut traffic = Traffic::new(&world, Streams::new(0)).unwrap();
    let mut slot = world.empty_slot();
    let t = Instant::now();
    let slots: Vec<Slot> = (0..6).map(|t| { traffic.advance(t, &mut slot).unwrap(); slot.clone() }).collect();
    println!("{} vehicles, traffic {:.3} s/slot", slots[0].tasks.len(), t.elapsed().as_secs_f64() / 6.0);
    let mut p = PolicyKind::Price.build(&world.scenario.policy, Streams::new(0));
    let mut d = Decision::default();
    for s in &slots { let t = Instant::now(); p.decide(s, &mut d); print!("price {:.3} ", t.elapsed().as_secs_f64()); }
    println!();
    let d0 = Effort::DECIDE; let c = Effort::CERTIFY;
    let kinds = [
        ("certify", c),
        ("decide", d0),
        ("decide-3e-4", Effort { last_temperature: 3e-4, ..d0 }),
        ("decide-1e-4", Effort { last_temperature: 1e-4, ..d0 }),
        ("warm3e-4", Effort { warm_temperature: 3e-4, last_temperature: 3e-4, ..d0 }),
        ("warm3e-4 tol1e-5", Effort { warm_temperature: 3e-4, last_temperature: 3e-4, tolerance: 1e-5, unchecked: 3e-4, ..d0 }),
        ("warm1e-4", Effort { warm_temperature: 1e-4, last_temperature: 1e-4, ..d0 }),
        ("cut8", Effort { cutoff: 8.0, unchecked: 3e-4, ..d0 }),
        ("it8", Effort { iterations: 8, ..d0 }),
        ("unchecked1e-4", Effort { unchecked: 1e-4, ..d0 }),
    ];
    let mut reference = vec![];
    for (name, e) in kinds {
        let mut dual = Dual::default();
        print!("{name:18}");
        for (i, s) in slots.iter().enumerate() {
            let t = Instant::now();
            let v = dual.solve(s, e);
            let t = t.elapsed().as_secs_f64();
            if name == "certify" { reference.push(v); }
            print!(" {:.3}s {:.4}%", t, 100.0 * (1.0 - v / reference[i]));
        }
        println!();
    }
}
