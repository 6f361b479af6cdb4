//! Paths with smoothed minima: each costs its part of -theta ln sum exp(-cost / theta), a concave function that is smooth in all
//! node costs. Its derivatives are the shares of paths that pass a node.

use super::paths::{Arrival, Nodes, Ties};

/// What differs by more than so many temperatures from the least counts nothing.
const FAR: f64 = 30.0;
/// Shares below it are not followed.
const LEAST_SHARE: f64 = 1e-12;

/// Solves, keeping its memory.
#[derive(Clone, Debug, Default)]
pub(super) struct Soft {
    /// By slot and host as in `Paths`, and by slot for a session without host.
    value: Vec<f64>,
    free: Vec<f64>,
    before: Vec<f64>,
    local_before: Vec<f64>,
    /// Shares of paths that are up at a host when a slot begins, or have none.
    up: Vec<f64>,
    homeless: Vec<f64>,
    /// Shares of paths on which a host serves the batch of a slot.
    used: Vec<f64>,
    costs: Vec<(f64, Edge)>,
}

#[derive(Clone, Copy, Debug)]
enum Edge {
    /// For a session without host: it stays so.
    Wait,
    /// It is at this host for the slot, and after it.
    Stay(usize),
    /// It moves.
    Move(Arrival),
}

impl Soft {
    /// The smoothed cost of a session that is not placed yet.
    pub(super) fn solve(&mut self, nodes: &Nodes, ties: Ties<'_>, temperature: f64) -> f64 {
        let (slots, rsus) = (nodes.slots(), nodes.rsus());
        self.sum_up(nodes);
        self.value.clear();
        self.value.resize((slots + 1) * rsus, 0.0);
        self.free.clear();
        self.free.resize(slots + 1, 0.0);
        for t in (0..slots).rev() {
            self.list_free(nodes, ties, t);
            self.free[t] = softmin(&self.costs, temperature);
            for host in 0..rsus {
                if !ties.is_up(t, host) {
                    self.value[t * rsus + host] = self.free[t];
                    continue;
                }
                self.list(nodes, ties, t, host);
                self.value[t * rsus + host] = softmin(&self.costs, temperature);
            }
        }
        self.share_out(nodes, ties, temperature);
        self.free[0]
    }

    /// For every slot and host the share of paths on which it serves the batch, after [`solve`](Self::solve).
    pub(super) fn used(&self) -> &[f64] {
        &self.used
    }

    /// Follows the shares from the first slot on.
    fn share_out(&mut self, nodes: &Nodes, ties: Ties<'_>, temperature: f64) {
        let (slots, rsus) = (nodes.slots(), nodes.rsus());
        self.up.clear();
        self.up.resize((slots + 1) * rsus, 0.0);
        self.used.clear();
        self.used.resize(slots * rsus, 0.0);
        self.homeless.clear();
        self.homeless.resize(slots + 1, 0.0);
        self.homeless[0] = 1.0;
        for t in 0..slots {
            for host in (0..rsus).filter(|&host| !ties.is_up(t, host)) {
                self.homeless[t] += self.up[t * rsus + host];
            }
            let free = self.homeless[t];
            if free > LEAST_SHARE {
                self.list_free(nodes, ties, t);
                self.deal(nodes, t, 0, free, temperature, self.free[t]);
            }
            for host in 0..rsus {
                let share = self.up[t * rsus + host];
                if share > LEAST_SHARE && ties.is_up(t, host) {
                    self.list(nodes, ties, t, host);
                    let value = self.value[t * rsus + host];
                    self.deal(nodes, t, host, share, temperature, value);
                }
            }
        }
    }

    /// Deals a share to the edges listed.
    fn deal(
        &mut self,
        nodes: &Nodes,
        t: usize,
        from: usize,
        share: f64,
        temperature: f64,
        value: f64,
    ) {
        let (slots, rsus) = (nodes.slots(), nodes.rsus());
        let costs = std::mem::take(&mut self.costs);
        for &(cost, edge) in &costs {
            let part = share * ((value - cost) / temperature).exp();
            if part < LEAST_SHARE {
                continue;
            }
            match edge {
                Edge::Wait => self.homeless[t + 1] += part,
                Edge::Stay(host) => {
                    self.serve(nodes, t, host, part);
                    self.up[(t + 1) * rsus + host] += part;
                }
                Edge::Move(Arrival {
                    to,
                    switch,
                    up,
                    evicted,
                    ..
                }) => {
                    for slot in t..switch {
                        self.serve(nodes, slot, from, part);
                    }
                    if evicted {
                        self.homeless[up] += part;
                    } else if up < slots {
                        self.serve(nodes, up, to, part);
                        self.up[(up + 1) * rsus + to] += part;
                    }
                }
            }
        }
        self.costs = costs;
    }

