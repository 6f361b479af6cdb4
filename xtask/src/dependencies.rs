//! Decision 2 explains every dependency.

use std::fs;
use std::path::Path;

/// Names in the dependency tables of a manifest, without our own crates.
fn dependencies(manifest: &str) -> Vec<&str> {
    let mut in_table = false;
    let mut names = Vec::new();
    for line in manifest.lines() {
        if let Some(header) = line.strip_prefix('[') {
            in_table = header.ends_with("dependencies]");
        } else if let Some((key, _)) = line.split_once('=').filter(|_| in_table) {
            let name = key.split('.').next().unwrap_or(key).trim();
            if !name.starts_with("wayside") && !name.starts_with('#') {
                names.push(name);
            }
        }
    }
    names
}

#[test]
fn closed_form_names_of_dependencies() {
    let manifest = "[package]\nname = \"x\"\n[dependencies]\n# why = 1\nserde = \"1\"\nwayside-core = { path = \"..\" }\n\
                    [target.'cfg(unix)'.dev-dependencies]\nlibc.workspace = true\n[lints]\nrust = 1\n";
    assert_eq!(dependencies(manifest), ["serde", "libc"]);
}

#[test]
fn property_every_dependency_is_explained() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let page = fs::read_to_string(root.join("docs/decisions/0002-dependencies.md")).unwrap();
    let mut folders = vec![root.to_owned()];
    for name in ["burn", "fuzz", "python", "xtask"] {
        folders.push(root.join(name));
    }
    for entry in fs::read_dir(root.join("crates")).unwrap() {
        folders.push(entry.unwrap().path());
    }
    let mut unexplained = Vec::new();
    for folder in folders {
        let path = folder.join("Cargo.toml");
        let manifest = fs::read_to_string(&path).unwrap();
        for name in dependencies(&manifest) {
            if !page.contains(&format!("`{name}`")) {
                unexplained.push(format!("{}: {name}", path.display()));
            }
        }
    }
    assert_eq!(unexplained, Vec::<String>::new());
}
