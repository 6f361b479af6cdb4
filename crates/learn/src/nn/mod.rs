//! Networks: layers, the optimiser, the factorised policy's distribution, and the file that keeps them.

pub mod adam;
pub mod backend;
pub mod dist;
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
