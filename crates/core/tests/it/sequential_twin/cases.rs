//! Where twin and engine must agree.

use super::*;
use wayside_core::slot::RadioLink;

/// What decides more than once.
fn passing() -> [Form; 3] {
    let form = |options, turns, passes| Form::Sequential {
        options,
        turns,
        passes,
    };
    [
        form(4, Turns::SmallFirst, 2),
        form(1, Turns::Single, 3),
        form(3, Turns::Places, 2),
    ]
}

#[test]
fn oracle_least_total_takes_the_least_total_of_the_slow_twin() {
    let world = World::new(&builtin("wang2025", &[])).expect("built in");
    for seed in 0..60 {
        let slot = Recipe {
            vehicles: 1 + seed as usize % 40,
            rsus: 1 + seed as usize % 5,
            ..Recipe::default()
        }
        .slot(seed);
        for passes in 1..3 {
            let form = Form::Sequential {
                options: 40,
                turns: Turns::SmallFirst,
                passes,
            };
            let layout = Layout::new(form, &world);
            let none = Later::default();
            let mut twin = Twin::new(&slot, &layout, &none);
            loop {
                twin.observe();
                let Some((task, offers)) = twin.heads.first() else {
                    break;
                };
                let mut least = (slot.local_cost(*task), 0);
                for (offer, action) in offers.iter().zip(1..) {
                    if offer.total < least.0 {
                        least = (offer.total, action);
                    }
                }
                twin.act(&[least.1]);
            }
            let placement = |at: &Option<(usize, usize)>| match *at {
                None => Placement::Local,
                Some((entry, execution)) => Placement::Rsu {
                    entry: entry as u32,
                    execution: execution as u32,
                },
            };
            let expected: Vec<_> = twin.at.iter().map(placement).collect();
            let mut decision = Decision::default();
            least_total::policy(passes).decide(&slot, &mut decision);
            assert_eq!(
                decision.placements, expected,
                "seed {seed}, {passes} passes"
            );
        }
    }
}

fn bits(numbers: &[f32]) -> Vec<u32> {
    numbers.iter().map(|x| x.to_bits()).collect()
}

/// Goes through `slot` by random actions, half of them the first RSU's; how many rows.
fn agree(encoder: &mut Encoder, slot: &Slot, layout: &Layout, seed: u64) -> usize {
    agree_at(encoder, slot, layout, seed, &Later::default())
}

/// The same where actions name numbers of slots.
fn agree_at(
    encoder: &mut Encoder,
    slot: &Slot,
    layout: &Layout,
    seed: u64,
    later: &Later,
) -> usize {
    let mut stream = Streams::new(seed).stream("twin");
    let mut twin = Twin::new(slot, layout, later);
    encoder.price_later(later);
    let mut count = 0;
    encoder.begin(slot);
    while encoder.observe(slot) {
        let observation: &Observation = encoder.observation();
        let (rows, context) = twin.observe();
        assert_eq!(bits(&observation.rows), bits(&rows));
        assert_eq!(bits(&observation.context[STILL..]), bits(&context));
        assert_eq!(
            encoder.tentative_cost().map(f64::to_bits),
            Some(twin.cost().to_bits())
        );
        let heads = (0..observation.heads.len()).map(|i| observation.head(i).len());
        let choose = |len: usize| match stream.below(2) {
            0 => len.min(2) as u32 - 1,
            _ => stream.below(len) as u32,
        };
        let actions: Vec<u32> = heads.map(choose).collect();
        count += observation.len();
        encoder.act(slot, &actions);
        twin.act(&actions);
    }
    assert!(twin.observe().0.is_empty());
    count
}

fn forms() -> [Form; 5] {
    let form = |options, turns| Form::Sequential {
        options,
        turns,
        passes: 1,
    };
    [
        form(4, Turns::Single),
        form(6, Turns::Single),
        form(1, Turns::Single),
        form(40, Turns::Single),
        form(4, Turns::Places),
    ]
}

