//! CPU that is predicted to be free again.

use super::*;

/// What a slot shows as releasing is the sum over open tasks that end by the next one, however tasks come and go.
#[test]
fn oracle_releases_are_those_of_the_open_tasks() {
    // many tasks outlive such a slot
    let set = [("serve.batch_ms", "0"), ("time.slot_s", "0.1")];
    let mut site = Site::new("wang2025", &set, "price");
    let names: Vec<String> = (0..12).map(|i| format!("v{i}")).collect();
    for (name, row) in names.iter().zip(0..) {
        site.vehicle(0.0, name, row % 5);
    }
    let (mut some, mut later) = (0, 0);
    for step in 0..40_u32 {
        let now_s = 0.07 * f64::from(step);
        site.submit(now_s, &[&names[step as usize % 12]], None);
        // some come with an outcome before their lease ends
        if step % 3 == 0 && step > 6 {
            let _ = site
                .centre
                .outcome(&task_id(u64::from(step) - 6), &Outcome::default());
        }
        site.advance(now_s);
        let (batch, _) = site.centre.batch(now_s, now_s);
        let batch = batch.expect("one is due");
        let slot = &batch.slot.slot;
        let rows = site.centre.world().rsus.id.iter().enumerate();
        for (row, id) in rows {
            let ends = site.centre.open.values().filter(|open| {
                open.placement.execution.as_ref() == Some(id) && open.end_s <= now_s + slot.slot_s
            });
            let twin_hz: f64 = ends.map(|open| open.placement.cpu_hz).sum();
            let (releasing_hz, reserved_hz) = (
                slot.rsus.releasing_cpu_hz[row],
                slot.rsus.reserved_cpu_hz[row],
            );
            // each share is rounded down to a thousandth of a hertz
            assert!(
                (releasing_hz - twin_hz.min(reserved_hz)).abs() < 0.05,
                "{step} {id}"
            );
            some += usize::from(releasing_hz > 0.0);
            later += usize::from(releasing_hz < 0.99 * reserved_hz);
        }
        let report = site.mind.decide(&batch).unwrap();
        site.centre.decided(now_s, batch, report);
    }
    assert!(some > 10 && later > 10, "{some} {later}");
}
