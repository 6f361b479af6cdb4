//! LBM-aware repair.
