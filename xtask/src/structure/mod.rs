//! `cargo xtask structure`: the code keeps to the tables of docs/architecture.md.
//!
//! It reads every source file's `use` lines and paths and reports: an arrow between rooms that the tables do not allow,
//! or that they allow but no code uses; files that import each other in a circle; functions and files that are too long.

mod lengths;
mod paths;
mod rooms;

use std::fs;
use std::path::{Path, PathBuf};

/// What is wrong, one line each.
type Problems = Vec<String>;

/// Checks the workspace, and says what is wrong with it.
pub(crate) fn check() -> bool {
    let root = crate::root();
    let page = fs::read_to_string(root.join("docs/architecture.md"))
        .expect("docs/architecture.md is part of the repository");
    let mut problems = Problems::new();
    for table in rooms::tables(&page, &mut problems) {
        let source = root.join(&table.folder);
        let files = read(&source, &source);
        rooms::check(&table, &files, &mut problems);
    }
    lengths::check(root, &mut problems);
    for problem in &problems {
        eprintln!("{problem}");
    }
    eprintln!("{} problems of structure", problems.len());
    problems.is_empty()
}

/// A source file of a crate: its path below the crate's folder, its modules, its text.
struct Source {
    path: String,
    /// `["bound", "queues"]` of `bound/queues/mod.rs`; empty for `lib.rs`.
    module: Vec<String>,
    text: String,
}

/// All files but those that hold tests alone.
fn read(root: &Path, folder: &Path) -> Vec<Source> {
    let mut sources = Vec::new();
    for path in rust_files(folder) {
        let relative = path.strip_prefix(root).expect("it lies below");
        let module = module_of(relative);
        if module.last().is_some_and(|name| name == "tests") {
            continue;
        }
        sources.push(Source {
            path: relative.display().to_string(),
            module,
            text: fs::read_to_string(&path).expect("it was just listed"),
        });
    }
    sources
}

fn module_of(path: &Path) -> Vec<String> {
    let mut parts: Vec<String> = path
        .with_extension("")
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    if matches!(
        parts.last().map(String::as_str),
        Some("mod" | "lib" | "main")
    ) {
        parts.pop();
    }
    parts
}

/// The Rust files below a folder, in the order of their names.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::rooms::Table;
    use super::*;

    const PAGE: &str = "\
## Rooms of `crates/x/src`

