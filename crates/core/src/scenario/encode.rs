//! A checked scenario back to TOML.

use super::decode::{BALANCES, CROWDS, DEADLINES, PRICE_EFFORTS, RANDOM, RANDOM_TARGETS};
use super::options::migration::Sink;
use super::queueing::{COUNTINGS, FALSE_KINDS, SOURCES, SUCCESSES};
use super::{
    Cycles, Deadline, Execution, Faulty, FcdSource, Hotspot, LinkRule, Mobility, Parking, Range,
    Rsu, RsuLayout, Scenario, builtin,
};
use std::fmt::Display;

impl Scenario {
    /// The canonical text, with every default written out: equal scenarios have equal texts, and the
    /// text decodes to an equal scenario. Paths in it are relative to the working directory.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut out = Writer::default();
        out.section("[scenario]");
        out.text("name", &self.name);
        out.text("description", &self.description);
        out.text("source", &self.source);
        out.section("[time]");
        out.number("slot_s", self.time.slot_s);
        out.put("slots", self.time.slots);
        out.put("carry_over", self.time.carry_over);
        if let Some(area) = &self.area {
            out.section("[area]");
            out.number("width_m", extent(area.x_min_m, area.x_max_m));
            out.number("height_m", extent(area.y_min_m, area.y_max_m));
            out.number("x_min_m", area.x_min_m);
            out.number("y_min_m", area.y_min_m);
        }
        out.section("[channel]");
        out.number("noise_dbm", self.channel.noise_dbm);
        out.number("pathloss_db_at_1km", self.channel.pathloss_db_at_1km);
        out.number(
            "pathloss_db_per_decade",
            self.channel.pathloss_db_per_decade,
        );
        out.number("antenna_height_m", self.channel.antenna_height_m);
        if let Some(rate_bps) = self.uplink_rate_bps {
            out.number("uplink_rate_bps", rate_bps);
        }
        self.write_fleet(&mut out);
        out.section("[task]");
        match self.task.cycles {
            Cycles::Drawn(cycles) => out.range("cycles", cycles),
            Cycles::PerBit(cycles) => out.range("cycles_per_bit", cycles),
        }
        out.range("data_bytes", self.task.data_bytes);
        out.range("deadline_s", self.task.deadline_s);
        out.put("per_vehicle", self.task.per_vehicle);
        out.number("probability", self.task.probability);
        if let Some(period_s) = self.task.period_s {
            out.number("period_s", period_s);
        }
        self.write_rsus(&mut out);
        self.write_backhaul(&mut out);
        self.write_queueing(&mut out);
        out.section("[objective]");
        out.number("omega", self.omega);
        out.section("[load_balance]");
        out.number("delta", self.load_balance.delta);
        out.number("alpha", self.load_balance.alpha);
        out.number("tau_min", self.load_balance.tau_min);
        out.put("enforce", self.load_balance.enforce);
        out.word("of", &BALANCES, self.load_balance.of);
        out.section("[policy.greedy]");
        out.number("quota", self.policy.greedy_quota);
        out.section("[policy.random]");
        out.put("candidates", self.policy.random_candidates);
        out.word("target", &RANDOM_TARGETS, self.policy.random_target);
        out.section("[policy.least-total]");
        out.put("passes", self.policy.least_total_passes);
        out.put("repair", self.policy.least_total_repair);
        out.section("[policy.learned]");
        out.put("or_local", self.policy.learned_or_local);
        out.put("repair", self.policy.learned_repair);
        out.section("[policy.best-response]");
        out.put("sweeps", self.policy.best_response_sweeps);
        out.put("repair", self.policy.best_response_repair);
        out.deadline(self.policy.best_response_deadline);
        out.section("[policy.price]");
        out.put("sweeps", self.policy.price.sweeps);
        out.word("effort", &PRICE_EFFORTS, self.policy.price.effort);
        out.put("repair", self.policy.price_repair);
        out.deadline(self.policy.price_deadline);
        out.section("[policy.local-search]");
        out.put("restarts", self.policy.local_search_restarts);
        out.put("repair", self.policy.local_search_repair);
        out.deadline(self.policy.local_search_deadline);
        self.policy.migration.encode(&mut out);
        out.0
    }

    fn write_fleet(&self, out: &mut Writer) {
        let fleet = &self.fleet;
        out.section("[fleet]");
        if !matches!(fleet.mobility, Mobility::Fcd(_)) {
            out.put("size", fleet.size);
        }
        out.range("tx_power_w", fleet.tx_power_w);
        out.range("cpu_hz", fleet.cpu_hz);
        out.range("energy_coeff", fleet.energy_coeff);
        out.section("[fleet.mobility]");
        match &fleet.mobility {
            Mobility::Straight { speed_mps, hotspot } => {
                out.text("kind", "straight");
                out.range("speed_mps", *speed_mps);
                if let Some(hotspot) = hotspot {
                    out.hotspot(hotspot);
                }
            }
            Mobility::RandomWaypoint { speed_mps, pause_s } => {
                out.text("kind", "random-waypoint");
                out.range("speed_mps", *speed_mps);
                out.range("pause_s", *pause_s);
            }
            Mobility::Manhattan {
                speed_mps,
                block_m,
                turn_probability,
            } => {
                out.text("kind", "manhattan");
                out.range("speed_mps", *speed_mps);
                out.number("block_m", *block_m);
                out.number("turn_probability", *turn_probability);
            }
            Mobility::Parked(parking) => {
                out.text("kind", "parked");
                out.text(
                    "at",
                    match parking {
                        Parking::At(rsu) => rsu,
                        Parking::Random => RANDOM,
                    },
                );
            }
            Mobility::Ring {
                radius_m,
                center_m,
                speed_mps,
            } => {
                out.text("kind", "ring");
                out.number("radius_m", *radius_m);
                out.put("center_m", format_args!("{center_m:?}"));
                out.number("speed_mps", *speed_mps);
            }
            Mobility::Fcd(fcd) => {
                out.text("kind", "fcd");
                match &fcd.source {
                    FcdSource::File(path) => out.text("path", &path.to_string_lossy()),
                    FcdSource::Builtin(name) => {
                        out.text("path", &format!("{}{name}", builtin::PREFIX));
                    }
                }
                if let Some(begin_s) = fcd.begin_s {
                    out.number("begin_s", begin_s);
                }
                let types: Vec<_> = fcd.vehicle_types.iter().map(|t| quoted(t)).collect();
                out.put("vehicle_types", format_args!("[{}]", types.join(", ")));
                out.put("every", fcd.every);
            }
        }
    }

    fn write_rsus(&self, out: &mut Writer) {
        match &self.rsus {
            RsuLayout::Explicit(rsus) => {
                for rsu in rsus {
                    out.section("[[rsu]]");
                    out.text("id", &rsu.id);
                    out.number("x_m", rsu.x_m);
                    out.number("y_m", rsu.y_m);
                    out.equipment(rsu);
                }
            }
            RsuLayout::Grid {
                spacing_m,
                template,
            } => {
                out.section("[rsu.grid]");
                out.number("spacing_m", *spacing_m);
                out.equipment(template);
            }
        }
    }

    fn write_backhaul(&self, out: &mut Writer) {
        let backhaul = &self.backhaul;
        out.section("[backhaul]");
        out.number("rate_bps", backhaul.rate_bps);
        out.number("migration_power_w", backhaul.migration_power_w);
        out.put("max_hops", backhaul.max_hops);
        out.number("propagation_s_per_m", backhaul.propagation_s_per_m);
        out.number("length_scale", backhaul.length_scale);
        out.put("allow_disconnected", backhaul.allow_disconnected);
        match &backhaul.links {
            LinkRule::Distance(max) => out.number("max_distance_m", *max),
            LinkRule::File(path) => out.text("path", &path.to_string_lossy()),
            LinkRule::Explicit(links) if links.is_empty() => out.put("link", "[]"),
            LinkRule::Explicit(links) => {
                for link in links {
                    out.section("[[backhaul.link]]");
                    out.text("a", &link.a);
                    out.text("b", &link.b);
                    if let Some(rate) = link.rate_bps {
                        out.number("rate_bps", rate);
                    }
                    if let Some(length) = link.length_m {
                        out.number("length_m", length);
                    }
                }
            }
        }
    }
}

