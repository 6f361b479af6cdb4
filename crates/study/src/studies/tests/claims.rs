//! Counts, equivalence, whose claims, draws.

use super::*;

/// What becomes of the claim of `RECORDED` with `old` replaced by `new`, on rewards of ppo and ac by seed.
fn judged(pairs: &[(f64, f64)], old: &str, new: &str) -> Vec<Claim> {
    let mut csv = "seed,policy,slots,reward\n".to_owned();
    for (seed, (ppo, ac)) in pairs.iter().enumerate() {
        csv += &format!("{seed},ppo,20,{ppo}\n{seed},ac,20,{ac}\n");
    }
    let (study, root) = recorded_as(&csv, old, new).unwrap();
    found(
        &study,
        1,
        &root.path().join("cells"),
        PolicyRegistry::analytic(),
    )
    .1
}

/// Groups are counted, and their number has to bear the verdict: 19 of 20 against a half, but not 3 of 4.
#[test]
fn closed_form_groups_have_p_values() {
    let groups = |agree: usize, all: usize, share: &str| {
        // groups of two: the sum is 1 above, or below
        let pair = |seed: usize| (if seed / 2 < agree { 1.0 } else { -1.0 }, 0.5);
        let pairs: Vec<_> = (0..2 * all).map(pair).collect();
        let keys = format!("relation = \"greater\"\ngroup = 2\nshare = {share}");
        let mut claims = judged(&pairs, "relation = \"greater\"", &keys);
        claims.remove(0)
    };
    let claim = groups(19, 20, "0.5");
    assert_eq!(
        (claim.verdict, claim.measured),
        (Verdict::Holds, Some(0.95))
    );
    // both directions
    let p = 2.0 * 21.0 / 1_048_576.0;
    assert!((claim.p.unwrap() - p).abs() < 1e-12, "{claim:?}");
    assert_eq!(claim.count().unwrap(), "19 of 20 groups");
    assert_eq!(groups(3, 4, "0.5").verdict, Verdict::Undecided);
    assert_eq!(groups(2, 20, "0.5").verdict, Verdict::Fails);
    assert_eq!(groups(20, 20, "1.0").verdict, Verdict::Holds);
    assert_eq!(groups(4, 4, "1.0").verdict, Verdict::Undecided);
    assert_eq!(groups(19, 20, "1.0").verdict, Verdict::Fails);
}

/// The margin is said beside the strict verdict and does not change it.
#[test]
fn property_equivalence_leaves_the_verdict_alone() {
    let pairs = |gain: f64| -> Vec<(f64, f64)> {
        let noise = |seed: i32| 1e-4 * f64::from(seed % 3 - 1);
        (0..12).map(|s| (1.0 + gain + noise(s), 1.0)).collect()
    };
    let margin = "relation = \"greater\"\nequivalence = 0.01";
    for (gain, verdict, equivalent) in [
        (0.0, Verdict::Undecided, true),
        (0.005, Verdict::Holds, true),
        (-0.005, Verdict::Fails, true),
        (0.02, Verdict::Holds, false),
    ] {
        let strict = &judged(&pairs(gain), "", "")[0];
        let both = &judged(&pairs(gain), "relation = \"greater\"", margin)[0];
        assert_eq!((strict.verdict, strict.equivalence), (verdict, None));
        assert_eq!((both.verdict, both.p), (strict.verdict, strict.p));
        let found = both.equivalence.unwrap();
        assert_eq!(
            (found.margin, found.equivalent),
            (0.01, equivalent),
            "{gain}"
        );
    }
}

