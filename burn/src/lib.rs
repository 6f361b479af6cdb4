//! Learning for Wayside with the networks computed by [Burn](https://burn.dev), on its devices, GPUs among them.
//!
//! [`Burn`] implements [`wayside_learn::nn::backend::Backend`], as any other library of networks can. Our own core is
//! faster on a CPU, so this crate is for other devices, and an example of an external backend. It is not a
//! member of the workspace: Burn would double the workspace's lock file.
//!
//! Burn chooses its backend at run time, by the device. As built here there is `flex`, plain Rust on the processor. Other
//! devices are features of the crate `burn-tensor`; a crate that depends on it names them:
//!
//! ```
//! use burn_tensor::Device;
//! use wayside_burn::Burn;
//! use wayside_learn::trainer::MakeBackend;
//! # use wayside_learn::nn::net::NetSpec;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let device = Device::flex(); // or Device::cuda(0), with burn-tensor/cuda
//! let backend: &MakeBackend = &|spec| Ok(Box::new(Burn::new(spec.clone(), device.clone())?));
//! // a training with it: Plan { backend: Some(backend), .. }
//! # backend(&NetSpec::shared(42, 15, 1, &[64, 64]))?;
//! # Ok(())
//! # }
//! ```
//!
//! `cargo run --example train` trains in a scenario. [`default_device`] is the best device of the build, or the one that the
//! variable `BURN_DEVICE` names. On `flex` the same seed gives the same bytes; a GPU sums in an order of its own.

use burn_tensor::activation::relu;
use burn_tensor::{Device, IndexingUpdateOp, Int, Tensor, TensorData};
use wayside_core::error::{Error, Result};
use wayside_learn::nn::adam::{BETA1, BETA2};
use wayside_learn::nn::backend::{Backend, EPSILON, Slots, Weights, failed, no_forward};
use wayside_learn::nn::mlp::Activation;
use wayside_learn::nn::net::{Net, NetSpec, Pool};

/// The networks of a [`NetSpec`] on a device of Burn.
#[derive(Debug)]
pub struct Burn {
    net: Net,
    device: Device,
    /// `W, b` of every layer, in the order of the flat vector.
    parameters: Vec<Parameter>,
    /// Updates done.
    steps: u64,
    /// Logits `[R, logits_per_row]` and values `[S, 1]` of the last forward pass, with their graph.
    passed: Option<(Tensor<2>, Tensor<2>)>,
}

/// A matrix (a bias has one row) and its moments.
#[derive(Debug)]
struct Parameter {
    value: Tensor<2>,
    m: Tensor<2>,
    v: Tensor<2>,
}

impl Burn {
    /// All parameters zero, on `device`.
    ///
    /// # Errors
    /// As [`Net::new`].
    pub fn new(spec: NetSpec, device: Device) -> Result<Self> {
        let net = Net::new(spec)?;
        let zeros = vec![0.0; net.parameters()];
        let mut this = Self {
            net,
            device,
            parameters: Vec::new(),
            steps: 0,
            passed: None,
        };
        this.load(&Weights {
            params: zeros.clone(),
            m: zeros.clone(),
            v: zeros,
            steps: 0,
        })?;
        Ok(this)
    }

    /// `[rows, inputs]` of every parameter.
    fn shapes(&self) -> impl Iterator<Item = [usize; 2]> {
        let layers = self
            .net
            .parts()
            .into_iter()
            .flat_map(|n| n.sizes().windows(2));
        layers.flat_map(|w| [[w[0], w[1]], [1, w[1]]])
    }

    fn tensor(&self, data: &[f32], shape: [usize; 2]) -> Tensor<2> {
        Tensor::from_data(TensorData::new(data.to_vec(), shape), &self.device)
    }

    /// `x [R, inputs]` through dense layers; the last is activated in a trunk, not in a head.
    fn dense(&self, layers: &[Parameter], mut x: Tensor<2>, activate_last: bool) -> Tensor<2> {
        let depth = layers.len() / 2;
        for (l, wb) in layers.chunks_exact(2).enumerate() {
            x = x.matmul(wb[0].value.clone()) + wb[1].value.clone();
            if activate_last || l + 1 < depth {
                x = match self.net.spec().activation {
                    Activation::Tanh => x.tanh(),
                    Activation::Relu => relu(x),
                };
            }
        }
        x
    }

    /// Means over the rows of each slot: `x [R, width]` to `[S, width]`, zero for a slot without rows.
    fn means(&self, x: Tensor<2>, row_ends: &[usize]) -> Tensor<2> {
        let [rows, width] = x.dims();
        let (mut slot_of, mut share) = (vec![0i64; rows], vec![0.0; rows]);
        let mut from = 0;
        for (s, &to) in row_ends.iter().enumerate() {
            slot_of[from..to].fill(s as i64);
            share[from..to].fill(1.0 / (to - from).max(1) as f32);
            from = to;
        }
        let slot_of = Tensor::<1, Int>::from_data(TensorData::new(slot_of, [rows]), &self.device);
        let shares = x * self.tensor(&share, [rows, 1]);
        Tensor::zeros([row_ends.len(), width], &self.device).select_assign(
            0,
            slot_of,
            shares,
            IndexingUpdateOp::Add,
        )
    }
}

