//! The paths that a file names, as modules of its crate.

use std::collections::BTreeSet;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::visit::{self, Visit};
use syn::{Attribute, File, Item, ItemMod, ItemUse, Macro, UseTree, Visibility};

/// A path from the root of the crate: `["slot", "RadioLink"]`.
pub(super) type CratePath = Vec<String>;

/// What a file names of its crate.
pub(super) struct Names {
    pub(super) used: BTreeSet<CratePath>,
    /// Modules in files of their own that are there in tests only.
    pub(super) tests: Vec<CratePath>,
    /// Names that it hands on with `pub use`: the name in this module, and where it comes from.
    pub(super) handed_on: Vec<(String, CratePath)>,
}

/// The paths of a file that is the module `module` of its crate; tests are left out.
pub(super) fn names(module: &[String], file: &File) -> Names {
    let mut reader = Reader {
        module: module.to_vec(),
        depth: module.len(),
        names: Names {
            used: BTreeSet::new(),
            tests: Vec::new(),
            handed_on: Vec::new(),
        },
    };
    reader.visit_file(file);
    reader.names
}

struct Reader {
    module: Vec<String>,
    /// Modules of the file itself; inline ones come after them.
    depth: usize,
    names: Names,
}

impl Reader {
    fn add(&mut self, segments: &[String]) {
        if let Some(path) = self.absolute(segments) {
            self.names.used.insert(path);
        }
    }

    /// A path that begins with `crate`, `self` or `super`, from the root. Other paths are of other crates, or of names
    /// that a `use` has brought, which is read itself.
    fn absolute(&self, segments: &[String]) -> Option<CratePath> {
        let mut base = match segments.first()?.as_str() {
            "crate" => Vec::new(),
            "self" | "super" => self.module.clone(),
            _ => return None,
        };
        let rest = segments
            .iter()
            .skip_while(|s| matches!(s.as_str(), "crate" | "self" | "super"));
        for _ in segments
            .iter()
            .take_while(|s| *s == "self" || *s == "super")
            .filter(|s| *s == "super")
        {
            base.pop();
        }
        base.extend(rest.cloned());
        Some(base)
    }

    fn use_tree(&mut self, tree: &UseTree, before: &mut Vec<String>, public: bool) {
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.use_tree(&path.tree, before, public);
                before.pop();
            }
            UseTree::Name(name) => self.used(
                before,
                &name.ident.to_string(),
                &name.ident.to_string(),
                public,
            ),
            UseTree::Rename(name) => self.used(
                before,
                &name.ident.to_string(),
                &name.rename.to_string(),
                public,
            ),
            UseTree::Glob(_) => self.add(before),
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.use_tree(tree, before, public);
                }
            }
        }
    }

    fn used(&mut self, before: &[String], name: &str, here: &str, public: bool) {
        let mut path = before.to_vec();
        if name != "self" {
            path.push(name.to_owned());
        }
        // in `mod.rs`, `pub use child::Name` needs no `self`
        let relative = !matches!(path[0].as_str(), "crate" | "self" | "super");
        if public && self.module.len() == self.depth {
            let from = if relative {
                [self.module.clone(), path.clone()].concat()
            } else {
                self.absolute(&path).unwrap_or_default()
            };
            self.names.handed_on.push((here.to_owned(), from));
        }
        self.add(&path);
    }

    /// Macros are not parsed: their tokens are searched for paths.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.add(&path);
                        path.clear();
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                other => {
                    self.add(&path);
                    path.clear();
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.tokens(group.stream());
                    }
                }
            }
        }
        self.add(&path);
    }
}

impl<'a> Visit<'a> for Reader {
    fn visit_item(&mut self, item: &'a Item) {
        if !is_test(attributes(item)) {
            visit::visit_item(self, item);
        } else if let Item::Mod(item) = item {
            let name = item.ident.to_string();
            self.names.tests.push([&self.module[..], &[name]].concat());
        }
    }

    fn visit_item_mod(&mut self, item: &'a ItemMod) {
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'a ItemUse) {
        let public = !matches!(item.vis, Visibility::Inherited);
        self.use_tree(&item.tree, &mut Vec::new(), public);
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
        self.add(&segments);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'a Macro) {
        self.tokens(item.tokens.clone());
    }
}

/// Whether an item is there in tests only.
pub(super) fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let text = attribute.meta.to_token_stream().to_string();
        text == "test" || text == "cfg (test)" || text == "cfg(test)"
    })
}

/// The attributes of an item that may be a test.
pub(super) fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Fn(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Const(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        _ => &[],
    }
}
