//! P2 with the load-balance constraint (16e): LBM <= tau.
//!
//! The Lagrangian sum G_m(L_m) + nu sum (L_m - c)^2 separates over the RSUs once nu and c are given;
//! at its minimum every RSU's tasks face the price 2 nu (L_m - c) / F_m, negative below the mean load.

use super::server::{Server, Tasks, inside};
use super::{LEAST_VIOLATION, Status};
use crate::model::load;

/// The multiplier and centre at which the loads meet (16e).
#[derive(Clone, Copy, Debug)]
pub(super) struct Balanced {
    /// Multiplier of sum (L - c)^2 <= M tau^2.
    pub(super) nu: f64,
    /// c, the mean load at the solution.
    pub(super) center: f64,
}

const MAX_STEPS: usize = 100;

/// How exactly the mean load is met in the end.
const EXACT: f64 = 1e-15;

/// The loads' response to the two scalars.
#[derive(Clone, Copy, Debug, Default)]
struct Response {
    /// Load L.
    load: f64,
    /// dL/dc.
    by_center: f64,
    /// dL/dnu.
    by_nu: f64,
}

/// Sums over all RSUs at (nu, c).
#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    mean: f64,
    mean_by_center: f64,
    mean_by_nu: f64,
    /// mean (L - c)^2.
    variance: f64,
    /// mean (L - c) dL/dc and mean (L - c) dL/dnu.
    covariance_by_center: f64,
    covariance_by_nu: f64,
}

/// The bound that the LBM can be held to: `tau`, or a little more than the least LBM where that is no less.
pub(super) fn reachable(servers: &[Server], tasks: &Tasks, tau: f64) -> (Status, f64) {
    let least = least_lbm(servers, tasks);
    if least < tau * (1.0 - MARGIN) {
        (Status::Solved, tau)
    } else {
        (Status::Unbalanced, least * LEAST_VIOLATION)
    }
}

/// How far below tau the least LBM must lie, relative: nearer, the multiplier has no digits left.
const MARGIN: f64 = 1e-9;

/// Infimum of the LBM over all allocations. Loads may lie anywhere between what an RSU must grant and its capacity;
/// the most even ones are those nearest to a common level c, which is their mean.
fn least_lbm(servers: &[Server], tasks: &Tasks) -> f64 {
    let is_held = |server: &Server| server.reserved_hz > 0.0;
    let has_floor = |server: &Server| tasks.least_hz_of(server) > 0.0;
    if !servers
        .iter()
        .any(|server| is_held(server) || has_floor(server))
    {
        return 0.0;
    }
    let range = |server: &Server| {
        let least_hz = tasks.least_hz_of(server).min(server.available_hz());
        let most_hz = if server.is_empty() {
            0.0
        } else {
            server.available_hz()
        };
        let load = |hz| (server.reserved_hz + hz) / server.cpu_hz;
        (load(least_hz), load(most_hz))
    };
    let loads = |level: f64| {
        servers.iter().map(move |server| {
            let (least, most) = range(server);
            level.clamp(least, most)
        })
    };
    let mean = |level| loads(level).sum::<f64>() / servers.len() as f64;
    // The mean less c falls, so bisection ends at the last digit.
    let (mut below, mut above) = (0.0, 1.0);
    loop {
        let level = 0.5 * (below + above);
        if level <= below || level >= above {
            return load::lbm(loads(level));
        }
        if mean(level) > level {
            below = level;
        } else {
            above = level;
        }
    }
}

/// Brings the LBM down to `tau`; the servers come in with their unconstrained optimum, which exceeds it.
pub(super) fn solve(servers: &mut [Server], tasks: &mut Tasks, tau: f64) -> Balanced {
    let count = servers.len() as f64;
    let mut center = servers.iter().map(Server::load).sum::<f64>() / count;
    let mut nu = first_multiplier(servers, tasks, tau);
    let (mut below, mut above) = (0.0, f64::INFINITY);
    let mut lbm_below = f64::INFINITY;
    let (mut tolerance, mut exact) = (1e-2 * tau, false);
    for _ in 0..MAX_STEPS {
        let moments = settle_center(servers, tasks, nu, &mut center, tolerance);
        let lbm = moments.variance.sqrt();
        let distance = (lbm - tau).abs();
        if distance <= 1e-14 * tau {
            break;
        }
        let center_by_nu = moments.mean_by_nu / (1.0 - moments.mean_by_center);
        let half_slope = moments.covariance_by_nu + moments.covariance_by_center * center_by_nu;
        // While nu is far off, c need not be exact, as long as it cannot turn the sign.
        let settled = tolerance <= EXACT;
        let certain = settled || distance > 10.0 * tolerance;
        tolerance = if exact {
            EXACT
        } else {
            (1e-3 * distance).clamp(EXACT, 1e-2 * tau)
        };
        if certain && lbm < tau {
            above = nu;
        } else if certain {
            let stalled = half_slope < 0.0 && lbm >= lbm_below * (1.0 - 1e-12);
            if stalled && settled {
                // More nu changes nothing: what is left comes from held CPU and RSUs without tasks.
                break;
            }
            below = nu;
            lbm_below = lbm;
            exact |= stalled;
        }
        // Newton on 1/LBM, which is nearly linear in nu: loads approach c as 1/nu.
        let step = (lbm / tau - 1.0) * moments.variance / -half_slope;
        let next = inside(nu + step, nu, below, above);
        if (next - nu).abs() <= 4e-16 * nu && !settled {
            tolerance = EXACT;
        } else if (next - nu).abs() <= 4e-16 * nu {
            // The last digit of nu: as close as floating point comes.
            break;
        }
        nu = next;
    }
    for server in servers.iter_mut().filter(|s| !s.is_empty()) {
        let full = 2.0 * nu * (1.0 - center) / server.cpu_hz;
        if is_full(server, tasks, full) {
            server.price = server.price_for(tasks.of(server), server.available_hz());
        }
        server.grant(tasks);
    }
    Balanced { nu, center }
}