#[test]
fn oracle_rows_of_sequential_are_those_of_the_slow_twin_to_the_bit() {
    let mut count = 0;
    for (name, overrides, slots) in [
        ("wang2025", vec![], 3),
        (
            "wang2025",
            vec![("fleet.size", "400"), ("backhaul.max_hops", "2")],
            1,
        ),
        ("wang2025", vec![("objective.omega", "1.0")], 1),
        ("coupled", vec![("time.slot_s", "0.25")], 2),
    ] {
        let world = World::new(&builtin(name, &overrides)).expect("built in");
        let mut slot = world.empty_slot();
        let mut traffic = Traffic::new(&world, Streams::new(3)).expect("no trace");
        let either = |passes| Form::Sequential {
            options: 6,
            turns: Turns::Either,
            passes,
        };
        let more = passing().into_iter().chain([either(1), either(3)]);
        for form in forms().into_iter().chain(more) {
            let mut layout = Layout::new(form, &world);
            if layout.is_either() {
                layout.spans = 3;
            }
            let mut encoder = Encoder::new(layout.clone()).expect("sound");
            for t in 0..slots {
                traffic.advance(t, &mut slot).expect("no trace");
                // some RSUs are full, some vehicles busy, as with `carry_over`
                for m in 0..slot.rsus.len() {
                    let held = [0.0, 0.3, 0.9995][(m + t) % 3] * slot.rsus.cpu_hz[m];
                    slot.rsus.reserved_cpu_hz[m] = held;
                    slot.rsus.releasing_cpu_hz[m] = 0.5 * held;
                }
                for (v, wait_s) in slot.vehicles.local_wait_s.iter_mut().enumerate() {
                    *wait_s = [0.0, 0.7][v % 2];
                }
                count += agree(&mut encoder, &slot, &layout, t as u64);
            }
        }
    }
    assert!(count > 10_000, "{count}");
}

#[test]
fn oracle_rows_of_odd_slots_are_those_of_the_slow_twin_to_the_bit() {
    let world = World::new(&builtin("wang2025", &[])).expect("built in");
    for seed in 0..40 {
        let slot = Recipe {
            vehicles: 1 + seed as usize % 30,
            rsus: 1 + seed as usize % 9,
            ..Recipe::default()
        }
        .slot(seed);
        for form in forms().into_iter().chain(passing()) {
            let mut layout = Layout::new(form, &world);
            layout.spans = if seed % 2 == 0 { 1 } else { 3 };
            let mut encoder = Encoder::new(layout.clone()).expect("sound");
            agree(&mut encoder, &slot, &layout, seed);
        }
    }
}

/// Rows that name numbers of slots: what the later ones cost, least shares that fit beside each other, and several passes, in which
/// they are given back.
#[test]
fn oracle_rows_of_numbers_of_slots_are_those_of_the_slow_twin_to_the_bit() {
    let mut count = 0;
    for (slot_s, most) in [("0.3", 2), ("0.25", 4), ("0.2", 8), ("0.05", 32)] {
        let overrides = [("time.slot_s", slot_s)];
        let world = World::new(&builtin("coupled", &overrides)).expect("built in");
        let mut slot = world.empty_slot();
        let mut traffic = Traffic::new(&world, Streams::new(4)).expect("no trace");
        for (t, price) in [0.0, 6e-11, 3e-10, 1e-8].into_iter().enumerate() {
            traffic.advance(t, &mut slot).expect("no trace");
            for m in 0..slot.rsus.len() {
                let held = [0.0, 0.5, 0.9995][(m + t) % 3] * slot.rsus.cpu_hz[m];
                slot.rsus.reserved_cpu_hz[m] = held;
                slot.rsus.releasing_cpu_hz[m] = 0.5 * held;
            }
            let links = (0..slot.tasks.len()).map(|task| slot.links(task));
            let entry = |(n, links): (usize, &[RadioLink])| {
                let link = links.get(n % links.len().max(1));
                link.filter(|_| n % 5 > 0)
                    .or(links.first())
                    .map(|link| link.rsu)
            };
            let later = Later {
                price,
                entries: links.enumerate().map(entry).collect(),
            };
            for form in forms().into_iter().chain(passing()) {
                let layout = Layout {
                    spans: most,
                    priced: true,
                    ..Layout::new(form, &world)
                };
                let mut encoder = Encoder::new(layout.clone()).expect("sound");
                count += agree_at(&mut encoder, &slot, &layout, t as u64, &later);
            }
        }
    }
    assert!(count > 10_000, "{count}");
}
