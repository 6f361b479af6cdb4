//! A trained network with all that it needs to decide.

use wayside_core::error::Result;
use wayside_core::rng::Stream;

use crate::algo::decider::{Decider, Network, Selection};
use crate::algo::env::{Observe, SlotView};
use crate::algo::normalise::{Inputs, Running};
use crate::nn::net::{Net, NetSpec};
use crate::nn::state::State;

/// A network, its parameters, and the moments that normalise its inputs.
#[derive(Debug)]
pub struct Policy {
    net: Net,
    params: Vec<f32>,
    normaliser: Option<Inputs<Running>>,
    decider: Decider,
    slot: SlotView,
}

impl Clone for Policy {
    fn clone(&self) -> Self {
        Self::new(
            self.net.clone(),
            self.params.clone(),
            self.normaliser.clone(),
        )
    }
}

impl Policy {
    pub(crate) fn new(net: Net, params: Vec<f32>, normaliser: Option<Inputs<Running>>) -> Self {
        let slot = SlotView::new(net.spec().row_width, net.spec().globals);
        Self {
            net,
            params,
            normaliser,
            decider: Decider::default(),
            slot,
        }
    }

    /// The most probable choice of every factor, `[F]`.
    ///
    /// # Panics
    /// If `observer` breaks the contract of [`Observe`].
    pub fn decide(&mut self, observer: &mut impl Observe) -> &[u32] {
        self.choose(observer, Selection::Greedy)
    }

    /// Choices drawn from the policy, `[F]`.
    ///
    /// # Panics
    /// If `observer` breaks the contract of [`Observe`].
    pub fn sample(&mut self, observer: &mut impl Observe, stream: &mut Stream) -> &[u32] {
        self.choose(observer, Selection::Sample(std::slice::from_mut(stream)))
    }

    fn choose(&mut self, observer: &mut impl Observe, selection: Selection) -> &[u32] {
        let network = Network {
            net: &self.net,
            params: &self.params,
            normaliser: self.normaliser.as_ref(),
        };
        let observers = std::slice::from_mut(observer);
        let slots = std::slice::from_mut(&mut self.slot);
        self.decider
            .decide(network, observers, &[true], slots, selection);
        &self.slot.actions
    }

    /// Logits of whole rows that come one after the other, `[R, logits_per_row]`.
    pub fn logits(&mut self, rows: &[f32], out: &mut Vec<f32>) {
        let network = Network {
            net: &self.net,
            params: &self.params,
            normaliser: self.normaliser.as_ref(),
        };
        self.decider.logits(network, rows, out);
    }

    /// The critic's value of the slot decided last.
    #[must_use]
    pub fn value(&self) -> f32 {
        self.slot.value
    }

    /// Sizes of the network: what an observation must fit.
    #[must_use]
    pub fn spec(&self) -> &NetSpec {
        self.net.spec()
    }

    /// Parameters, normaliser and sizes; more may be added to the card before it is written.
    #[must_use]
    pub fn save(&self) -> State {
        let mut state = State::new(serde_json::json!({ "net": self.net.spec() }));
        state.put("params", &self.params);
        Inputs::save(self.normaliser.as_ref(), &mut state);
        state
    }

    /// Reads what [`Policy::save`] saved.
    ///
    /// # Errors
    /// If a tensor is missing or of the wrong size.
    pub fn load(state: &State) -> Result<Self> {
        let net = Net::new(state.card_value("net")?)?;
        let params = state.get_len("params", net.parameters())?;
        let normaliser = Inputs::load(net.spec(), state)?;
        Ok(Self::new(net, params, normaliser))
    }
}
