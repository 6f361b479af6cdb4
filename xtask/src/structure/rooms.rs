//! Rooms and arrows: the tables of docs/architecture.md against the paths in the code.

use std::collections::{BTreeMap, BTreeSet};

use super::paths::{self, CratePath, Names};
use super::{Problems, Source};

/// The rooms of one crate, from the ground up: a room may know those above it in the table only.
pub(super) struct Table {
    /// Folder of the crate's source.
    pub(super) folder: String,
    rooms: Vec<Room>,
}

struct Room {
    name: String,
    knows: BTreeSet<String>,
    /// Its row says "all above": no arrow of it is missed.
    all: bool,
}

/// Reads every table below a heading `## Rooms of `FOLDER``. Its first column names a room, its third those that it knows.
pub(super) fn tables(page: &str, problems: &mut Problems) -> Vec<Table> {
    let mut tables: Vec<Table> = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        if line.starts_with('#') {
            inside = line.contains("Rooms of `");
            if inside {
                tables.push(Table {
                    folder: quoted(line).into_iter().next().unwrap_or_default(),
                    rooms: Vec::new(),
                });
            }
        } else if inside && line.starts_with("| `") {
            let table = tables.last_mut().expect("a heading came before");
            row(table, line, problems);
        }
    }
    if tables.is_empty() {
        problems.push("docs/architecture.md: no table of rooms".to_owned());
    }
    tables
}

fn row(table: &mut Table, line: &str, problems: &mut Problems) {
    let columns: Vec<&str> = line.split('|').map(str::trim).collect();
    let name = quoted(columns[1]).into_iter().next().unwrap_or_default();
    let above: BTreeSet<&str> = table.rooms.iter().map(|room| room.name.as_str()).collect();
    let column = columns.get(3).copied().unwrap_or_default();
    let all = column == "all above";
    let knows: BTreeSet<String> = if all {
        above.iter().map(|&name| name.to_owned()).collect()
    } else {
        quoted(column).into_iter().collect()
    };
    for known in &knows {
        if !above.contains(known.as_str()) {
            problems.push(format!(
                "docs/architecture.md: `{name}` knows `{known}`, which is no room above it in the table of {}",
                table.folder
            ));
        }
    }
    table.rooms.push(Room { name, knows, all });
}

/// What stands between backticks.
fn quoted(text: &str) -> Vec<String> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

impl Table {
    /// The room of a module: the row with the longest name that it lies in. The root of the crate is not a room: it only re-exports.
    fn room(&self, module: &[String]) -> Option<&Room> {
        (1..=module.len()).rev().find_map(|n| {
            self.rooms
                .iter()
                .find(|room| room.name == module[..n].join("::"))
        })
    }
}

/// Compares the arrows of a crate with its table, and looks for circles of files.
pub(super) fn check(table: &Table, files: &[Source], problems: &mut Problems) {
    let mut names = Vec::new();
    for file in files {
        match syn::parse_file(&file.text) {
            Ok(tree) => names.push(paths::names(&file.module, &tree)),
            Err(e) => return problems.push(format!("{}/{}: {e}", table.folder, file.path)),
        }
    }
    let resolver = Resolver::new(files, &names);
    let mut seen: BTreeSet<(&str, &str)> = BTreeSet::new();
    let mut arrows = vec![BTreeSet::new(); files.len()];
    let of_tests = |module: &[String]| {
        let mut tests = names.iter().flat_map(|names| &names.tests);
        tests.any(|test| module.starts_with(test))
    };
    for (from, file) in files.iter().enumerate() {
        if file.module.is_empty() || of_tests(&file.module) {
            continue;
        }
        let Some(room) = table.room(&file.module) else {
            let problem = format!(
                "{}: `{}` has no row in docs/architecture.md",
                table.folder, file.module[0]
            );
            if !problems.contains(&problem) {
                problems.push(problem);
            }
            continue;
        };
        for path in &names[from].used {
            let Some(to) = resolver.file(path) else {
                continue;
            };
            let Some(known) = table.room(&files[to].module) else {
                continue;
            };
            if to != from {
                arrows[from].insert(to);
            }
            if known.name != room.name
                && seen.insert((&room.name, &known.name))
                && !room.knows.contains(&known.name)
            {
                problems.push(format!(
                    "{}/{}: `{}` knows `{}` by {}, which docs/architecture.md does not allow",
                    table.folder,
                    file.path,
                    room.name,
                    known.name,
                    path.join("::")
                ));
            }
        }
    }
    unused(table, &seen, problems);
    circles(table, files, &arrows, problems);
}