    fn serve(&mut self, nodes: &Nodes, t: usize, host: usize, part: f64) {
        if nodes.is_served(t, host) {
            self.used[t * nodes.rsus() + host] += part;
        }
    }

    /// Lists how a session goes on that is up at `host`.
    fn list(&mut self, nodes: &Nodes, ties: Ties<'_>, t: usize, host: usize) {
        let (slots, rsus) = (nodes.slots(), nodes.rsus());
        self.costs.clear();
        let stays = nodes.cost(t, host) + self.value[(t + 1) * rsus + host];
        self.costs.push((stays, Edge::Stay(host)));
        for way in ties.moves_in(t).from(host as u32) {
            let Some(arrival) = ties.arrival((t, host), way, slots) else {
                continue;
            };
            let Arrival { to, switch, up, .. } = arrival;
            let lead = self.before[switch * rsus + host] - self.before[t * rsus + host];
            let mut cost = (1.0 - ties.omega) * way.energy_j + lead;
            cost += self.local_before[up] - self.local_before[switch];
            if arrival.evicted {
                cost += self.free[up];
            } else if up < slots {
                if nodes.is_served(up, to) {
                    cost += ties.omega * arrival.wait_s;
                }
                cost += nodes.cost(up, to) + self.value[(up + 1) * rsus + to];
            }
            self.costs.push((cost, Edge::Move(arrival)));
        }
    }

    /// Lists how a session without host goes on.
    fn list_free(&mut self, nodes: &Nodes, ties: Ties<'_>, t: usize) {
        let rsus = nodes.rsus();
        self.costs.clear();
        let waits = nodes.local(t) + self.free[t + 1];
        self.costs.push((waits, Edge::Wait));
        for host in (0..rsus).filter(|&host| ties.is_up(t, host)) {
            let stays = nodes.cost(t, host) + self.value[(t + 1) * rsus + host];
            self.costs.push((stays, Edge::Stay(host)));
        }
    }

    fn sum_up(&mut self, nodes: &Nodes) {
        let (slots, rsus) = (nodes.slots(), nodes.rsus());
        self.before.clear();
        self.before.resize((slots + 1) * rsus, 0.0);
        self.local_before.clear();
        self.local_before.push(0.0);
        for t in 0..slots {
            for host in 0..rsus {
                self.before[(t + 1) * rsus + host] =
                    self.before[t * rsus + host] + nodes.cost(t, host);
            }
            self.local_before
                .push(self.local_before[t] + nodes.local(t));
        }
    }
}

/// -theta ln sum exp(-cost / theta).
fn softmin(costs: &[(f64, Edge)], temperature: f64) -> f64 {
    let least = costs
        .iter()
        .fold(f64::INFINITY, |least, (cost, _)| least.min(*cost));
    let parts = costs
        .iter()
        .filter(|(cost, _)| cost - least < FAR * temperature);
    let sum: f64 = parts
        .map(|(cost, _)| ((least - cost) / temperature).exp())
        .sum();
    least - temperature * sum.ln()
}

#[cfg(test)]
mod tests {
    use super::super::paths::{Paths, Start};
    use super::*;
    use crate::slot::sessions::Moves;

    /// Two hosts, three slots, no moves: at a low temperature the least path, and the derivatives are finite differences.
    #[test]
    fn closed_form_shares_are_derivatives() {
        let moves = Moves::default();
        let ties = Ties {
            moves: &moves,
            omega: 0.5,
            health: &[],
        };
        assert!(moves.from(0).is_empty());
        let nodes = |bump: f64| {
            let mut nodes = Nodes::default();
            nodes.start(2);
            nodes.push(1.0, [Some(0.3 + bump), Some(0.4)].into_iter());
            nodes.push(1.0, [Some(0.3), None].into_iter());
            nodes.push(1.0, [Some(0.3), Some(0.1)].into_iter());
            nodes
        };
        let mut soft = Soft::default();
        let hard = Paths::default().solve(&nodes(0.0), ties, Start::Free);
        assert!((hard - 0.9).abs() < 1e-12);
        assert!((soft.solve(&nodes(0.0), ties, 1e-3) - hard).abs() < 1e-9);
        let up = soft.solve(&nodes(1e-5), ties, 0.2);
        let down = soft.solve(&nodes(-1e-5), ties, 0.2);
        soft.solve(&nodes(0.0), ties, 0.2);
        assert!((soft.used()[0] - (up - down) / 2e-5).abs() < 1e-6);
    }
}
