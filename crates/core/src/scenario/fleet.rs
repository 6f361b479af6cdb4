//! `[fleet]`: the vehicles.

use super::basic::ENERGY_COEFF;
use super::mobility::{Context, Mobility};
use crate::config::{Count, Float, Keys, Range, Spread};

/// `[fleet]`: the vehicles.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fleet {
    /// Number of vehicles N of a synthetic fleet (unused, and absent from the file, for FCD).
    pub size: usize,
    /// Transmit power p_n \[W\].
    pub tx_power_w: Range,
    /// On-board CPU f_n \[Hz\].
    pub cpu_hz: Range,
    /// Energy coefficient kappa_n \[J s^2/cycle^3\].
    pub energy_coeff: Range,
    /// `[fleet.mobility]`.
    pub mobility: Mobility,
}

impl Fleet {
    /// Whether the section said how vehicles move.
    pub(super) fn keys(&mut self, k: &mut Keys<'_, '_>, context: &Context<'_>) -> bool {
        let from_trace = self.mobility.trace().is_some();
        let mut size = (!from_trace).then_some(self.size);
        let kind = Count {
            min: 1,
            max: 10_000_000,
        };
        let without = "only for FCD, where the trace decides";
        k.optional("size", kind, without, &mut size, "number of vehicles N");
        let positive = Spread(Float::POSITIVE);
        let doc = "transmit power p_n [W]";
        k.required("tx_power_w", positive, &mut self.tx_power_w, doc);
        k.required(
            "cpu_hz",
            positive,
            &mut self.cpu_hz,
            "on-board CPU f_n [Hz]",
        );
        let doc = "energy coefficient kappa_n [J s^2/cycle^3]";
        let kind = Spread(ENERGY_COEFF);
        k.required("energy_coeff", kind, &mut self.energy_coeff, doc);
        let is_known = k.variants(
            ("mobility", "kind"),
            "How vehicles move",
            &Mobility::forms(),
            &mut self.mobility,
            |mobility, k| mobility.keys(k, context),
        );
        self.size = size.unwrap_or(0);
        let problem = match (&self.mobility, size) {
            (Mobility::Fcd(_), Some(_)) => {
                "must be left out: with kind = \"fcd\" the trace decides"
            }
            (Mobility::Sumo(_), Some(_)) => {
                "must be left out: with kind = \"sumo\" the simulation decides"
            }
            (Mobility::Fcd(_) | Mobility::Sumo(_), None) | (_, Some(_)) => return is_known,
            (_, None) => "missing, a synthetic fleet needs the number of its vehicles",
        };
        if is_known {
            k.problem("size", problem);
        }
        is_known
    }
}
