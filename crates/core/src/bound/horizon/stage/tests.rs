use super::*;
use crate::rng::Streams;

/// The best share of the band by trying every one.
fn best_of_all(
    constants: &Constants,
    row: &Row,
    (upload, lambda, most): (&Upload, f64, f64),
    way: &Way,
    (k, hold): (usize, Hold),
) -> Option<f64> {
    let site = &constants.sites[way.rsu as usize];
    let mut best: Option<f64> = None;
    for j in 1..=most as usize {
        let j = j as f64;
        let left_s =
            k as f64 * constants.slot_s - j * upload.alone_s - way.s_per_bit * row.data_bits;
        let least_hz = if left_s > 0.0 {
            row.cycles / left_s
        } else {
            f64::INFINITY
        };
        let run = if k == HOLDS || least_hz <= hold.hz {
            hold.cost
        } else if least_hz <= site.cpu_hz {
            site.curve.cost(row.cycles, least_hz) + hold.price * least_hz
        } else {
            continue;
        };
        let cost = upload.cost(lambda, j) + way.cost(row.data_bits) + run;
        best = Some(best.map_or(cost, |best| best.min(cost)));
    }
    best
}

#[test]
fn oracle_the_best_share_of_the_band_is_that_of_a_scan() {
    let mut stream = Streams::new(7).stream("horizon-band");
    let (mut found, mut none, mut between) = (0, 0, 0);
    for _ in 0..20_000 {
        let curve = Curve::new(stream.uniform(0.1, 0.9), 3e-28);
        let site = Site::new(curve, stream.uniform(5e9, 2e10));
        let constants = Constants {
            slot_s: stream.uniform(0.02, 0.4),
            sites: vec![site],
        };
        let row = Row {
            cycles: stream.uniform(3e8, 4.5e8),
            data_bits: stream.uniform(1.6e6, 2.5e6),
            local: 1.0,
            first: 0,
            end: 0,
        };
        let way = Way {
            rsu: 0,
            cost_per_bit: stream.uniform(0.0, 1e-9),
            wait_cost: 0.0,
            s_per_bit: stream.uniform(0.0, 3e-9),
        };
        let upload = Upload {
            rsu: 0,
            alone: 10f64.powf(stream.uniform(-5.0, -2.0)),
            alone_s: 10f64.powf(stream.uniform(-5.0, -2.0)),
        };
        let lambda = 10f64.powf(stream.uniform(-4.0, 1.0));
        let most = upload.cheapest(lambda, 300.0);
        let k = 1 + stream.below(HOLDS);
        let price = k as f64 * stream.uniform(0.0, 3e-11);
        let (cost, hz) = site.curve.priced_cost(price, row.cycles, 0.0, site.cpu_hz);
        let hold = Hold { cost, hz, price };
        let band = (&upload, lambda, most);
        let (best, _) = best_in(&constants, &row, band, &way, (k, hold));
        match (best, best_of_all(&constants, &row, band, &way, (k, hold))) {
            (Some(best), Some(least)) => {
                found += 1;
                between += usize::from(best.band < 1.0 && best.band * most > 1.0 + 1e-9);
                assert!(
                    (best.cost - least).abs() <= 1e-12 * least,
                    "{best:?} {least}"
                );
            }
            (None, None) => none += 1,
            (best, least) => panic!("{best:?} {least:?}"),
        }
    }
    assert!(
        found > 1000 && none > 100 && between > 100,
        "{found} {none} {between}"
    );
}

#[test]
fn property_a_band_is_shared_by_the_tasks_of_the_slot_at_most() {
    let upload = Upload {
        rsu: 0,
        alone: 0.0,
        alone_s: 0.0,
    };
    for lambda in [0.0, 1e-9, 1.0, 1e300] {
        let j = upload.cheapest(lambda, 12.0);
        assert!((1.0..=12.0).contains(&j), "{lambda}: {j}");
    }
}