#[test]
fn property_records_are_paired_by_seed() {
    let csv = "seed,policy,slots,reward\n1,ppo,20,1\n2,ppo,20,5\n3,ppo,20,9\n2,ac,20,4\n3,ac,20,7\n9,ac,20,0\n";
    let (study, root) = recorded(csv).unwrap();
    let (_, claims) = found(
        &study,
        1,
        &root.path().join("cells"),
        PolicyRegistry::analytic(),
    );
    assert_eq!((claims[0].measured, claims[0].seeds), (Some(1.5), 2));
    // who has no record yet may be awaited
    let (study, root) = recorded_as(
        "seed,policy,slots,reward\n1,ppo,20,1\n",
        "policies = [\"ppo\", \"ac\"]",
        "policies = [\"ppo\"]\nawaited = [\"ac\"]",
    )
    .unwrap();
    let (_, claims) = found(
        &study,
        1,
        &root.path().join("cells"),
        PolicyRegistry::analytic(),
    );
    assert!(claims[0].note.contains("no policy ac yet"), "{claims:?}");
}

#[test]
fn closed_form_claims_are_counted_by_whose_they_are() {
    use crate::claim::ClaimSource::{Ours, Paper, Prototype};
    let claim = |source, fitted, verdict| Claim {
        source,
        fitted,
        verdict,
        ..Claim::default()
    };
    let claims = [
        claim(Paper, true, Verdict::Holds),
        claim(Ours, false, Verdict::Holds),
        claim(Paper, true, Verdict::Fails),
        claim(Paper, false, Verdict::Holds),
        claim(Prototype, false, Verdict::Undecided),
    ];
    assert_eq!(
        count(&claims),
        "Of the paper's own 3 claims 2 hold (1 of them fitted), 1 fails, 0 are undecided. \
         Of our 1 claim 1 holds, 0 fail, 0 are undecided. \
         Of the prototype's 1 claim 0 hold, 0 fail, 1 is undecided."
    );
    assert_eq!(count(&[]), "");
}

/// Two constants drawn; with some of them offloading pays, with others it does not.
const DRAWN: &str = r#"
[study]
name = "drawn"
title = "Which constants does it take?"
seeds = 4
max_seeds = 16
quick_seeds = 1

[[grid]]
id = "constants"
scenario = "wang2025-unbalanced"
policies = ["nearest", "local"]
set = { "time.slots" = 1, "fleet.size" = 20 }
seeds = 2
draws = 40
quick_draws = 5

[[grid.draw]]
key = "fleet.cpu_hz"
min = 0.4e9
max = 4e9
log = true

[[grid.draw]]
key = "backhaul.max_hops"
values = [1, 2]

[[claim]]
id = "nearest"
claim = "Offloading pays"
kind = "survives"
relation = "less"
share = 0.3
grid = "constants"
metric = "delay_s"
policy = "nearest"
than = "local"
"#;

#[test]
fn oracle_survivors_are_those_counted_draw_by_draw() {
    let study = Study::from_toml("drawn.toml", DRAWN, Path::new("")).unwrap();
    let root = tempfile::tempdir().unwrap();
    let mut folder = StudyFolder::open(root.path(), &study, false, false).unwrap();
    let (data, claims) = found_in(&study, 2, folder.parts(), PolicyRegistry::analytic());
    let [claim] = claims.as_slice() else {
        panic!("one claim")
    };
    let grid = &study.grids[0];
    let cells = grid.cells(false);
    assert_eq!((cells.len(), grid.cells(true).len()), (40, 5));
    for quick in [false, true] {
        let cells = grid.cells(quick);
        let one_by_one: Vec<_> = (0..50).map_while(|nth| grid.cell(nth, quick)).collect();
        assert_eq!(one_by_one, cells);
        assert_eq!(grid.count(quick), cells.len());
    }
    let mean = |cell: usize, policy: &str| {
        let sample = data.sample(0, cell, policy, "delay_s");
        assert_eq!(sample.len(), 2, "seeds of the grid, at every look");
        sample.iter().flatten().sum::<f64>()
    };
    let survives = |&cell: &usize| mean(cell, "nearest") < mean(cell, "local");
    let agree = (0..40).filter(survives).count();
    assert!(
        (1..40).contains(&agree),
        "the draws decide nothing: {agree}"
    );
    assert_eq!(claim.measured, Some(agree as f64 / 40.0));
    assert_eq!(claim.count().unwrap(), format!("{agree} of 40 draws"));
    let [lo, hi] = claim.ci95.unwrap();
    assert!(lo < agree as f64 / 40.0 && agree as f64 / 40.0 < hi);

    // what a draw sets is what its scenario has, and what is written down
    folder.finish(&study, &data, &claims, false).unwrap();
    let csv = std::fs::read_to_string(root.path().join("draws/constants.csv")).unwrap();
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(
        (lines.len(), lines[0]),
        (41, "draw,fleet.cpu_hz,backhaul.max_hops")
    );
    for (cell, line) in cells.iter().zip(&lines[1..]) {
        let fields: Vec<&str> = line.split(',').collect();
        let scenario = grid.resolve(cell).unwrap();
        assert_eq!(format!("{:?}", scenario.fleet.cpu_hz.min), fields[1]);
        assert_eq!(scenario.backhaul.max_hops.to_string(), fields[2]);
        assert_eq!(grid.name_of(cell, &[]), format!("draw {}", fields[0]));
    }
    let (again, _) = found(
        &study,
        1,
        &root.path().join("again"),
        PolicyRegistry::analytic(),
    );
    assert_eq!(
        again.write_parquet(Vec::new()).unwrap(),
        data.write_parquet(Vec::new()).unwrap()
    );
}

