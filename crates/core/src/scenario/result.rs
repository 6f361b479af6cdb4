//! `[result]`: the answers of tasks, and how they reach vehicles that have moved.

use super::radio::RadioOptions;
use crate::config::{Float, Keys, Range, Spread, section};

section! {
    /// `[result]`: what it takes to return the answer of an offloaded task.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct ResultOptions {
        /// size of the answer of a task [bytes]
        data_bytes: Range = required(Spread(Float::NON_NEGATIVE.up_to(1e15))),
        /// downlink band that every receiver gets to itself [Hz]
        bandwidth_hz: Option<f64> = optional(Float::POSITIVE, "bandwidth_hz of the RSU that covers the vehicle"),
        /// transmit power of an RSU [W]
        tx_power_w: Option<f64> = optional(Float::POSITIVE.up_to(1e6), "the downlink is as good as the vehicle's uplink, and its energy is not counted"),
        /// how long an answer waits for the vehicle to be covered, from when it is ready [s]
        give_up_s: f64 = default(10.0, Float::NON_NEGATIVE.up_to(1e6)),
        /// interruption at each handover, that is where another RSU covers the vehicle than before, while its task is away [s]
        interruption_s: f64 = default(0.0, Float::NON_NEGATIVE.up_to(1e6)),
        /// delay that a lost answer counts beyond give_up_s [s]
        penalty_s: f64 = default(0.0, Float::NON_NEGATIVE.up_to(1e6)),
    }
}

/// The optional section `[result]`.
pub(super) fn section(
    k: &mut Keys<'_, '_>,
    radio: &RadioOptions,
    result: &mut Option<ResultOptions>,
) {
    let without = "answers have no size and are there at once";
    let doc = "The answers of offloaded tasks, and their way to vehicles that have moved";
    k.optional_section("result", without, doc, result, ResultOptions::keys);
    if result.is_some() && radio.table.is_some() {
        k.problem(
            "result",
            "needs a radio without a table of gains: a table does not say what the gains to other places are, where vehicles will be",
        );
    }
}
