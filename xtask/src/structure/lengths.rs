//! Lengths of functions and files.

use std::fs;
use std::path::Path;

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Block, ImplItemFn, Item, ItemFn, TraitItemFn};

use super::{Problems, paths, rust_files};

/// Most lines of a function.
pub(super) const FUNCTION: usize = 60;
/// Most lines of a file.
pub(super) const FILE: usize = 500;

/// Checks all source of the workspace: functions outside tests, and every file.
pub(super) fn check(root: &Path, problems: &mut Problems) {
    for folder in ["crates", "python", "xtask", "fuzz"] {
        for path in rust_files(&root.join(folder)) {
            let text = fs::read_to_string(&path).expect("it was just listed");
            let name = path
                .strip_prefix(root)
                .expect("it lies below")
                .display()
                .to_string();
            problems.extend(self::problems(&name, &text));
        }
    }
}

pub(super) fn problems(name: &str, text: &str) -> Problems {
    let mut problems = Problems::new();
    let lines = text.lines().count();
    if lines > FILE {
        problems.push(format!("{name}: {lines} lines, at most {FILE}"));
    }
    let tests =
        name.contains("/tests/") || name.contains("/benches/") || name.ends_with("tests.rs");
    if tests {
        return problems;
    }
    match syn::parse_file(text) {
        Ok(file) => {
            let lines: Vec<&str> = text.lines().collect();
            Reader {
                name,
                lines: &lines,
                problems: &mut problems,
            }
            .visit_file(&file);
        }
        Err(e) => problems.push(format!("{name}: {e}")),
    }
    problems
}

struct Reader<'a> {
    name: &'a str,
    lines: &'a [&'a str],
    problems: &'a mut Problems,
}

impl Reader<'_> {
    fn function(&mut self, function: &syn::Ident, begin: Span, block: &Block) {
        let first = begin.start().line;
        let length = block.span().end().line + 1 - first;
        if length > FUNCTION && !self.says_why(first) {
            self.problems.push(format!(
                "{}:{first}: `{function}` has {length} lines, at most {FUNCTION}; or `// Long: REASON.` above it",
                self.name
            ));
        }
    }

    /// Whether the comments and attributes right above a line give the reason.
    fn says_why(&self, line: usize) -> bool {
        self.lines[..line - 1]
            .iter()
            .rev()
            .map(|line| line.trim())
            .take_while(|line| {
                line.starts_with("//") || line.starts_with('#') || line.ends_with(']')
            })
            .any(|line| line.starts_with("// Long: "))
    }
}

impl<'a> Visit<'a> for Reader<'_> {
    fn visit_item(&mut self, item: &'a Item) {
        if !paths::is_test(paths::attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'a ItemFn) {
        self.function(&item.sig.ident, item.sig.span(), &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'a ImplItemFn) {
        self.function(&item.sig.ident, item.sig.span(), &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'a TraitItemFn) {
        if let Some(block) = &item.default {
            self.function(&item.sig.ident, item.sig.span(), block);
        }
        visit::visit_trait_item_fn(self, item);
    }
}
