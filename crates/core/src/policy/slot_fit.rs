//! Slot-fit: for `carry_over`.
use super::Policy;
use super::price::Price;
use crate::decision::Decision;
use crate::slot::Slot;
/// x
#[derive(Debug)]
pub struct SlotFit {
    price: Price,
}
impl SlotFit {
    /// x
    #[must_use]
    pub fn new(sweeps: usize) -> Self {
        Self {
            price: Price::new(sweeps),
        }
    }
}
impl Policy for SlotFit {
    fn decide(&mut self, slot: &Slot, decision: &mut Decision) {
        self.price.decide(slot, decision);
    }
}
