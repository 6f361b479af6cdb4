//! Which RSUs receive a vehicle of a slot from JSON, and at what rate.

use super::row_u32;
use crate::config::{Names, Section};
use crate::model::channel::{Radio, dbm_to_w, seconds_per_bit};
use crate::scenario::Channel;
use crate::slot::{RadioLink, Rsus};

/// What the RSUs receive.
pub(super) struct Receivers<'a> {
    pub(super) rsus: &'a Rsus,
    radio: Radio,
    noise_w: f64,
    /// Rate of every upload, in place of the radio's \[bit/s\].
    uplink_rate_bps: Option<f64>,
}

impl<'a> Receivers<'a> {
    pub(super) fn new(channel: &Channel, rsus: &'a Rsus, uplink_rate_bps: Option<f64>) -> Self {
        Self {
            uplink_rate_bps,
            rsus,
            radio: Radio::new(channel),
            noise_w: dbm_to_w(channel.noise_dbm),
        }
    }

    fn distance2_m2(&self, [x, y]: [f64; 2], m: usize) -> f64 {
        (x - self.rsus.x_m[m]).powi(2) + (y - self.rsus.y_m[m]).powi(2)
    }

    fn link(&self, m: usize, snr: f64) -> RadioLink {
        RadioLink {
            rsu: row_u32(m),
            seconds_per_bit: self.uplink_rate_bps.map_or_else(
                || seconds_per_bit(self.rsus.bandwidth_hz[m], snr),
                |rate_bps| 1.0 / rate_bps,
            ),
        }
    }

    /// The RSUs whose range covers `place`, nearest first; one too weak to carry any bit does not.
    pub(super) fn in_range(&self, place: [f64; 2], tx_power_w: f64) -> Vec<RadioLink> {
        let near = (0..self.rsus.len()).filter_map(|m| {
            let distance2 = self.distance2_m2(place, m);
            let covered = distance2 <= self.rsus.range_m[m].powi(2);
            covered.then(|| {
                (
                    distance2,
                    self.link(m, self.radio.snr(tx_power_w, distance2)),
                )
            })
        });
        nearest_first(
            near.filter(|(_, link)| link.seconds_per_bit.is_finite())
                .collect(),
        )
    }

    /// The RSUs that `gains` names, nearest first.
    pub(super) fn measured(
        &self,
        s: &mut Section<'_>,
        place: [f64; 2],
        tx_power_w: f64,
        rsus: &Names,
        gains: &[(String, f64)],
    ) -> Vec<RadioLink> {
        let mut links = Vec::with_capacity(gains.len());
        for (id, gain) in gains {
            let key = format!("gain.{id}");
            let Some(m) = rsus.resolve(s, &key, "RSU", id) else {
                continue;
            };
            let link = self.link(m as usize, tx_power_w * gain / self.noise_w);
            if link.seconds_per_bit == f64::INFINITY {
                s.problem(&key, "is too weak to carry any bit; leave it out");
            }
            links.push((self.distance2_m2(place, m as usize), link));
        }
        nearest_first(links)
    }

    /// The gain with which a vehicle has this link: (1) solved for h.
    pub(super) fn gain(&self, link: RadioLink, tx_power_w: f64) -> f64 {
        let bandwidth_hz = self.rsus.bandwidth_hz[link.rsu as usize];
        let spectral = std::f64::consts::LN_2 / (bandwidth_hz * link.seconds_per_bit);
        spectral.exp_m1() * self.noise_w / tx_power_w
    }
}

fn nearest_first(mut links: Vec<(f64, RadioLink)>) -> Vec<RadioLink> {
    links.sort_by(|(d, a), (e, b)| d.total_cmp(e).then(a.rsu.cmp(&b.rsu)));
    links.into_iter().map(|(_, link)| link).collect()
}