/// Names the arrows of the table that no path of the code follows.
fn unused(table: &Table, seen: &BTreeSet<(&str, &str)>, problems: &mut Problems) {
    for room in table.rooms.iter().filter(|room| !room.all) {
        for known in &room.knows {
            if !seen.contains(&(room.name.as_str(), known.as_str())) {
                problems.push(format!(
                    "docs/architecture.md: `{}` is said to know `{known}`, but does not ({})",
                    room.name, table.folder
                ));
            }
        }
    }
}

/// Finds the file that defines what a path names.
struct Resolver<'a> {
    modules: BTreeMap<&'a [String], usize>,
    handed_on: BTreeMap<(usize, &'a str), &'a CratePath>,
}

impl<'a> Resolver<'a> {
    fn new(files: &'a [Source], names: &'a [Names]) -> Self {
        let modules = files
            .iter()
            .enumerate()
            .map(|(n, file)| (file.module.as_slice(), n))
            .collect();
        let handed_on = names
            .iter()
            .enumerate()
            .flat_map(|(n, names)| {
                names
                    .handed_on
                    .iter()
                    .map(move |(name, from)| ((n, name.as_str()), from))
            })
            .collect();
        Self { modules, handed_on }
    }

    fn file(&self, path: &[String]) -> Option<usize> {
        self.follow(path, 0)
    }

    /// `depth` stops a cycle of re-exports.
    fn follow(&self, path: &[String], depth: usize) -> Option<usize> {
        let mut here = *self.modules.get(&[][..])?;
        for n in 1..=path.len() {
            if let Some(&child) = self.modules.get(&path[..n]) {
                here = child;
                continue;
            }
            if depth < 8
                && let Some(from) = self.handed_on.get(&(here, path[n - 1].as_str()))
            {
                let whole: CratePath = from.iter().chain(&path[n..]).cloned().collect();
                return self.follow(&whole, depth + 1);
            }
            break;
        }
        Some(here)
    }
}

/// Reports every set of files that reach each other. An arrow between a module and its own child does not count.
fn circles(table: &Table, files: &[Source], arrows: &[BTreeSet<usize>], problems: &mut Problems) {
    let within = |a: usize, b: usize| files[b].module.starts_with(&files[a].module);
    let reach: Vec<BTreeSet<usize>> = (0..files.len())
        .map(|start| {
            let mut reached = BTreeSet::new();
            let mut next = vec![start];
            while let Some(from) = next.pop() {
                for &to in &arrows[from] {
                    if !within(from, to) && !within(to, from) && reached.insert(to) {
                        next.push(to);
                    }
                }
            }
            reached
        })
        .collect();
    let mut done = BTreeSet::new();
    for file in 0..files.len() {
        if done.contains(&file) || !reach[file].contains(&file) {
            continue;
        }
        let circle: Vec<usize> = reach[file]
            .iter()
            .copied()
            .filter(|&other| reach[other].contains(&file))
            .collect();
        let mut paths: Vec<&str> = circle.iter().map(|&n| files[n].path.as_str()).collect();
        paths.sort_unstable();
        problems.push(format!("{}: circle: {}", table.folder, paths.join(", ")));
        done.extend(circle);
    }
}
