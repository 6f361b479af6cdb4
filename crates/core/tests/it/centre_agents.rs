//! Agents that ask the centre, where tasks share CPU: what they hand on, how long each step takes, and what follows where a plan fails.

use std::sync::Arc;

use wayside_core::Scenario;
use wayside_core::agent::{Agent, Answer, Done, Failed, Job, Loss, Offer, Output, Settings};
use wayside_core::engine::world::World;
use wayside_core::slot::Placement;

const ANSWER_S: f64 = 5.0;
const OFFER: Offer = Offer {
    order: 0,
    cycles: 4e8,
    data_bits: 2e6,
    deadline_s: 0.7,
    seconds_per_bit: 1e-8,
    tx_power_w: 0.2,
    cpu_hz: 5e8,
    energy_coeff: 1e-26,
    local_wait_s: 0.0,
};

fn world() -> Arc<World> {
    let scenario = Scenario::builtin("wang2025", &[]).unwrap();
    Arc::new(World::new(&scenario).unwrap())
}

fn agent(world: &Arc<World>, row: u32) -> Agent {
    let settings = Settings {
        batch_s: 0.0,
        answer_s: ANSWER_S,
        tasks_max: 10,
    };
    Agent::new(Arc::clone(world), row, None, settings, (0.0, 0), &[])
}

fn outputs(agent: &mut Agent) -> Vec<Output> {
    std::iter::from_fn(|| agent.poll()).collect()
}

/// An offer at an agent, which asks for it.
fn asked(agent: &mut Agent, now_s: f64) -> u64 {
    let number = agent.offer(now_s, OFFER).unwrap();
    agent.advance(now_s);
    let numbers = vec![number];
    let failed = None;
    assert_eq!(outputs(agent), [Output::Ask { numbers, failed }]);
    number
}

/// An answer that sends the task over the first link of `entry`.
fn onward(world: &World, entry: u32) -> (Answer, u32) {
    let row = world.network.leaving(entry).start;
    let execution = world.network.links()[row as usize].to;
    let answer = Answer {
        placement: Placement::Rsu { entry, execution },
        path: vec![row],
        cpu_hz: 2e9,
        upload_s: 0.1,
    };
    (answer, execution)
}

/// Asked agent, entry and execution server are three: each step takes what the equations say, and the outcome comes back to the first.
#[test]
fn closed_form_a_task_takes_its_link_and_its_share() {
    let world = world();
    let (mut first, mut entry) = (agent(&world, 0), agent(&world, 5));
    let number = asked(&mut first, 1.0);
    let (answer, execution) = onward(&world, 5);
    let placement = answer.placement;
    first.answered(1.1, number, Ok(answer));
    let said = outputs(&mut first);
    assert_eq!(said[0], Output::Placed { number, placement });
    let Output::Enter {
        entry: 5,
        job,
        upload_s: 0.1,
        ..
    } = said[1].clone()
    else {
        panic!("{said:?}");
    };
    assert_eq!((job.entry, job.number, job.cpu_hz), (0, number, 2e9));

    entry.arrive(1.2, job);
    let [
        Output::Transmit {
            link,
            job,
            begin_s,
            end_s,
        },
    ] = &outputs(&mut entry)[..]
    else {
        panic!("it is sent on");
    };
    let rate_bps = world.network.links()[*link as usize].rate_bps;
    assert!((end_s - begin_s - OFFER.data_bits / rate_bps).abs() < 1e-12);
    entry.sent(1.3, *link, *end_s);

    let mut last = agent(&world, execution);
    last.arrive(1.3, job.clone());
    // others share its CPU: nothing waits
    last.arrive(
        1.3,
        Job {
            number: 77,
            ..job.clone()
        },
    );
    let said = outputs(&mut last);
    let ends = said.iter().map(|output| match output {
        Output::Compute { core, end_s, .. } => (*core, *end_s),
        other => panic!("{other:?}"),
    });
    let ends: Vec<_> = ends.collect();
    assert_eq!(ends, [(0, 1.3 + 0.2), (1, 1.3 + 0.2)]);
    last.computed(1.5, 0, 1.5, Ok(()));
    let [
        Output::Report {
            to: 0,
            number: told,
            result: Ok(done),
        },
    ] = outputs(&mut last)[..]
    else {
        panic!("it is reported");
    };
    assert_eq!((told, done.execution), (number, Some(execution)));
    assert!((done.spent.compute_s - 0.2).abs() < 1e-12);
    assert_eq!(last.held(), (1, 0));

    let result = Ok(done);
    first.reported(1.5, number, result);
    assert_eq!(outputs(&mut first), [Output::Ended { number, result }]);
    assert_eq!(first.held(), (0, 0));
}

/// What is not answered in time is asked for once more, with the reason, and then lost.
#[test]
fn property_a_plan_that_fails_is_asked_for_once_more() {
    let world = world();
    let mut agent = agent(&world, 0);
    let number = asked(&mut agent, 1.0);
    let (answer, execution) = onward(&world, 0);
    agent.answered(1.1, number, Ok(answer.clone()));
    outputs(&mut agent);
    let due_s = 1.1 + answer.upload_s + ANSWER_S;
    assert_eq!(agent.next_s().to_bits(), due_s.to_bits());
    agent.advance(due_s);
    let failed = Some(Failed {
        loss: Loss::NoAnswer,
        execution: Some(execution),
    });
    let numbers = vec![number];
    assert_eq!(outputs(&mut agent), [Output::Ask { numbers, failed }]);
    agent.answered(due_s, number, Err(Loss::NoDecision));
    let result = Err(Loss::NoDecision);
    assert_eq!(outputs(&mut agent), [Output::Ended { number, result }]);
    assert_eq!((agent.counts().replanned, agent.counts().lost), (1, 1));
}

/// An answer whose path does not lead to where the task is to run is refused, and so is a task without a share.
#[test]
fn property_answers_that_cannot_be_are_refused() {
    let world = world();
    let mut first = agent(&world, 0);
    let (good, _) = onward(&world, 5);
    let wrong = [
        Answer {
            path: Vec::new(),
            ..good.clone()
        },
        Answer {
            path: vec![good.path[0], good.path[0]],
            ..good.clone()
        },
        Answer {
            path: vec![u32::MAX],
            ..good.clone()
        },
        Answer {
            placement: Placement::Cloud { entry: 5 },
            ..good
        },
    ];
    for answer in wrong {
        let number = asked(&mut first, 1.0);
        first.answered(1.0, number, Ok(answer));
        assert!(matches!(
            outputs(&mut first)[..],
            [Output::Ask {
                failed: Some(Failed {
                    loss: Loss::Misrouted,
                    ..
                }),
                ..
            }]
        ));
        first.withdraw(number);
    }
    let job = Job {
        entry: 3,
        number: 1,
        data_bits: 1.0,
        cycles: 1.0,
        cpu_hz: 0.0,
        path: Vec::new(),
        spent: Default::default(),
    };
    first.arrive(1.0, job);
    let said = outputs(&mut first);
    let result: Result<Done, _> = Err(Loss::Misrouted);
    let (to, number) = (3, 1);
    assert_eq!(said, [Output::Report { to, number, result }]);
}
