use super::*;
use crate::commit::Journal;
use serde_json::json;
use std::collections::BTreeMap;

fn open(root: &Path, work: &str, force: bool) -> Result<Folder> {
    Folder::open(
        root,
        &Request {
            kind: Kind::Run,
            force,
            same: &|found| found["work"] == work,
            writes: &|name| ["a", "b", "figures/c", "figures/d"].contains(&name),
        },
    )
}

/// Every file with its content, but `.wayside`.
fn content(root: &Path) -> BTreeMap<String, String> {
    let mut names = BTreeSet::new();
    list(root, "", &mut names).unwrap();
    let names = names
        .into_iter()
        .filter(|name| !name.starts_with(".wayside"));
    names
        .map(|name| {
            let text = fs::read_to_string(root.join(&name)).unwrap();
            (name, text)
        })
        .collect()
}

fn fill(folder: &Folder, names: &[&str], text: &str) {
    for name in names {
        folder.write(name, text.as_bytes()).unwrap();
    }
}

fn commit(root: &Path, work: &str, names: &[&str]) {
    let mut folder = open(root, work, true).unwrap();
    fill(&folder, names, work);
    folder.replace(&json!({ "work": work }), &[]).unwrap();
}

fn results(root: &Path, work: &str) -> BTreeMap<String, String> {
    let mut all = content(root);
    all.remove("manifest.json");
    all.retain(|_, text| text == work);
    all
}

#[test]
fn property_only_listed_names_are_replaced() {
    let root = tempfile::tempdir().unwrap();
    let out = root.path().join("deep/out");
    commit(&out, "one", &["a", "b", "figures/c"]);
    fs::write(out.join("notes"), "mine").unwrap();
    fs::write(out.join("figures/mine.txt"), "mine").unwrap();
    let error = open(&out, "two", false).unwrap_err().to_string();
    assert!(error.contains("another run; --force"), "{error}");
    commit(&out, "two", &["a", "figures/d"]);
    let found = content(&out);
    let names: Vec<&str> = found.keys().map(String::as_str).collect();
    let expected = [
        "a",
        "figures/d",
        "figures/mine.txt",
        "manifest.json",
        "notes",
    ];
    assert_eq!(names, expected);
    assert_eq!(
        (found["notes"].as_str(), found["a"].as_str()),
        ("mine", "two")
    );
    assert!(!out.join(".wayside").exists());

    // a name that the manifest does not list is the user's
    fs::write(out.join("b"), "mine").unwrap();
    for force in [false, true] {
        let error = open(&out, "two", force).unwrap_err().to_string();
        assert!(error.contains("out/b: is not listed"), "{error}");
    }
    fs::remove_file(out.join("b")).unwrap();
    fs::remove_file(out.join("manifest.json")).unwrap();
    let error = open(&out, "two", true).unwrap_err().to_string();
    assert!(error.contains("out/a: is not listed"), "{error}");
    assert_eq!(fs::read_to_string(out.join("a")).unwrap(), "two");
}

#[test]
fn property_dropped_it_leaves_nothing_and_two_do_not_meet() {
    let root = tempfile::tempdir().unwrap();
    let out = root.path().join("deep/out");
    let folder = open(&out, "one", false).unwrap();
    folder.write("figures/c", b"x").unwrap();
    folder.scratch().unwrap();
    let error = open(&out, "one", true).unwrap_err().to_string();
    assert!(error.contains("another Wayside process"), "{error}");
    drop(folder);
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
}

/// Killed before the journal: the old results. Killed after any number of its steps: the new ones.
#[test]
fn property_killed_anywhere_one_of_both_is_whole() {
    let new = ["b", "figures/d", "a"];
    let kill = |root: &Path, steps: Option<usize>| {
        commit(root, "old", &["a", "figures/c"]);
        fs::write(root.join("figures/mine"), "mine").unwrap();
        let mut folder = open(root, "new", true).unwrap();
        fill(&folder, &new, "new");
        folder
            .write(
                "manifest.json",
                br#"{"kind":"run","work":"new","files":["a","b","figures/d"]}"#,
            )
            .unwrap();
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let journal = Journal {
            manifest: "manifest.json".into(),
            files: names(&new),
            replaces: names(&["a", "figures/c", "manifest.json"]),
            removes: names(&["figures/c"]),
        };
        let staging = folder.staging();
        if let Some(steps) = steps {
            journal.write(&staging).unwrap();
            for step in journal.steps().iter().take(steps) {
                step.apply(root, &staging).unwrap();
            }
        }
        // as a kill leaves it: unlocked, nothing removed
        folder.lock = None;
        folder.created.clear();
        journal.steps().len()
    };
    let before = tempfile::tempdir().unwrap();
    let all = kill(before.path(), None);
    drop(open(before.path(), "old", false).unwrap());
    assert_eq!(results(before.path(), "old").len(), 2);
    for steps in 0..=all {
        let root = tempfile::tempdir().unwrap();
        kill(root.path(), Some(steps));
        // a command that is refused finishes it all the same
        let error = open(root.path(), "third", false).unwrap_err().to_string();
        assert!(error.contains("another run"), "{error}");
        let found = content(root.path());
        let names: Vec<&str> = found.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            ["a", "b", "figures/d", "figures/mine", "manifest.json"],
            "{steps}"
        );
        assert_eq!(results(root.path(), "new").len(), 3, "{steps}");
        assert!(!root.path().join(".wayside").exists());
    }
}