#[test]
fn property_every_problem_of_draws_is_named() {
    let text = DRAWN
        .replace("max = 4e9", "max = 0.1e9")
        .replace("key = \"backhaul.max_hops\"", "key = \"backhaul.max_hop\"")
        .replace("quick_draws = 5", "quick_draws = 50")
        .replace("values = [1, 2]", "values = [1, 2]\nlog = true");
    let error = Study::from_toml("d.toml", &text, Path::new("")).unwrap_err();
    let error = error.to_string();
    for message in [
        "max: must be more than min",
        "backhaul.max_hop: unknown key",
        "quick_draws: must be at most draws, 40",
        "log: has no meaning where values are listed",
    ] {
        assert!(error.contains(message), "{message}\n{error}");
    }
    let text = DRAWN.replace("draws = 40\nquick_draws = 5\n", "");
    let error = Study::from_toml("d.toml", &text, Path::new("")).unwrap_err();
    let error = error.to_string();
    for message in [
        "draws: missing, expected how often",
        "claim.0.kind: expected a grid with draws",
    ] {
        assert!(error.contains(message), "{message}\n{error}");
    }
}

/// More seeds for one claim change nothing that is measured for another, though both read the same cells.
#[test]
fn property_a_claim_does_not_see_the_seeds_of_another() {
    let judged = |text: &str| {
        let study = Study::from_toml("small.toml", text, Path::new("")).unwrap();
        let root = tempfile::tempdir().unwrap();
        let folder = StudyFolder::open(root.path(), &study, false, false).unwrap();
        found_in(&study, 2, folder.parts(), PolicyRegistry::analytic()).1
    };
    let own = SMALL.replace("id = \"crowding\"", "id = \"crowding\"\nmax_seeds = 60");
    let (before, after) = (judged(SMALL), judged(&own));
    for (before, after) in before.iter().zip(&after) {
        if before.id == "small.crowding" {
            assert_eq!((before.verdict, before.seeds), (Verdict::Undecided, 24));
            assert_eq!(after.seeds, 60);
        } else {
            let measured = |c: &Claim| (c.measured, c.ci95, c.seeds, c.cells.clone());
            assert_eq!(measured(before), measured(after), "{}", before.id);
        }
    }
    let study = Study::from_toml("small.toml", &own, Path::new("")).unwrap();
    assert_eq!(study.looks(false), [6, 12, 24, 48, 60]);
    assert_eq!(study.looks(true), [2]);
    let few = own.replace("max_seeds = 60", "max_seeds = 5");
    let error = Study::from_toml("small.toml", &few, Path::new("")).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("claim.2.max_seeds: must be between 6 and "),
        "{error}"
    );
}
