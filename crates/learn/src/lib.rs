//! Learning.
pub mod adam;
pub mod dist;
pub mod gae;
mod matrix;
pub mod mlp;
mod simd;
pub mod slot;