impl Scenario {
    /// Everything that only servers with queues heed.
    fn write_queueing(&self, out: &mut Writer) {
        let Execution::Queues(cores) = &self.execution else {
            return;
        };
        out.section("[execution]");
        out.text("kind", "queues");
        out.number("capability", cores.capability);
        out.range("busy_s", cores.busy_s);
        // left out where it is the default, so that the hash of older scenarios stays
        if cores.renewed {
            out.put("renewed", true);
        }
        if let Some(round_trip_s) = self.cloud_round_trip_s {
            out.section("[cloud]");
            out.number("round_trip_s", round_trip_s);
        }
        if let Some(information) = &self.information {
            out.section("[information]");
            out.number("rate_hz", information.rate_hz);
            out.number("packet_bytes", information.packet_bytes);
            out.put("ttl", information.ttl);
            out.word("counting", &COUNTINGS, information.counting);
            out.word("sources", &SOURCES, information.sources);
            out.number("delay_s", information.delay_s);
            out.number("false_share", information.false_share);
            out.word("false_kind", &FALSE_KINDS, information.false_kind);
        }
        for fault in &self.faults {
            out.section("[[fault]]");
            match &fault.what {
                Faulty::Server(rsu) => {
                    out.text("kind", "server");
                    out.text("rsu", rsu);
                }
                Faulty::Link(a, b) => {
                    out.text("kind", "link");
                    out.text("a", a);
                    out.text("b", b);
                }
                Faulty::Information => out.text("kind", "information"),
            }
            out.number("from_s", fault.from_s);
            out.number("until_s", fault.until_s);
        }
        out.section("[success]");
        out.word("definition", &SUCCESSES, self.success);
    }
}

