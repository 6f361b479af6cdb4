//! A trained network with all that it needs to decide.

use std::sync::Arc;

use serde_json::Value;
use wayside_core::error::Result;
use wayside_core::rng::Stream;

use crate::algo::decider::{Decider, Network, Selection};
use crate::algo::env::{Observe, SlotView};
use crate::algo::normalise::{Inputs, Running};
use crate::nn::architecture::Architecture;
use crate::nn::net::{Net, NetSpec};
use crate::nn::state::{State, invalid};

/// Key of the architecture's name in the card, where it is not our own.
const ARCHITECTURE: &str = "architecture";

/// Makes a network of another architecture that fits the widths of a [`NetSpec`].
pub type MakeArchitecture<'a> = dyn Fn(&NetSpec) -> Result<Arc<dyn Architecture>> + Sync + 'a;

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

    /// Logits of the rows of one slot, `[R, logits_per_row]`.
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
        if let Some(architecture) = self.net.architecture() {
            state.card[ARCHITECTURE] = architecture.into();
        }
        state.put("params", &self.params);
        Inputs::save(self.normaliser.as_ref(), &mut state);
        state
    }

    /// Reads what [`Policy::save`] saved.
    ///
    /// # Errors
    /// If a tensor is missing or of the wrong size, or the architecture is not our own.
    pub fn load(state: &State) -> Result<Self> {
        Self::of(Net::new(state.card_value("net")?)?, state)
    }

    /// The same for a network of the architecture that `make` makes.
    ///
    /// # Errors
    /// If a tensor is missing or of the wrong size, or the architecture has another name.
    pub fn load_with(state: &State, make: &MakeArchitecture) -> Result<Self> {
        let net = Net::new(state.card_value("net")?)?;
        let architecture = make(net.spec())?;
        Self::of(net.with_architecture(architecture), state)
    }

    fn of(net: Net, state: &State) -> Result<Self> {
        check_architecture(&net, state)?;
        let params = state.get_len("params", net.parameters())?;
        let normaliser = Inputs::load(net.spec(), state)?;
        Ok(Self::new(net, params, normaliser))
    }
}

/// Checks that `state` was saved by networks of the architecture of `net`.
pub(crate) fn check_architecture(net: &Net, state: &State) -> Result<()> {
    let saved = state.card.get(ARCHITECTURE).and_then(Value::as_str);
    let known = net.architecture();
    if saved == known.as_deref() {
        return Ok(());
    }
    let own = "that of Wayside";
    let message = format!(
        "must be {}, got {}; a policy of another architecture is read by the program that trained it \
         (LearnedPolicy::read_with)",
        known.as_deref().unwrap_or(own),
        saved.unwrap_or(own),
    );
    Err(invalid(ARCHITECTURE, message))
}
