//! Relative links of the Markdown files: each must point to something that exists. Conflicts of merges must be resolved.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Every broken link under `root`, as `file:line: target`.
pub(crate) fn broken(root: &Path) -> io::Result<Vec<String>> {
    let mut files = Vec::new();
    collect(root, &mut files)?;
    files.sort();
    let mut broken = Vec::new();
    for file in files {
        let folder = file.parent().expect("a file lies in a folder");
        let text = fs::read_to_string(&file)?;
        for (line, target) in relative_links(&text) {
            if !folder.join(target).exists() {
                let file = file.strip_prefix(root).unwrap_or(&file).display();
                broken.push(format!("{file}:{line}: there is no {target}"));
            }
        }
        for line in conflicts(&text) {
            let file = file.strip_prefix(root).unwrap_or(&file).display();
            broken.push(format!("{file}:{line}: a conflict that was not resolved"));
        }
    }
    Ok(broken)
}

/// Adds the Markdown files below `folder`, leaving out build outputs and hidden folders.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let path = entry.path();
        let skipped = name == "target" || name == "node_modules";
        if entry.file_type()?.is_dir() {
            if !skipped && !name.as_encoded_bytes().starts_with(b".") {
                collect(&path, files)?;
            }
        } else if path.extension().is_some_and(|e| e == "md") {
            files.push(path);
        }
    }
    Ok(())
}

/// Targets of `[text](target)` with their lines, without anchors, outside code.
fn relative_links(text: &str) -> Vec<(usize, &str)> {
    let mut links = Vec::new();
    let mut fenced = false;
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        // Even pieces lie outside of inline code.
        for piece in line.split('`').step_by(2) {
            for rest in piece.split("](").skip(1) {
                let target = rest.split([')', ' ', '#']).next().unwrap_or_default();
                if !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:") {
                    links.push((number, target));
                }
            }
        }
    }
    links
}

/// Lines with the marks that Git leaves where a merge met a conflict: no compiler reads Markdown.
fn conflicts(text: &str) -> impl Iterator<Item = usize> {
    let marked = |line: &str| line.starts_with("<<<<<<< ") || line.starts_with(">>>>>>> ");
    let lines = (1..).zip(text.lines());
    lines.filter_map(move |(number, line)| marked(line).then_some(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regress_marks_of_a_conflict_are_found() {
        let text = "a\n<<<<<<< HEAD\nb\n=======\nc\n>>>>>>> 151457e (View)\n> > quoted\n";
        assert_eq!(conflicts(text).collect::<Vec<_>>(), [2, 6]);
        assert_eq!(conflicts("Title\n=======\n\n> quoted\n").count(), 0);
    }

    #[test]
    fn closed_form_links_of_a_text() {
        let text = "\
[a](a.md) and [b](b/c.md#part \"title\")
[web](https://example.org/x) [here](#top) `[code](no.md)` [`d`](d.md)
```
[fenced](no.md)
```
![image](figures/e.svg)";
        let expected = [
            (1, "a.md"),
            (1, "b/c.md"),
            (2, "d.md"),
            (6, "figures/e.svg"),
        ];
        assert_eq!(relative_links(text), expected);
    }

    #[test]
    fn property_only_broken_links_are_named() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("docs/.hidden")).unwrap();
        fs::write(root.path().join("docs/a.md"), "[up](../b.md)\n[gone](c.md)").unwrap();
        fs::write(root.path().join("b.md"), "[down](docs/)").unwrap();
        fs::write(root.path().join("docs/.hidden/d.md"), "[gone](e.md)").unwrap();
        assert_eq!(
            broken(root.path()).unwrap(),
            ["docs/a.md:2: there is no c.md"]
        );
    }
}