/// From the linear response of the loads around the unconstrained optimum.
fn first_multiplier(servers: &[Server], tasks: &Tasks, tau: f64) -> f64 {
    let lbm = load::lbm(servers.iter().map(Server::load));
    let (mut stiffness, mut count) = (0.0, 0.0);
    for server in servers.iter().filter(|s| !s.is_empty()) {
        let price = if server.price > 0.0 {
            server.price
        } else {
            // Where demand has no slope at price 0, take it at a small one.
            server.price_for(tasks.of(server), 0.5 * server.granted_hz.max(1.0))
        };
        let slope = -server.demand(tasks.of(server), price).1;
        if slope > 0.0 && slope.is_finite() {
            stiffness += server.cpu_hz * server.cpu_hz / (2.0 * slope);
            count += 1.0;
        }
    }
    let scale = if count > 0.0 { stiffness / count } else { 1.0 };
    ((lbm / tau - 1.0) * scale).max(f64::MIN_POSITIVE)
}

/// Solves c = mean L(nu, c) by Newton inside [0, 1], to `tolerance`, and returns the moments there.
fn settle_center(
    servers: &mut [Server],
    tasks: &Tasks,
    nu: f64,
    center: &mut f64,
    tolerance: f64,
) -> Moments {
    let (mut below, mut above) = (-1e-9, 1.0 + 1e-9);
    let mut moments = Moments::default();
    for _ in 0..MAX_STEPS {
        moments = respond(servers, tasks, nu, *center);
        let excess = moments.mean - *center;
        if excess.abs() <= tolerance {
            break;
        }
        if excess > 0.0 {
            below = *center;
        } else {
            above = *center;
        }
        let next = inside(
            *center + excess / (1.0 - moments.mean_by_center),
            *center,
            below,
            above,
        );
        if (next - *center).abs() <= 1e-16 {
            break;
        }
        *center = next;
    }
    moments
}

fn respond(servers: &mut [Server], tasks: &Tasks, nu: f64, center: f64) -> Moments {
    let weight = 1.0 / servers.len() as f64;
    let mut sums = Moments::default();
    for server in servers {
        let response = settle_load(server, tasks, nu, center);
        let deviation = response.load - center;
        sums.mean += weight * response.load;
        sums.mean_by_center += weight * response.by_center;
        sums.mean_by_nu += weight * response.by_nu;
        sums.variance += weight * deviation * deviation;
        sums.covariance_by_center += weight * deviation * response.by_center;
        sums.covariance_by_nu += weight * deviation * response.by_nu;
    }
    sums
}

fn is_full(server: &Server, tasks: &Tasks, price: f64) -> bool {
    server.demand(tasks.of(server), price).0 >= server.available_hz()
}

/// One RSU: the price p with L(p) = c + p F / (2 nu), capped at L = 1.
fn settle_load(server: &mut Server, tasks: &Tasks, nu: f64, center: f64) -> Response {
    if server.is_empty() {
        return Response {
            load: server.load(),
            ..Response::default()
        };
    }
    // The load lies in [0, 1], so the price lies in between.
    let stiffness = server.cpu_hz / (2.0 * nu);
    let full = (1.0 - center) / stiffness;
    let (mut below, mut above) = (-center / stiffness, f64::INFINITY);
    let mut price = server.price.clamp(below, full);
    let mut slope = 0.0;
    for _ in 0..MAX_STEPS {
        let (hz, demand_slope) = server.demand(tasks.of(server), price);
        if price >= full && hz >= server.available_hz() {
            server.granted_hz = server.available_hz();
            return Response {
                load: server.load(),
                ..Response::default()
            };
        }
        if !hz.is_finite() {
            below = price;
            price = 0.5 * (below.max(0.0) + full.min(above));
            continue;
        }
        slope = demand_slope / server.cpu_hz;
        let excess = (server.reserved_hz + hz) / server.cpu_hz - center - price * stiffness;
        if excess > 0.0 {
            below = price;
        } else {
            above = price;
        }
        let step = -excess / (slope - stiffness);
        // Newton is quadratic: after a step this small the next would be below rounding.
        if step.abs() <= 1e-9 * price.abs() || excess.abs() <= 1e-16 {
            price += step;
            break;
        }
        price = if price + step >= full && above > full {
            full
        } else {
            inside(price + step, price, below, above)
        };
    }
    server.price = price;
    let load = center + price * stiffness;
    server.granted_hz = load * server.cpu_hz - server.reserved_hz;
    let price_by_center = 1.0 / (slope - stiffness);
    let price_by_nu = -price * stiffness / nu * price_by_center;
    Response {
        load,
        by_center: slope * price_by_center,
        by_nu: slope * price_by_nu,
    }
}
