//! Certified lower bounds on what any policy could reach in a slot.
//!
//! Relax two constraints of the placement problem with prices: lambda_m for the band of RSU m, mu_m for
//! its CPU. Whatever the prices are, as long as none is negative,
//!
//! ```text
//! LB = sum_n min{ local_n, min over covering m and any m' of u(lambda_m, a_nm) + hops + g(mu_m', C_n) }
//!      - sum lambda_m - sum mu_m F_m
//! ```
//!
//! bounds the cost of every placement from below: tasks choose freely at these prices, band
//! shares b <= 1 need not be equal (u(lambda, a) = min over 0 < b <= 1 of a/b + lambda b), and (16e) is
//! dropped. [`dual`] finds prices that make it nearly as large as it gets; [`split`] is a tighter bound
//! of the same kind. Neither needs its iteration to have converged to be valid.
//!
//! [`horizon`] bounds a whole run in which tasks hold CPU over several slots.
//!
//! Where tasks queue for cores and links instead of sharing CPU, [`queues`] bounds the slot by flows.

mod crowds;
pub mod dual;
mod effort;
mod floor;
pub mod horizon;
mod newton;
mod pass;
mod prices;
pub mod queues;
pub mod sessions;
pub mod split;