impl Backend for Burn {
    fn forward(&mut self, slots: Slots, logits: &mut [f32], values: &mut [f32]) -> Result<()> {
        let spec = self.net.spec();
        let count = slots.row_ends.len();
        // not every device takes a tensor without elements: without rows we pass one that belongs to no slot
        let rows = if slots.rows.is_empty() {
            self.tensor(&vec![0.0; spec.row_width], [1, spec.row_width])
        } else {
            self.tensor(
                slots.rows,
                [slots.rows.len() / spec.row_width, spec.row_width],
            )
        };
        let [trunk, head, _] = self.net.parts().map(|n| 2 * (n.sizes().len() - 1));
        let (trunk, rest) = self.parameters.split_at(trunk);
        let (head, value) = rest.split_at(head);

        let features = self.dense(trunk, rows.clone(), true);
        let z = self.dense(head, features.clone(), false);
        let pooled = match spec.pool {
            Pool::Trunk => features,
            Pool::Rows => rows,
        };
        let mut seen = self.means(pooled, slots.row_ends);
        if spec.globals > 0 {
            let globals = self.tensor(slots.globals, [count, spec.globals]);
            seen = Tensor::cat(vec![seen, globals], 1);
        }
        let v = self.dense(value, seen, false);

        read(&z, logits)?;
        read(&v, values)?;
        self.passed = Some((z, v));
        Ok(())
    }

    fn update(
        &mut self,
        d_logits: &[f32],
        d_values: &[f32],
        rate: f64,
        max_norm: Option<f64>,
    ) -> Result<f64> {
        let (logits, values) = self.passed.take().ok_or_else(no_forward)?;
        let mut d_logits = d_logits.to_vec();
        d_logits.resize(logits.dims().iter().product(), 0.0); // of the row that belongs to no slot
        // the gradient of this product is that of the loss
        let d_logits = self.tensor(&d_logits, logits.dims());
        let d_values = self.tensor(d_values, values.dims());
        let along = (logits * d_logits).sum() + (values * d_values).sum();
        let mut all = along.backward();
        let gradients: Vec<Tensor<2>> = (self.parameters.iter())
            .map(|p| p.value.grad_remove(&mut all))
            .map(|g| g.ok_or_else(|| failed("update", "a parameter has no gradient")))
            .collect::<Result<_>>()?;

        let squares = gradients.iter().map(|g| g.clone().square().sum());
        let squares = squares
            .reduce(|a, b| a + b)
            .map_or(Ok(0.0), |sum| sum.try_into_scalar::<f32>().map_err(device))?;
        let norm = f64::from(squares).sqrt();
        let clip = max_norm.map_or(1.0, |max| (max / (norm + 1e-6)).min(1.0)) as f32;

        self.steps += 1;
        let t = self.steps as i32;
        let rate_hat = (rate / (1.0 - f64::from(BETA1).powi(t))) as f32;
        let root_hat = (1.0 / (1.0 - f64::from(BETA2).powi(t)).sqrt()) as f32;
        for (p, g) in self.parameters.iter_mut().zip(gradients) {
            let g = g * clip;
            p.m = p.m.clone() * BETA1 + g.clone() * (1.0 - BETA1);
            p.v = p.v.clone() * BETA2 + g.square() * (1.0 - BETA2);
            let step = p.m.clone() * rate_hat / (p.v.clone().sqrt() * root_hat + EPSILON);
            p.value = learnable(p.value.clone().inner() - step);
        }
        Ok(norm)
    }

    fn save(&self) -> Result<Weights> {
        let n = self.net.parameters();
        let gather = |of: &dyn Fn(&Parameter) -> Tensor<2>| {
            let mut all = Vec::with_capacity(n);
            for p in &self.parameters {
                let data = of(p).try_into_data().map_err(device)?;
                all.extend_from_slice(data.as_slice::<f32>().map_err(device)?);
            }
            Ok::<_, Error>(all)
        };
        Ok(Weights {
            params: gather(&|p| p.value.clone().inner())?,
            m: gather(&|p| p.m.clone())?,
            v: gather(&|p| p.v.clone())?,
            steps: self.steps,
        })
    }

    fn load(&mut self, weights: &Weights) -> Result<()> {
        weights.check(self.net.parameters())?;
        let mut at = 0;
        let parameters = self.shapes().map(|shape| {
            let range = at..at + shape[0] * shape[1];
            at = range.end;
            Parameter {
                value: learnable(self.tensor(&weights.params[range.clone()], shape)),
                m: self.tensor(&weights.m[range.clone()], shape),
                v: self.tensor(&weights.v[range], shape),
            }
        });
        self.parameters = parameters.collect();
        self.steps = weights.steps;
        self.passed = None;
        Ok(())
    }
}

/// The best device of this build, or the one that the variable `BURN_DEVICE` names.
///
/// # Errors
/// If the variable names none of this build. Burn panics then, so its own message goes to stderr too.
pub fn default_device() -> Result<Device> {
    std::panic::catch_unwind(Device::default).map_err(|_| {
        let named = std::env::var("BURN_DEVICE").unwrap_or_default();
        let message = format!("must name a device of this build, got {named:?}");
        Error::invalid("BURN_DEVICE", None, "", message)
    })
}

/// A leaf of the graph, whose gradient is kept.
fn learnable(value: Tensor<2>) -> Tensor<2> {
    value.autodiff().require_grad()
}

/// Copies the first numbers of a tensor to `out`.
fn read(tensor: &Tensor<2>, out: &mut [f32]) -> Result<()> {
    let data = tensor.clone().inner().try_into_data().map_err(device)?;
    let all = data.as_slice::<f32>().map_err(device)?;
    out.copy_from_slice(&all[..out.len()]);
    Ok(())
}

fn device(error: impl std::fmt::Debug) -> Error {
    failed("device", format!("must compute, got {error:?}"))
}
