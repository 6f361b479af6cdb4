use super::block_cache::BlockCache;
use super::blocks::Block;
use super::data::Data;
use super::plan::{Plan, program};
use super::results::StudyFolder;
use super::runner::{Progress, progress, run};
use super::*;
use crate::claim::{Claim, Verdict};
use crate::control::Control;
use std::sync::Arc;
use wayside_core::engine::{PolicyFactory, PolicyRegistry};
use wayside_core::policy::PolicyKind;

mod claims;
mod mutations;
mod records;

use records::{recorded, recorded_as};

/// Takes a moment: two sizes, three policies, claims of several kinds.
const SMALL: &str = r#"
[study]
name = "small"
title = "A small study"
seeds = 6
max_seeds = 24
quick_seeds = 2

[[grid]]
id = "load"
scenario = "wang2025-unbalanced"
policies = ["price", "nearest", "local"]
awaited = ["lysac"]
set = { "time.slots" = 3 }
bound = true

[[grid.axis]]
key = "fleet.size"
name = "vehicles"
values = [4, 8]
quick = [8]

[[figure]]
id = "objective"
title = "Objective"
grid = "load"
x = "vehicles"
y = "objective"

[[table]]
id = "delay"
title = "Delay"
grids = ["load"]
metric = "delay_s"

[[claim]]
id = "price-local"
claim = "price is better than local"
kind = "ordering"
relation = "less"
grid = "load"
metric = "objective"
policy = "price"
than = "local"

[[claim]]
id = "price-gap"
claim = "price is within 1 % of the bound"
kind = "ratio"
relation = "at-most"
limit = 0.01
pooled = "ratios"
grid = "load"
metric = "objective"
policy = "price"
than = "price"
than_metric = "lower_bound"

[[claim]]
id = "crowding"
claim = "More vehicles, longer delays"
kind = "trend"
relation = "greater"
axis = "vehicles"
grid = "load"
metric = "delay_s"
policy = "nearest"

[[claim]]
id = "local-alone"
claim = "Nobody is helped"
published = 0.0
kind = "exact"
grid = "load"
metric = "offloaded"
policy = "local"

[[claim]]
id = "lysac"
claim = "LySAC is better than local"
kind = "ordering"
relation = "less"
grid = "load"
metric = "objective"
policy = "lysac"
than = "local"
"#;

fn small() -> Study {
    Study::from_toml("small.toml", SMALL, Path::new("")).unwrap()
}

fn found(
    study: &Study,
    threads: usize,
    root: &Path,
    registry: PolicyRegistry,
) -> (Data, Vec<Claim>) {
    let folder = StudyFolder::open(root, study, false, false).unwrap();
    found_in(study, threads, folder.parts(), registry)
}

fn found_in(
    study: &Study,
    threads: usize,
    parts: &BlockCache,
    registry: PolicyRegistry,
) -> (Data, Vec<Claim>) {
    let plan = Plan {
        study,
        quick: false,
        threads,
        registry: Arc::new(registry),
        program: program(),
    };
    run(&plan, parts, &Control::default()).unwrap().unwrap()
}

fn verdict(claims: &[Claim], id: &str) -> Verdict {
    claims
        .iter()
        .find(|c| c.id == format!("small.{id}"))
        .unwrap()
        .verdict
}

#[test]
fn property_built_in_studies_are_valid() {
    for builtin in BUILTIN_STUDIES {
        let study = Study::builtin(builtin.name).unwrap();
        assert_eq!(study.name, builtin.name);
        assert!(is_study(builtin.text));
    }
    assert!(
        Study::builtin("lin")
            .unwrap_err()
            .to_string()
            .contains("built-in are")
    );
    assert!(!is_study("[scenario]\nname = \"a\"") && !is_study("= ="));
}