#[test]
fn property_what_gets_into_the_way_of_a_commit_stays() {
    let root = tempfile::tempdir().unwrap();
    let out = root.path().join("out");
    let mut folder = open(&out, "one", false).unwrap();
    fill(&folder, &["a", "b"], "one");
    fs::write(out.join("b"), "mine").unwrap();
    let error = folder.replace(&json!({ "work": "one" }), &[]).unwrap_err();
    assert!(
        error.to_string().contains("out/b: is not Wayside's"),
        "{error}"
    );
    drop(folder);
    assert_eq!(content(&out), BTreeMap::from([("b".into(), "mine".into())]));
    open(&out, "one", true).unwrap_err();
    fs::rename(out.join("b"), root.path().join("b")).unwrap();
    drop(open(&out, "one", false).unwrap());
    assert_eq!(results(&out, "one").len(), 2);
}

#[cfg(unix)]
#[test]
fn property_nothing_is_written_through_links() {
    use std::os::unix::fs::symlink;
    let root = tempfile::tempdir().unwrap();
    let (out, outside) = (root.path().join("out"), root.path().join("outside"));
    fs::create_dir_all(&outside).unwrap();
    fs::write(outside.join("a"), "mine").unwrap();
    fs::create_dir(&out).unwrap();

    symlink(&outside, out.join("figures")).unwrap();
    let error = open(&out, "one", true).unwrap_err().to_string();
    assert!(
        error.contains("out/figures: must be a folder, is a link"),
        "{error}"
    );
    fs::remove_file(out.join("figures")).unwrap();

    symlink(&outside, out.join(".wayside")).unwrap();
    open(&out, "one", true).unwrap_err();
    fs::remove_file(out.join(".wayside")).unwrap();

    symlink(outside.join("a"), out.join("a")).unwrap();
    open(&out, "one", true).unwrap_err();
    fs::remove_file(out.join("a")).unwrap();

    // one that got there later is replaced, not followed
    commit(&out, "one", &["a"]);
    fs::remove_file(out.join("a")).unwrap();
    symlink(outside.join("a"), out.join("a")).unwrap();
    commit(&out, "two", &["a"]);
    assert_eq!(fs::read_to_string(outside.join("a")).unwrap(), "mine");
    assert_eq!(fs::read_to_string(out.join("a")).unwrap(), "two");

    let folder = open(&out, "two", false).unwrap();
    for name in ["../x", "/x", "x/../../y", ".x", ""] {
        folder.write(name, b"").unwrap_err();
    }
    // the folder itself may be a link
    drop(folder);
    symlink(&out, root.path().join("link")).unwrap();
    commit(&root.path().join("link"), "three", &["a"]);
    assert_eq!(fs::read_to_string(out.join("a")).unwrap(), "three");
}

#[test]
fn property_a_foreign_wayside_folder_stays() {
    let root = tempfile::tempdir().unwrap();
    let staging = root.path().join(".wayside");
    fs::create_dir(&staging).unwrap();
    for name in ["notes", "commit.json", "new", "lock"] {
        fs::write(staging.join(name), "mine").unwrap();
        let error = open(root.path(), "one", true).unwrap_err().to_string();
        assert!(
            error.contains(".wayside: is not Wayside's"),
            "{name}: {error}"
        );
        assert_eq!(fs::read_to_string(staging.join(name)).unwrap(), "mine");
        fs::remove_file(staging.join(name)).unwrap();
    }
    drop(open(root.path(), "one", true).unwrap());
}

#[test]
fn regress_hostile_journals_and_manifests_leave_the_folder_alone() {
    let root = tempfile::tempdir().unwrap();
    let out = root.path().join("out");
    fs::write(root.path().join("x"), "mine").unwrap();
    let lock = open(&out, "one", false).unwrap();
    let staging = lock.staging();
    let names = |name: &str| vec![name.to_owned()];
    let journal = Journal {
        manifest: "manifest.json".into(),
        files: Vec::new(),
        replaces: Vec::new(),
        removes: names("../x"),
    };
    journal.write(&staging).unwrap();
    drop(lock);
    open(&out, "one", true).unwrap_err();
    assert!(root.path().join("x").exists());
    fs::remove_dir_all(&staging).unwrap();

    fs::write(
        out.join("manifest.json"),
        r#"{"kind":"run","work":"one","files":["../x"]}"#,
    )
    .unwrap();
    let error = open(&out, "one", true).unwrap_err().to_string();
    assert!(error.contains("manifest.json: is not listed"), "{error}");
    assert!(root.path().join("x").exists());
}

#[test]
fn property_added_files_keep_those_before() {
    let root = tempfile::tempdir().unwrap();
    commit(root.path(), "old", &["a", "b"]);
    let mut folder = open(root.path(), "new", true).unwrap();
    fill(&folder, &["a"], "new");
    folder.replace(&json!({ "work": "new" }), &[]).unwrap();
    fill(&folder, &["figures/c"], "new");
    folder
        .add(&json!({ "work": "new" }), &["b".to_owned()])
        .unwrap();
    folder.put("b", b"new").unwrap();
    drop(folder);
    let names: Vec<String> = results(root.path(), "new").into_keys().collect();
    assert_eq!(names, ["a", "b", "figures/c"]);
    let text = fs::read_to_string(root.path().join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        manifest,
        json!({"kind": "run", "work": "new", "files": ["a", "b", "figures/c"]})
    );
}
