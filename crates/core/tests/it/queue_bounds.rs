//! Bounds where tasks queue for links and cores.

use std::time::Instant;

use crate::queue_support::lin2025;
use wayside_core::bound::queues::{Offer, QueueBound};
use wayside_core::rng::Streams;

#[test]
#[ignore = "a measurement"]
fn speed_lin2025() {
    for equal in [true, false] {
        for num in [20, 50, 100, 300] {
            for capability in [0.1, 0.2, 0.6] {
                let mut bound = QueueBound::default();
                let mut total = 0.0;
                let (mut ten, mut asg) = (0.0, 0.0);
                for seed in 0..5 {
                    let mut s = Streams::new(seed).stream("lin2025");
                    let slot = lin2025(num, capability, equal, &mut s).build();
                    let queues = slot.queues.as_ref().unwrap();
                    let clock = Instant::now();
                    let _ = bound.solve(&slot, queues, Offer::SERVERS);
                    total += clock.elapsed().as_secs_f64();
                    let parts = bound.delays(&slot, queues, Offer::SERVERS);
                    ten += parts.ten_s / num as f64 / 5.0;
                    asg += parts.asg_s / num as f64 / 5.0;
                }
                println!(
                    "equal {equal} num {num} c {capability}: {:.2} ms; ten {ten:.4} asg {asg:.4}",
                    total / 5.0 * 1e3
                );
            }
        }
    }
}