/// The code of the guide that is not a whole program: the study is valid, and the fragment is part of the example.
#[test]
fn property_the_guide_shows_what_works() {
    let block = |page: &str, language: &str| {
        let (_, rest) = page.split_once(&format!("```{language}\n")).unwrap();
        rest.split_once("```").unwrap().0.to_owned()
    };
    let extending = include_str!("../../../../docs/guide/extending.md");
    let study = Study::from_toml("guide", &block(extending, "toml"), Path::new("")).unwrap();
    assert_eq!(study.claims.len(), 1);
    let example = include_str!("../../examples/own_policy.rs");
    let fragment = block(include_str!("../../../../docs/guide/own-policy.md"), "rust");
    for line in fragment.lines() {
        assert!(example.contains(line.trim()), "{line}");
    }
}

#[test]
fn property_every_problem_is_named_with_its_line() {
    let text = SMALL
        .replace("fleet.size", "fleet.sise")
        .replace("policies = [\"price\"", "policies = [\"prise\"")
        .replace("metric = \"offloaded\"", "metric = \"offload\"")
        .replace("axis = \"vehicles\"", "axis = \"vehicle\"")
        .replace("quick = [8]", "quick = [9]")
        .replace("limit = 0.01", "limits = 0.01");
    let error = Study::from_toml("s.toml", &text, Path::new(""))
        .unwrap_err()
        .to_string();
    for message in [
        "s.toml:12: grid.0.policies: unknown policy \"prise\", did you mean \"price\"?",
        "s.toml:20: grid.0.axis.0.values: fleet.sise: unknown key",
        "s.toml:21: grid.0.axis.0.quick: 9 is not among the values",
        "claim.1.limits: unknown key \"limits\", did you mean \"limit\"?",
        "claim.1.limit: missing",
        "claim.2.axis: unknown axis \"vehicle\", did you mean \"vehicles\"?",
        "claim.3.metric: unknown metric \"offload\"",
        "claim.0.policy: unknown policy of the grid \"price\"",
    ] {
        assert!(error.contains(message), "{message}\n{error}");
    }
}

#[test]
fn property_threads_and_interruptions_change_no_byte() {
    let (study, root) = (small(), tempfile::tempdir().unwrap());
    let bytes = |name: &str, threads: usize, interruptions: u64| {
        let target = root.path().join(name);
        for after in 0..interruptions {
            let folder = StudyFolder::open(&target, &study, false, false).unwrap();
            let plan = Plan {
                study: &study,
                quick: false,
                threads,
                registry: Arc::default(),
                program: program(),
            };
            let control = Control::default();
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    while control.progress().0 < after {
                        std::thread::yield_now();
                    }
                    control.cancel();
                });
                run(&plan, folder.parts(), &control).unwrap();
            });
        }
        let mut folder = StudyFolder::open(&target, &study, false, false).unwrap();
        let (data, claims) = found_in(&study, threads, folder.parts(), PolicyRegistry::analytic());
        folder.finish(&study, &data, &claims, false).unwrap();
        results(&target)
    };
    let undisturbed = bytes("one", 1, 0);
    assert_eq!(undisturbed, bytes("three", 3, 0));
    assert_eq!(undisturbed, bytes("interrupted", 2, 3));
}

/// Files of a study that have equal bytes for equal inputs.
fn results(target: &Path) -> [Vec<u8>; 6] {
    [
        "results.parquet",
        "claims.json",
        "validation.md",
        "report.html",
        "figures/objective.svg",
        "tables/delay.csv",
    ]
    .map(|name| std::fs::read(target.join(name)).unwrap())
}

#[test]
fn property_blocks_run_elsewhere_change_no_byte() {
    let (study, root) = (small(), tempfile::tempdir().unwrap());
    let (here, there) = (root.path().join("here"), root.path().join("there"));
    let mut folder = StudyFolder::open(&here, &study, false, false).unwrap();
    let (data, claims) = found_in(&study, 2, folder.parts(), PolicyRegistry::analytic());
    folder.finish(&study, &data, &claims, false).unwrap();

    let plan = Plan {
        study: &study,
        quick: false,
        threads: 1,
        registry: Arc::default(),
        program: "elsewhere",
    };
    let mut folder = StudyFolder::open(&there, &study, false, false).unwrap();
    let mut rounds = 0;
    let (data, claims) = loop {
        match progress(&plan, folder.parts()).unwrap() {
            Progress::Complete(data, claims) => break (data, claims),
            Progress::Missing(blocks) => {
                // whichever comes first
                for block in blocks.iter().rev() {
                    let (name, part) = block.run(&plan, &|| false).unwrap().unwrap();
                    block.keep(&plan, folder.parts(), &name, part).unwrap();
                }
            }
        }
        rounds += 1;
    };
    // one claim stays undecided, so that all looks are taken
    assert_eq!(rounds, study.looks(false).len());
    folder.finish(&study, &data, &claims, false).unwrap();
    assert_eq!(results(&here), results(&there));
}

