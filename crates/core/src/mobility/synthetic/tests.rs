use super::manhattan::{Heading, Streets};
use super::straight::fold;
use super::*;
use crate::mobility::{MobilitySource, Positions};
use crate::rng::Streams;
use crate::scenario::{Area, Crowd, Hotspot, Range};

const AREA: Area = Area {
    x_min_m: -100.0,
    y_min_m: 50.0,
    x_max_m: 900.0,
    y_max_m: 800.0,
};

fn streams() -> Streams {
    Streams::new(7)
}

fn range(min: f64, max: f64) -> Range {
    Range { min, max }
}

fn hotspot(crowd: Crowd) -> Hotspot {
    Hotspot {
        share: 0.4,
        sigma_m: 60.0,
        center: [0.5, 0.1],
        crowd,
    }
}

fn straight(hotspot: Option<Hotspot>) -> Straight {
    Straight::new(50, AREA, range(10.0, 30.0), hotspot, streams())
}

fn waypoints(pause_s: Range) -> RandomWaypoint {
    RandomWaypoint::new(50, AREA, range(10.0, 30.0), pause_s, streams())
}

fn manhattan(block_m: f64, turn_probability: f64) -> Manhattan {
    Manhattan::new(
        50,
        AREA,
        range(10.0, 30.0),
        block_m,
        turn_probability,
        streams(),
    )
}

fn at(source: &mut dyn MobilitySource, time_s: f64) -> Positions {
    let mut out = Positions::default();
    source.advance(time_s, &mut out).unwrap();
    out
}

fn distance(a: &Positions, b: &Positions, i: usize) -> f64 {
    (a.x_m[i] - b.x_m[i]).hypot(a.y_m[i] - b.y_m[i])
}

fn assert_inside(positions: &Positions) {
    for (&x, &y) in positions.x_m.iter().zip(&positions.y_m) {
        let slack = 1e-9;
        assert!(
            (AREA.x_min_m - slack..=AREA.x_max_m + slack).contains(&x),
            "{x}"
        );
        assert!(
            (AREA.y_min_m - slack..=AREA.y_max_m + slack).contains(&y),
            "{y}"
        );
    }
}

/// A fresh copy of every model whose positions are a function of time.
fn models() -> Vec<Box<dyn MobilitySource>> {
    vec![
        Box::new(straight(None)),
        Box::new(straight(Some(hotspot(Crowd::Start)))),
        Box::new(straight(Some(hotspot(Crowd::Stay)))),
        Box::new(waypoints(range(0.0, 0.0))),
        Box::new(waypoints(range(1.0, 5.0))),
        Box::new(manhattan(100.0, 0.3)),
        Box::new(manhattan(70.0, 1.0)),
        Box::new(manhattan(2000.0, 0.5)),
    ]
}

#[test]
fn property_slots_do_not_matter() {
    for (mut slow, mut fast) in models().into_iter().zip(models()) {
        for tens in 1..=20 {
            for tenth in 1..=100 {
                at(
                    &mut *slow,
                    f64::from(tens - 1) * 10.0 + f64::from(tenth) * 0.1,
                );
            }
            let time_s = f64::from(tens) * 10.0;
            let (a, b) = (at(&mut *slow, time_s), at(&mut *fast, time_s));
            assert!((0..a.len()).all(|i| distance(&a, &b, i) < 1e-6));
        }
    }
}

#[test]
fn property_vehicles_stay_inside_and_keep_to_the_speed_limit() {
    for mut model in models() {
        let mut before = at(&mut *model, 0.0);
        assert_eq!(before.len(), 50);
        for second in 1..300 {
            let now = at(&mut *model, f64::from(second));
            assert_inside(&now);
            assert_eq!(now.key, before.key);
            assert!((0..50).all(|i| distance(&now, &before, i) < 30.0 + 1e-6));
            before = now;
        }
        assert_inside(&at(&mut *model, 1e5));
    }
}

#[test]
fn closed_form_reflection() {
    let cases = [
        (3.0, 3.0),
        (11.0, 9.0),
        (-2.0, 2.0),
        (25.0, 5.0),
        (-11.0, 9.0),
        (10.0, 10.0),
        (2e9 + 4.0, 4.0),
        (-1e9 - 13.0, 7.0),
    ];
    for (x, expected) in cases {
        assert!((fold(x, 0.0, 10.0) - expected).abs() < 1e-6, "{x}");
    }
    assert!((fold(5.0, 2.0, 2.0) - 2.0).abs() < 1e-12);
}

#[test]
fn oracle_reflection_step_by_step() {
    let mut model = straight(None);
    let mut rays = model.vehicles.clone();
    let dt_s = 0.01;
    for _ in 0..20_000 {
        for ray in &mut rays {
            let bounds = [(AREA.x_min_m, AREA.x_max_m), (AREA.y_min_m, AREA.y_max_m)];
            for (axis, (min, max)) in bounds.into_iter().enumerate() {
                let x = &mut ray.start_m[axis];
                *x += ray.velocity_mps[axis] * dt_s;
                if *x < min || *x > max {
                    *x = if *x < min {
                        2.0 * min - *x
                    } else {
                        2.0 * max - *x
                    };
                    ray.velocity_mps[axis] = -ray.velocity_mps[axis];
                }
            }
        }
    }
    let got = at(&mut model, 200.0);
    for (i, ray) in rays.iter().enumerate() {
        let [x, y] = ray.start_m;
        assert!((got.x_m[i] - x).hypot(got.y_m[i] - y) < 1e-6);
    }
}

