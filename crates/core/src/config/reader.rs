//! Reads a section: one definition decodes it, finds every problem in it, and describes it.

use super::{
    Choice, Document, Field, Kind, Node, Origin, PathStyle, Presence, Shape, Value, Variant,
    unknown,
};
use crate::error::{Problem, Problems, Result};

/// A form of a section: its name, its meaning, and how to read its keys.
pub type Form<'a, T> = (
    &'static str,
    &'static str,
    &'a dyn Fn(&mut Section<'_>) -> T,
);

/// A section being read.
///
/// A value with a problem is replaced by a stand-in, so that one pass finds all problems; what is
/// built from stand-ins is never handed out by [`read`].
#[derive(Debug)]
pub struct Section<'a> {
    source: Source<'a>,
    file: &'a str,
    style: PathStyle,
    path: String,
    problems: &'a mut Problems,
    known: Vec<&'static str>,
    missing: Vec<&'static str>,
    fields: Vec<Field>,
}

#[derive(Clone, Copy, Debug)]
enum Source<'a> {
    Table(&'a Node),
    /// The section is not in the file: collects what it would have to have.
    Absent,
    /// There is no file: collects what a section may have.
    Description,
}

/// Reads a whole document.
///
/// # Errors
/// Every problem of the document.
///
/// # Panics
/// If `f` returns `None` without having reported a problem.
pub fn read<T>(document: &Document, f: impl FnOnce(&mut Section<'_>) -> Option<T>) -> Result<T> {
    let mut problems = Problems::default();
    let mut outside = Section::new(
        Source::Absent,
        &document.file,
        document.style,
        &mut problems,
    );
    let root = Source::Table(&document.root);
    let (value, _) = outside.child(root, document.style.root(), f);
    problems.into_result(())?;
    Ok(value.expect("what cannot be built has a problem"))
}

/// The keys that `f` reads.
pub fn describe<T>(f: impl FnOnce(&mut Section<'_>) -> T) -> Vec<Field> {
    let mut none = Problems::default();
    let mut section = Section::new(Source::Description, "", PathStyle::Dotted, &mut none);
    f(&mut section);
    section.fields
}

impl Section<'_> {
    /// A key that must be there.
    pub fn required<K: Kind>(&mut self, name: &'static str, kind: K, doc: &'static str) -> K::Out {
        self.describe_value(name, &kind, doc, Presence::Required);
        self.value(name, &kind).unwrap_or_else(|| {
            let expected = kind.expected();
            self.report_missing(name, || format!("missing, expected {expected}: {doc}"));
            kind.fallback()
        })
    }

    /// A key with a default.
    pub fn default<K: Kind>(
        &mut self,
        name: &'static str,
        kind: K,
        default: K::Out,
        doc: &'static str,
    ) -> K::Out {
        self.describe_value(name, &kind, doc, Presence::Default(kind.show(&default)));
        self.value(name, &kind).unwrap_or(default)
    }

    /// A key that may be left out, with the effect `without`.
    pub fn optional<K: Kind>(
        &mut self,
        name: &'static str,
        kind: K,
        without: &'static str,
        doc: &'static str,
    ) -> Option<K::Out> {
        self.describe_value(name, &kind, doc, Presence::Optional(without));
        self.value(name, &kind)
    }

    /// A key that may be left out where `default` knows its value.
    pub fn inherited<K: Kind>(
        &mut self,
        name: &'static str,
        kind: K,
        default: Option<K::Out>,
        from: &'static str,
        doc: &'static str,
    ) -> K::Out {
        self.describe_value(name, &kind, doc, Presence::Optional(from));
        self.value(name, &kind).or(default).unwrap_or_else(|| {
            let expected = kind.expected();
            self.report_missing(name, || {
                format!("missing here and {from}, expected {expected}: {doc}")
            });
            kind.fallback()
        })
    }

    /// A section; where it is absent all its keys take their defaults, if they have any.
    pub fn section<T>(
        &mut self,
        name: &'static str,
        doc: &'static str,
        f: impl FnOnce(&mut Section<'_>) -> T,
    ) -> T {
        let source = self.child_source(name);
        let (value, child) = self.child(source, self.style.key(&self.path, name), f);
        self.report_missing_section(name, &child);
        let presence = match needs_a_key(&child.fields) {
            true => Presence::Required,
            false => Presence::Optional("all its keys have defaults"),
        };
        self.describe(name, doc, presence, Shape::Section(child.fields));
        value
    }

    /// A section that may be left out, with the effect `without`.
    pub fn optional_section<T>(
        &mut self,
        name: &'static str,
        without: &'static str,
        doc: &'static str,
        f: impl FnOnce(&mut Section<'_>) -> T,
    ) -> Option<T> {
        let source = self.child_source(name);
        if matches!(source, Source::Absent) {
            return None;
        }
        let (value, child) = self.child(source, self.style.key(&self.path, name), f);
        self.describe(
            name,
            doc,
            Presence::Optional(without),
            Shape::Section(child.fields),
        );
        Some(value)
    }

    /// A section whose keys depend on the key `tag`. `None` where that is missing or unknown.
    pub fn variants<T>(
        &mut self,
        name: &'static str,
        tag: &'static str,
        doc: &'static str,
        forms: &[Form<'_, T>],
    ) -> Option<T> {
        let words: Vec<_> = forms
            .iter()
            .enumerate()
            .map(|(i, form)| (form.0, i))
            .collect();
        let source = self.child_source(name);
        let path = self.style.key(&self.path, name);
        if self.is_description() {
            let mut first = None;
            let mut variants = Vec::new();
            for &(name, doc, f) in forms {
                let (value, child) = self.child(source, path.clone(), f);
                first = first.or(Some(value));
                let fields = child.fields;
                variants.push(Variant { name, doc, fields });
            }
            let shape = Shape::Variants { tag, variants };
            self.describe(name, doc, Presence::Required, shape);
            return first;
        }
        let (value, child) = self.child(source, path, |s| {
            let picked = s.pick(tag, Choice(&words));
            if picked.is_none() {
                // no other key can be judged
                s.source = Source::Absent;
            }
            picked.map(|i| (forms[i].2)(s))
        });
        self.report_missing_section(name, &child);
        value
    }

    /// A list of sections; `f` gets the index too.
    pub fn list<T>(
        &mut self,
        name: &'static str,
        presence: Presence,
        doc: &'static str,
        mut f: impl FnMut(&mut Section<'_>, usize) -> T,
    ) -> Vec<T> {
        let required = presence == Presence::Required;
        if let Source::Description = self.source {
            let path = self.style.key(&self.path, name);
            let (value, child) = self.child(Source::Description, path, |s| f(s, 0));
            self.describe(name, doc, presence, Shape::List(child.fields));
            return vec![value];
        }
        self.known.push(name);
        match self.node(name) {
            Some(Node {
                value: Value::Array(items),
                ..
            }) => self.items(name, items, f),
            Some(other) => {
                let message = format!("expected a list of sections, found {}", other.value);
                self.problem(name, message);
                Vec::new()
            }
            None if required => {
                self.report_missing(name, || format!("missing, expected a list: {doc}"));
                Vec::new()
            }
            None => Vec::new(),
        }
    }

    /// A list of sections of one form, or one section of another: `Ok` for the list.
    /// `None` where it is neither.
    pub fn list_or_section<A, B>(
        &mut self,
        name: &'static str,
        doc: &'static str,
        mut item: impl FnMut(&mut Section<'_>, usize) -> A,
        section: impl FnOnce(&mut Section<'_>) -> B,
    ) -> Option<std::result::Result<Vec<A>, B>> {
        let path = self.style.key(&self.path, name);
        if let Source::Description = self.source {
            let (value, list) = self.child(Source::Description, path.clone(), |s| item(s, 0));
            let (_, single) = self.child(Source::Description, path, section);
            let shape = Shape::ListOrSection(list.fields, single.fields);
            self.describe(name, doc, Presence::Required, shape);
            return Some(Ok(vec![value]));
        }
        self.known.push(name);
        match self.node(name) {
            Some(Node {
                value: Value::Array(items),
                ..
            }) => Some(Ok(self.items(name, items, item))),
            Some(
                node @ Node {
                    value: Value::Table(_),
                    ..
                },
            ) => Some(Err(self.child(Source::Table(node), path, section).0)),
            Some(other) => {
                let message = format!("expected {doc}, found {}", other.value);
                self.problem(name, message);
                None
            }
            None => {
                self.report_missing(name, || format!("missing, expected {doc}"));
                None
            }
        }
    }

    /// A key that another took the place of; where the file has it the problem says which.
    pub fn retired(&mut self, name: &'static str, instead: &str) {
        if self.has(name) {
            self.known.push(name);
            self.problem(name, instead);
        }
    }

    /// Whether the file has the key.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.node(name).is_some()
    }

    /// Reports a problem of the key `name`, or of the section itself where that is empty. A section
    /// that is absent has none but that.
    pub fn problem(&mut self, name: &str, message: impl Into<String>) {
        let Source::Table(table) = self.source else {
            return;
        };
        let path = match name {
            "" => self.path.clone(),
            name => self.style.key(&self.path, name),
        };
        let origin = table.get(name).unwrap_or(table).origin;
        self.report(origin, path, message.into());
    }
}

/// What a section leaves behind.
struct Done {
    missing: Vec<&'static str>,
    fields: Vec<Field>,
}

impl<'a> Section<'a> {
    fn new(
        source: Source<'a>,
        file: &'a str,
        style: PathStyle,
        problems: &'a mut Problems,
    ) -> Self {
        Self {
            source,
            file,
            style,
            path: String::new(),
            problems,
            known: Vec::new(),
            missing: Vec::new(),
            fields: Vec::new(),
        }
    }

    fn node(&self, name: &str) -> Option<&'a Node> {
        match self.source {
            Source::Table(node) => node.get(name),
            Source::Absent | Source::Description => None,
        }
    }

    /// The checked value of a key; `None` where it is absent.
    fn value<K: Kind>(&mut self, name: &'static str, kind: &K) -> Option<K::Out> {
        self.known.push(name);
        let node = self.node(name)?;
        Some(kind.read(&node.value).unwrap_or_else(|message| {
            self.problem(name, message);
            kind.fallback()
        }))
    }

    /// The value of the key that decides on the others; `None` where it is missing or wrong.
    fn pick(&mut self, tag: &'static str, kind: Choice<'_, usize>) -> Option<usize> {
        self.known.push(tag);
        let Some(node) = self.node(tag) else {
            self.report_missing(tag, || format!("missing, expected {}", kind.expected()));
            return None;
        };
        let picked = kind.read(&node.value);
        picked.map_err(|message| self.problem(tag, message)).ok()
    }

    /// Whether keys are described, and there is no file.
    pub(super) fn is_description(&self) -> bool {
        matches!(self.source, Source::Description)
    }

    fn child_source(&mut self, name: &'static str) -> Source<'a> {
        self.known.push(name);
        match (self.source, self.node(name)) {
            (Source::Description, _) => Source::Description,
            (_, Some(node)) => Source::Table(node),
            (_, None) => Source::Absent,
        }
    }

    fn child<T>(
        &mut self,
        mut source: Source<'_>,
        path: String,
        f: impl FnOnce(&mut Section<'_>) -> T,
    ) -> (T, Done) {
        let mut is_section = true;
        if let Source::Table(node) = source
            && !matches!(node.value, Value::Table(_))
        {
            let message = format!("expected a section, found {}", node.value);
            self.report(node.origin, path.clone(), message);
            (source, is_section) = (Source::Absent, false);
        }
        let mut child = Section::new(source, self.file, self.style, &mut *self.problems);
        child.path = path;
        let value = f(&mut child);
        child.report_unknown();
        let missing = if is_section {
            child.missing
        } else {
            Vec::new()
        };
        let fields = child.fields;
        (value, Done { missing, fields })
    }

    fn items<T>(
        &mut self,
        name: &str,
        items: &[Node],
        mut f: impl FnMut(&mut Section<'_>, usize) -> T,
    ) -> Vec<T> {
        let path = self.style.key(&self.path, name);
        let read = |(i, item)| {
            let path = self.style.index(&path, i);
            self.child(Source::Table(item), path, |s| f(s, i)).0
        };
        items.iter().enumerate().map(read).collect()
    }

    fn describe_value<K: Kind>(
        &mut self,
        name: &'static str,
        kind: &K,
        doc: &'static str,
        presence: Presence,
    ) {
        if self.is_description() {
            let (expected, schema) = (kind.expected(), kind.schema());
            self.describe(name, doc, presence, Shape::Value { expected, schema });
        }
    }

    fn describe(
        &mut self,
        name: &'static str,
        doc: &'static str,
        presence: Presence,
        shape: Shape,
    ) {
        if self.is_description() {
            self.fields.push(Field {
                name,
                doc,
                presence,
                shape,
            });
        }
    }

    fn report_missing(&mut self, name: &'static str, message: impl FnOnce() -> String) {
        match self.source {
            Source::Table(_) => self.problem(name, message()),
            Source::Absent => self.missing.push(name),
            Source::Description => {}
        }
    }

    fn report_missing_section(&mut self, name: &'static str, child: &Done) {
        if !child.missing.is_empty() {
            let keys = child.missing.join(", ");
            self.report_missing(name, || format!("missing, expected a section with {keys}"));
        }
    }

    fn report_unknown(&mut self) {
        let Source::Table(Node {
            value: Value::Table(entries),
            ..
        }) = self.source
        else {
            return;
        };
        for (key, node) in entries {
            if !self.known.contains(&key.as_str()) {
                let path = self.style.key(&self.path, key);
                let message = unknown("key", key, &self.known);
                self.report(node.origin, path, message);
            }
        }
    }

    fn report(&mut self, origin: Origin, path: String, message: String) {
        let (file, line) = match origin {
            Origin::Override => ("--set", None),
            Origin::Line(line) => (self.file, Some(line)),
            Origin::File => (self.file, None),
        };
        self.problems.push(Problem {
            file: file.to_owned(),
            line,
            path,
            message,
        });
    }
}

/// Whether some key must be there: one, or one of two, which is an error without the other.
fn needs_a_key(fields: &[Field]) -> bool {
    fields.iter().any(|field| match field.presence {
        Presence::Required => true,
        Presence::Optional(without) => without.starts_with("error"),
        Presence::Default(_) => false,
    })
}