#[test]
fn property_parts_of_another_program_or_broken_ones_are_refused() {
    let (study, root) = (small(), tempfile::tempdir().unwrap());
    let plan = Plan {
        study: &study,
        quick: true,
        threads: 1,
        registry: Arc::default(),
        program: "ours",
    };
    let folder = StudyFolder::open(root.path(), &study, true, false).unwrap();
    let Progress::Missing(blocks) = progress(&plan, folder.parts()).unwrap() else {
        panic!("nothing has been run");
    };
    let (block, stopped) = (&blocks[0], || true);
    assert_eq!(block.run(&plan, &stopped).unwrap(), None);
    let other = Plan {
        program: "theirs",
        ..plan.clone()
    };
    let (name, part) = block.run(&other, &|| false).unwrap().unwrap();
    let kept = |name: &str, part: Vec<u8>| block.keep(&plan, folder.parts(), name, part);
    let error = kept(&name, part).unwrap_err().to_string();
    assert!(error.contains("was run by another"), "{error}");
    let (name, part) = block.run(&plan, &|| false).unwrap().unwrap();
    let error = kept(&name, part[..part.len() - 1].to_vec()).unwrap_err();
    assert!(error.to_string().contains("cannot be read"), "{error}");
    assert!(!root.path().join("cells").exists());
    let far = Block {
        cell: 99,
        ..block.clone()
    };
    let error = far.run(&plan, &|| false).unwrap_err().to_string();
    assert!(error.contains("must be a cell of the study"), "{error}");
    kept(&name, part).unwrap();
}