| room | what it is for | knows | start reading at |
|---|---|---|---|
| `error` | problems | nothing | `error.rs` |
| `slot` | what a policy sees | `error` | `slot/mod.rs` |
| `policy` | who runs where | `slot`, `error` | `policy.rs` |
";

    fn source(path: &str, text: &str) -> Source {
        Source {
            path: path.to_owned(),
            module: module_of(Path::new(path)),
            text: text.to_owned(),
        }
    }

    fn problems(files: &[(&str, &str)]) -> Problems {
        let mut problems = Problems::new();
        let tables: Vec<Table> = rooms::tables(PAGE, &mut problems);
        let files: Vec<Source> = files
            .iter()
            .map(|&(path, text)| source(path, text))
            .collect();
        rooms::check(&tables[0], &files, &mut problems);
        problems
    }

    const SOUND: [(&str, &str); 5] = [
        ("lib.rs", "pub mod error; pub mod slot; pub mod policy;"),
        ("error.rs", "pub struct Problem;"),
        (
            "slot/mod.rs",
            "mod table; pub use table::Table; use crate::error::Problem;",
        ),
        ("slot/table.rs", "use super::Columns; pub struct Table;"),
        (
            "policy.rs",
            "use crate::{slot::Table, error}; fn f() { crate::error::g(); }",
        ),
    ];

    fn with(path: &str, text: &'static str) -> Problems {
        let mut files = SOUND.to_vec();
        match files.iter_mut().find(|(name, _)| *name == path) {
            Some(file) => file.1 = text,
            None => panic!("{path} is not one of them"),
        }
        problems(&files)
    }

    #[test]
    fn property_what_keeps_to_the_table_passes() {
        assert_eq!(problems(&SOUND), Problems::new());
    }

    #[test]
    fn property_an_arrow_that_the_table_lacks_is_found_however_it_is_written() {
        for text in [
            "use crate::policy::Policy;",
            "use crate::{policy::{Policy, self}};",
            "use super::policy;",
            "fn f() -> crate::policy::Policy { todo!() }",
            "fn f() { assert!(matches!(1, crate::policy::ONE)); }",
            "mod inner { use super::super::policy::Policy; }",
        ] {
            let text: &'static str = text;
            let found = with("error.rs", text);
            assert!(
                found
                    .iter()
                    .any(|p| p.contains("error.rs: `error` knows `policy`")),
                "{text}: {found:?}"
            );
        }
    }

    #[test]
    fn property_tests_may_know_everything() {
        let found = with(
            "error.rs",
            "pub struct Problem; #[cfg(test)] mod tests { use crate::policy::Policy; }",
        );
        assert_eq!(found, Problems::new());
    }

    #[test]
    fn property_files_of_tests_may_know_everything_too() {
        let mut files = SOUND.to_vec();
        files[1].1 = "#[cfg(test)] mod samples;";
        files.push(("error/samples.rs", "use crate::policy::Policy;"));
        assert_eq!(problems(&files), Problems::new());
        files[1].1 = "mod samples;";
        assert_eq!(problems(&files).len(), 1);
    }

    #[test]
    fn property_an_arrow_that_nobody_uses_is_found() {
        let found = with("policy.rs", "use crate::slot::Table;");
        assert!(
            found
                .iter()
                .any(|p| p.contains("`policy` is said to know `error`")),
            "{found:?}"
        );
    }

    #[test]
    fn property_a_room_that_knows_one_below_it_in_the_table_is_found() {
        let mut problems = Problems::new();
        rooms::tables(&PAGE.replace("nothing", "`policy`"), &mut problems);
        assert!(
            problems
                .iter()
                .any(|p| p.contains("`error`") && p.contains("above")),
            "{problems:?}"
        );
    }

    #[test]
    fn property_a_room_without_a_row_is_found() {
        let mut files = SOUND.to_vec();
        files.push(("engine.rs", "fn run() {}"));
        let found = problems(&files);
        assert!(
            found.iter().any(|p| p.contains("`engine` has no row")),
            "{found:?}"
        );
    }

    #[test]
    fn property_siblings_in_a_circle_are_found_and_a_parent_with_its_child_is_not() {
        let mut files = SOUND.to_vec();
        files.push((
            "slot/order.rs",
            "use super::table::Table; pub struct Order;",
        ));
        assert_eq!(problems(&files), Problems::new());
        files[3].1 = "use super::order::Order; pub struct Table;";
        let found = problems(&files);
        assert!(
            found
                .iter()
                .any(|p| p.contains("circle: slot/order.rs, slot/table.rs")),
            "{found:?}"
        );
    }

    #[test]
    fn property_a_circle_through_a_name_handed_on_by_the_parent_is_found() {
        let mut files = SOUND.to_vec();
        files[2].1 = "mod order; mod table; pub use table::Table; use crate::error::Problem;";
        files[3].1 = "use super::order::Order; pub struct Table;";
        files.push(("slot/order.rs", "use super::Table; pub struct Order;"));
        let found = problems(&files);
        assert!(
            found
                .iter()
                .any(|p| p.contains("circle: slot/order.rs, slot/table.rs")),
            "{found:?}"
        );
    }

    #[test]
    fn property_what_is_too_long_is_found_unless_it_says_why() {
        let body = "    let a = 1;\n".repeat(lengths::FUNCTION);
        let long = format!("fn f() {{\n{body}}}\n");
        assert_eq!(lengths::problems("a.rs", &long).len(), 1);
        assert_eq!(
            lengths::problems("a.rs", &format!("// Long: a table.\n#[inline]\n{long}")),
            Problems::new()
        );
        let test = format!("#[cfg(test)]\nmod tests {{\n{long}}}\n");
        assert_eq!(lengths::problems("a.rs", &test), Problems::new());
        assert_eq!(
            lengths::problems("a.rs", &"//\n".repeat(lengths::FILE + 1)).len(),
            1
        );
    }
}