#[test]
fn closed_form_hot_spot_moments_and_who_belongs_to_it() {
    let crowd = |crowd| {
        let spot = Hotspot {
            center: [0.5, 0.5],
            ..hotspot(crowd)
        };
        Straight::new(5000, AREA, range(10.0, 30.0), Some(spot), streams())
    };
    let mut plain = Straight::new(5000, AREA, range(10.0, 30.0), None, streams());
    for mode in [Crowd::Start, Crowd::Redraw, Crowd::Stay] {
        let mut model = crowd(mode);
        let (start, plain_start) = (at(&mut model, 0.0), at(&mut plain, 0.0));
        let mean = start.x_m[..2000].iter().sum::<f64>() / 2000.0;
        let var = start.x_m[..2000]
            .iter()
            .map(|x| (x - mean).powi(2))
            .sum::<f64>()
            / 2000.0;
        assert!((mean - 400.0).abs() < 5.0 && (var.sqrt() - 60.0).abs() < 4.0);
        // the others are where they would be without it
        assert_eq!(start.x_m[2000..], plain_start.x_m[2000..]);

        let later = at(&mut model, 5.0);
        let moved = (0..2000)
            .filter(|&i| distance(&start, &later, i) > 1e-9)
            .count();
        let moved_far = (0..2000)
            .filter(|&i| distance(&start, &later, i) > 150.1)
            .count();
        match mode {
            Crowd::Start => assert!(moved == 2000 && moved_far == 0),
            Crowd::Redraw => assert!(moved == 2000 && moved_far > 100),
            Crowd::Stay => assert_eq!(moved, 0),
        }
    }
}

#[test]
fn closed_form_waypoint_pause() {
    let mut model = waypoints(range(5.0, 5.0));
    let walker = model.vehicles[0].clone();
    let (arrival, left) = (walker.arrive_s, walker.leave_s);
    assert!((left - arrival - 5.0).abs() < 1e-9);
    for time_s in [arrival, arrival + 2.5, left] {
        let out = at(&mut model, time_s);
        let there = (out.x_m[0] - walker.to_m[0]).hypot(out.y_m[0] - walker.to_m[1]);
        assert!(there < 1e-9, "{there}");
    }
    let out = at(&mut model, left + 1.0);
    assert!((out.x_m[0] - walker.to_m[0]).hypot(out.y_m[0] - walker.to_m[1]) >= 9.9);
}

#[test]
fn property_manhattan_vehicles_stay_on_streets() {
    let on_street = |x: f64, min: f64, block: f64| {
        let off = (x - min).rem_euclid(block);
        off.min(block - off) < 1e-6
    };
    for block_m in [50.0, 70.0, 333.0, 2000.0] {
        let mut model = manhattan(block_m, 0.5);
        for second in 0..200 {
            let out = at(&mut model, f64::from(second));
            for (&x, &y) in out.x_m.iter().zip(&out.y_m) {
                assert!(on_street(x, AREA.x_min_m, block_m) || on_street(y, AREA.y_min_m, block_m));
            }
        }
    }
}

#[test]
fn closed_form_share_of_turns() {
    let streets = Streets::new(AREA, 50.0);
    let mut driver = manhattan(50.0, 0.4).vehicles[0].clone();
    let (mut straight, mut left, mut right) = (0, 0, 0);
    for _ in 0..20_000 {
        // always the same crossing in the middle
        driver.node = [9, 7];
        driver.heading = Heading::East;
        driver.cross(&streets, 0.4);
        match driver.heading {
            Heading::East => straight += 1,
            Heading::North => left += 1,
            Heading::South => right += 1,
            Heading::West => panic!("no reason to go back"),
        }
    }
    let close = |count: i32, share: f64| (f64::from(count) / 20_000.0 - share).abs() < 0.015;
    assert!(close(straight, 0.6) && close(left, 0.2) && close(right, 0.2));
}

#[test]
fn property_degenerate_areas_and_speeds_end() {
    let point = Area {
        x_max_m: AREA.x_min_m,
        y_max_m: AREA.y_min_m,
        ..AREA
    };
    let line = Area {
        y_max_m: AREA.y_min_m,
        ..AREA
    };
    for area in [point, line, AREA] {
        for speed in [range(0.0, 0.0), range(20.0, 20.0)] {
            let models: [Box<dyn MobilitySource>; 3] = [
                Box::new(Straight::new(
                    5,
                    area,
                    speed,
                    Some(hotspot(Crowd::Redraw)),
                    streams(),
                )),
                Box::new(RandomWaypoint::new(
                    5,
                    area,
                    speed,
                    range(0.0, 0.0),
                    streams(),
                )),
                Box::new(Manhattan::new(5, area, speed, 100.0, 0.5, streams())),
            ];
            for mut model in models {
                for time_s in [0.0, 0.5, 1000.0] {
                    assert_inside(&at(&mut *model, time_s));
                }
            }
        }
    }
}