#[test]
fn property_what_is_finished_is_not_run_again() {
    let (study, root) = (small(), tempfile::tempdir().unwrap());
    let (data, claims) = found(&study, 1, root.path(), PolicyRegistry::analytic());
    // Nothing is to be decided again.
    struct Never(&'static str);
    impl PolicyFactory for Never {
        fn name(&self) -> &str {
            self.0
        }
        fn policy(
            &self,
            _: &wayside_core::scenario::PolicyOptions,
            _: wayside_core::rng::Streams,
        ) -> Result<Box<dyn wayside_core::policy::Policy>> {
            panic!("{} was run again", self.0)
        }
    }
    let mut never = PolicyRegistry::empty();
    for info in PolicyRegistry::analytic().infos().copied() {
        never.register_family(vec![info], move |_| Ok(Arc::new(Never(info.name))));
    }
    let again = found(&study, 1, root.path(), never);
    assert_eq!(again.1, claims);
    assert_eq!(
        again.0.write_parquet(Vec::new()).unwrap(),
        data.write_parquet(Vec::new()).unwrap()
    );
}

/// One bit, wherever it is: the block is named and run again, and the study ends as if nothing had been.
#[test]
fn property_damaged_parts_are_run_again() {
    let (study, root) = (small(), tempfile::tempdir().unwrap());
    let (_, expected) = found(&study, 1, root.path(), PolicyRegistry::analytic());
    let cells = root.path().join("cells");
    let files = || {
        let entries = std::fs::read_dir(&cells).unwrap();
        let mut files: Vec<_> = entries.map(|e| e.unwrap().path()).collect();
        files.sort();
        files
    };
    let count = files().len();
    let flips = (0..12).map(Some).chain([None]);
    for flip in flips {
        let file = files().swap_remove(0);
        let mut part = std::fs::read(&file).unwrap();
        match flip {
            Some(i) => {
                let bit = i * part.len() * 8 / 12 + i % 8;
                part[bit / 8] ^= 1 << (bit % 8);
            }
            None => part.truncate(part.len() / 2),
        }
        std::fs::write(&file, part).unwrap();
        let folder = StudyFolder::open(root.path(), &study, false, false).unwrap();
        let (_, claims) = found_in(&study, 1, folder.parts(), PolicyRegistry::analytic());
        assert!(claims == expected, "{flip:?}");
        assert_eq!(folder.parts().damaged(), [file], "{flip:?}");
        assert_eq!(files().len(), count, "{flip:?}");
    }
}

#[test]
fn property_a_claim_made_false_turns_to_fails() {
    let (study, root) = (small(), tempfile::tempdir().unwrap());
    let (data, claims) = found(
        &study,
        1,
        &root.path().join("right"),
        PolicyRegistry::analytic(),
    );
    for id in ["price-local", "price-gap", "local-alone"] {
        assert_eq!(verdict(&claims, id), Verdict::Holds, "{id} {claims:#?}");
    }
    let lysac = claims.iter().find(|c| c.id == "small.lysac").unwrap();
    assert_eq!((lysac.verdict, lysac.measured), (Verdict::Undecided, None));
    assert!(lysac.note.contains("no policy lysac yet"), "{}", lysac.note);
    assert_eq!(data.missing[&0], ["lysac"]);

    let mut swapped = PolicyRegistry::analytic();
    swapped.register(PolicyKind::Price.info(), |options, streams| {
        PolicyKind::Local.build(options, streams)
    });
    swapped.register(PolicyKind::Local.info(), |options, streams| {
        PolicyKind::Price.build(options, streams)
    });
    let (_, claims) = found(&study, 1, &root.path().join("wrong"), swapped);
    for id in ["price-local", "price-gap", "local-alone"] {
        assert_eq!(verdict(&claims, id), Verdict::Fails, "{id} {claims:#?}");
    }
}

#[test]
fn paper_related_information_costs_what_fig_6_says() {
    let (study, root) = (
        Study::builtin("lin2025").unwrap(),
        tempfile::tempdir().unwrap(),
    );
    let study = study.only_figure("6").unwrap();
    let (_, claims) = found(&study, 1, root.path(), PolicyRegistry::analytic());
    assert_eq!(claims.len(), 9);
    for claim in claims {
        assert_eq!(claim.verdict, Verdict::Holds, "{claim:#?}");
    }
}

#[test]
fn property_a_folder_of_something_else_is_left_alone() {
    let (study, root) = (small(), tempfile::tempdir().unwrap());
    std::fs::write(root.path().join("diary.txt"), "").unwrap();
    let refused = |force| {
        StudyFolder::open(root.path(), &study, false, force)
            .err()
            .map(|e| e.to_string())
    };
    // a folder with other files is as good as another, but not one with files of our names
    std::fs::write(root.path().join("claims.json"), "mine").unwrap();
    for force in [false, true] {
        let error = refused(force).unwrap();
        assert!(error.contains("claims.json: is not listed"), "{error}");
    }
    std::fs::remove_file(root.path().join("claims.json")).unwrap();
    assert_eq!(refused(false), None);
    let manifest = root.path().join("manifest.json");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let other = text.replace("\"scenario\": \"small\"", "\"scenario\": \"other\"");
    assert_ne!(text, other);
    std::fs::write(manifest, other).unwrap();
    assert!(refused(false).unwrap().contains("another study; --force"));
    assert_eq!(refused(true), None);
    assert_eq!(std::fs::read(root.path().join("diary.txt")).unwrap(), b"");
}

#[test]
fn closed_form_blocks_of_a_page() {
    let page = "a\n<!-- begin x -->\nold\n<!-- end x -->\nb\n";
    let replaced = replace_block(page, "x", "\nnew\n\n").unwrap();
    assert_eq!(
        replaced,
        "a\n<!-- begin x -->\n\nnew\n\n<!-- end x -->\nb\n"
    );
    assert_eq!(replace_block(page, "y", ""), None);
}
