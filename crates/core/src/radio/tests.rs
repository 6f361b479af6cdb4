#![expect(clippy::float_cmp, reason = "the same computation gives the same bits")]

use super::*;
use crate::scenario::PathLoss;

fn options(model: PathLoss) -> RadioOptions {
    RadioOptions {
        model,
        ..RadioOptions::default()
    }
}

fn radio(options: &RadioOptions, seed: u64) -> Propagation {
    let channel = Channel {
        pathloss_db_at_1km: 128.1,
        pathloss_db_per_decade: 37.6,
        antenna_height_m: 10.0,
        ..Channel::default()
    };
    Propagation::new(
        (&channel, options),
        None,
        (&[0.0, 500.0], &[0.0, 0.0]),
        Streams::new(seed),
    )
}

fn at(vehicle: u64, x_m: f64, driven_m: f64) -> Place {
    Place {
        vehicle,
        x_m,
        y_m: 0.0,
        driven_m,
    }
}

/// kTB at 290 K is -173.98 dBm/Hz; in 100 MHz with 9 dB that is -84.98 dBm.
#[test]
fn closed_form_noise_of_a_noise_figure() {
    let options = RadioOptions {
        noise_figure_db: Some(9.0),
        ..RadioOptions::default()
    };
    let noise_dbm = 10.0 * noise_w(&Channel::default(), &options, 100e6).log10() + 30.0;
    assert!((noise_dbm + 84.975).abs() < 1e-3, "{noise_dbm}");
}

/// Shares of vehicles in line of sight at several distances against the formula, at 3 sigma.
#[test]
fn closed_form_los_frequencies() {
    let n = 20_000;
    for model in [
        PathLoss::Umi,
        PathLoss::Uma,
        PathLoss::V2xUrban,
        PathLoss::V2xHighway,
    ] {
        let radio = radio(&options(model), 5);
        for x_m in [15.0, 40.0, 90.0, 300.0] {
            let clear =
                (0..n).filter(|&v| radio.sight(&at(v, x_m, 0.0), 0, x_m * x_m) == Sight::Clear);
            let share = clear.count() as f64 / n as f64;
            let p = radio.law.los_probability(x_m);
            let sigma = (p * (1.0 - p) / n as f64).sqrt();
            assert!(
                (share - p).abs() <= 3.0 * sigma,
                "{model:?} {x_m}: {share} {p}"
            );
        }
    }
}

/// A draw is kept over `los_distance_m`: along 5 km it changes about 100 times, never twice within 50 m, and the vehicle
/// is in sight as often as the probability says.
#[test]
fn property_a_line_of_sight_is_kept_over_its_distance() {
    let radio = radio(&options(PathLoss::Umi), 1);
    let mut ends = Vec::new();
    for step in 1..5000_u64 {
        let stretch = |m: u64| radio.stretch(&at(3, 100.0, m as f64), 0);
        if stretch(step) != stretch(step - 1) {
            ends.push(step);
        }
    }
    assert!((99..=100).contains(&ends.len()), "{}", ends.len());
    assert!(ends.windows(2).all(|w| w[1] - w[0] == 50));
    let p = radio.law.los_probability(100.0);
    let clear = |k: u64| radio.sight(&at(3, 100.0, 50.0 * k as f64), 0, 1e4) == Sight::Clear;
    let share = (0..20_000).filter(|&k| clear(k)).count() as f64 / 2e4;
    assert!(
        (share - p).abs() < 3.0 * (p * (1.0 - p) / 2e4).sqrt(),
        "{share} {p}"
    );
}

/// Shadowing in dB has the model's standard deviation, and two vehicles at one place have the same.
#[test]
fn closed_form_shadowing_in_db() {
    for (los, sigma_db) in [(LosRule::Always, 4.0), (LosRule::Never, 7.82)] {
        let options = RadioOptions {
            shadowing: Shadowing::LogNormal,
            los: Some(los),
            ..options(PathLoss::Umi)
        };
        let squares = (0..3000).map(|seed| {
            let radio = radio(&options, seed);
            let (one, two) = (
                radio.mean_gain(&at(1, 70.0, 3.0), 0),
                radio.mean_gain(&at(2, 70.0, 90.0), 0),
            );
            assert_eq!(one, two);
            let sight = radio.sight(&at(1, 70.0, 3.0), 0, 4900.0);
            (10.0 * one.log10() + radio.law.loss_db(sight, 4900.0)).powi(2)
        });
        let variance = squares.sum::<f64>() / 3000.0;
        let relative = variance / (sigma_db * sigma_db) - 1.0;
        assert!(
            relative.abs() < 3.0 * (2.0 / 3000.0_f64).sqrt(),
            "{los:?} {variance}"
        );
    }
}

/// Rician power has mean 1 and variance (2K + 1) / (K + 1)^2, here with K = 4.
#[test]
fn closed_form_rician_moments() {
    let options = RadioOptions {
        fading: Fading::Rician,
        rician_k_db: 10.0 * 4f64.log10(),
        ..options(PathLoss::FreeSpace)
    };
    let n = 20_000;
    let power = |seed| radio(&options, seed).gain(&at(1, 123.0, 0.0), 0).fading;
    let powers: Vec<f64> = (0..n).map(power).collect();
    let mean = powers.iter().sum::<f64>() / n as f64;
    let variance = powers.iter().map(|p| (p - mean).powi(2)).sum::<f64>() / n as f64;
    assert!(
        (mean - 1.0).abs() < 3.0 * (variance / n as f64).sqrt(),
        "{mean}"
    );
    // sixteen waves take off 1/16 of the scattered share's own variance, (1 / (K + 1))^2
    let expected = (2.0 * 4.0 + 1.0 - 1.0 / 16.0) / 25.0;
    assert!(
        (variance / expected - 1.0).abs() < 0.05,
        "{variance} {expected}"
    );
}

/// Log-distance without anything else is what it was.
#[test]
fn property_log_distance_is_the_same_law() {
    let channel = Channel {
        noise_dbm: -104.0,
        pathloss_db_at_1km: 128.1,
        pathloss_db_per_decade: 37.6,
        antenna_height_m: 10.0,
    };
    let plain = crate::model::channel::Radio::new(&channel);
    let radio = radio(&options(PathLoss::LogDistance), 0);
    for x_m in [0.0, 1.0, 77.0, 480.0, 5000.0] {
        let snr = 0.2 * radio.mean_gain(&at(0, x_m, 0.0), 0) / dbm_to_w(-104.0);
        assert!(
            (snr / plain.snr(0.2, x_m * x_m) - 1.0).abs() < 1e-12,
            "{x_m}"
        );
    }
}