/// The extent that, added to `min`, gives `max` to the last bit.
fn extent(min: f64, max: f64) -> f64 {
    let width = max - min;
    let near = [width, width.next_down(), width.next_up()];
    let exact = near
        .into_iter()
        .find(|w| (min + w).to_bits() == max.to_bits());
    exact.unwrap_or(width)
}

#[derive(Default)]
struct Writer(String);

impl Writer {
    fn section(&mut self, title: &str) {
        if !self.0.is_empty() {
            self.0.push('\n');
        }
        self.0.push_str(title);
        self.0.push('\n');
    }

    fn put(&mut self, key: &str, value: impl Display) {
        self.0.push_str(&format!("{key} = {value}\n"));
    }

    fn number(&mut self, key: &str, x: f64) {
        self.put(key, format_args!("{x:?}"));
    }

    fn text(&mut self, key: &str, text: &str) {
        self.put(key, quoted(text));
    }

    fn range(&mut self, key: &str, Range { min, max }: Range) {
        if min.to_bits() == max.to_bits() {
            self.number(key, min);
        } else {
            self.put(key, format_args!("{{ min = {min:?}, max = {max:?} }}"));
        }
    }

    fn hotspot(&mut self, hotspot: &Hotspot) {
        self.section("[fleet.mobility.hotspot]");
        self.number("share", hotspot.share);
        self.number("sigma_m", hotspot.sigma_m);
        self.put("center", format_args!("{:?}", hotspot.center));
        self.word("crowd", &CROWDS, hotspot.crowd);
    }

    /// The word of `words` that means `meaning`.
    fn word<T: PartialEq>(&mut self, key: &str, words: &[(&str, T)], meaning: T) {
        let word = words.iter().find(|(_, m)| *m == meaning);
        self.text(key, word.map_or("", |(word, _)| word));
    }

    fn deadline(&mut self, deadline: Deadline) {
        self.word("deadline", &DEADLINES, deadline.rule);
        self.number("deadline_weight", deadline.weight);
    }

    fn equipment(&mut self, rsu: &Rsu) {
        self.number("range_m", rsu.range_m);
        self.number("bandwidth_hz", rsu.bandwidth_hz);
        self.number("cpu_hz", rsu.cpu_hz);
        self.put("cores", rsu.cores);
        self.number("energy_coeff", rsu.energy_coeff);
    }
}

impl Sink for Writer {
    fn section(&mut self, title: &str) {
        Self::section(self, title);
    }

    fn put(&mut self, key: &str, value: String) {
        Self::put(self, key, value);
    }
}

/// A TOML basic string.
fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
