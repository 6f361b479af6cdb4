//! Networks: layers, the optimiser, the distribution of a factorised policy, and the file that keeps them.
//!
//! | file | what |
//! |---|---|
//! | [`net`] | actor and critic over the rows of a slot; start here |
//! | [`mlp`] | dense layers, forward and backward |
//! | [`dist`] | the factorised masked policy, its loss and gradient |
//! | [`adam`] | the optimiser |
//! | [`state`] | tensors and a JSON card in one safetensors file |
//! | [`architecture`] | the interface to networks of another architecture |
//! | [`gradient`] | whether the gradient of such a network is right |
//! | [`backend`] | the interface to other libraries of networks |
//! | `batch` | slots on their way through networks |
//! | `matrix`, `simd` | products and elementwise functions, by the widest instructions of the processor |

pub mod adam;
pub mod architecture;
pub mod backend;
pub(crate) mod batch;
pub mod dist;
pub mod gradient;
pub(crate) mod kernel;
pub(crate) mod matrix;
pub mod mlp;
pub mod net;
pub(crate) mod simd;
#[cfg(test)]
pub(crate) mod simd_levels;
pub mod state;
#[cfg(test)]
mod tests;
