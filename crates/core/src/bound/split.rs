//! The split bound.
use super::dual::{Dual, Effort};
use crate::slot::Slot;
/// x
#[derive(Clone, Debug, Default)]
pub struct Split {
    dual: Dual,
}
impl Split {
    /// x
    pub fn solve(&mut self, slot: &Slot) -> f64 {
        self.dual.solve(slot, Effort::CERTIFY)
    }
}
