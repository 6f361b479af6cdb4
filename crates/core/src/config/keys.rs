//! Fields of structs as keys of sections: the same definition reads, describes and writes them.

use super::{Float, Form, Kind, Presence, Section, Writer};

/// Binds fields to keys, one call a key, in the order of the section.
///
/// While it reads, it sets each field to what the section says, and [`Section`] finds the problems; while it writes, it
/// hands each field to a [`Writer`].
#[derive(Debug)]
pub enum Keys<'k, 's> {
    /// Fields are set.
    Read(&'k mut Section<'s>),
    /// Fields are written.
    Write(&'k mut Writer),
}

impl Keys<'_, '_> {
    /// A key that must be there.
    pub fn required<K: Kind>(
        &mut self,
        name: &'static str,
        kind: K,
        field: &mut K::Out,
        doc: &'static str,
    ) {
        match self {
            Self::Read(s) => *field = s.required(name, kind, doc),
            Self::Write(_) => self.write(name, &kind, field),
        }
    }

    /// A key whose default is what the field holds.
    pub fn default<K: Kind<Out: Clone>>(
        &mut self,
        name: &'static str,
        kind: K,
        field: &mut K::Out,
        doc: &'static str,
    ) {
        match self {
            Self::Read(s) => *field = s.default(name, kind, field.clone(), doc),
            Self::Write(_) => self.write(name, &kind, field),
        }
    }

    /// A key with a default that is written only where the field differs from it, for keys that came later: the text of
    /// older scenarios, and so their hash, stays.
    pub fn added<K: Kind<Out: Clone + PartialEq>>(
        &mut self,
        name: &'static str,
        kind: K,
        default: K::Out,
        field: &mut K::Out,
        doc: &'static str,
    ) {
        match self {
            Self::Read(s) => *field = s.default(name, kind, default, doc),
            Self::Write(_) if *field == default => {}
            Self::Write(_) => self.write(name, &kind, field),
        }
    }

    /// A key that may be left out, with the effect `without`.
    pub fn optional<K: Kind>(
        &mut self,
        name: &'static str,
        kind: K,
        without: &'static str,
        field: &mut Option<K::Out>,
        doc: &'static str,
    ) {
        match (&mut *self, field) {
            (Self::Read(s), field) => *field = s.optional(name, kind, without, doc),
            (Self::Write(_), Some(value)) => self.write(name, &kind, value),
            (Self::Write(_), None) => {}
        }
    }

    /// A key that may be left out where `common` knows its value.
    pub fn inherited<K: Kind>(
        &mut self,
        name: &'static str,
        kind: K,
        (common, from): (Option<K::Out>, &'static str),
        field: &mut K::Out,
        doc: &'static str,
    ) {
        match self {
            Self::Read(s) => *field = s.inherited(name, kind, common, from, doc),
            Self::Write(_) => self.write(name, &kind, field),
        }
    }

    /// A section; where it is absent all its keys take their defaults, if they have any.
    pub fn section<T>(
        &mut self,
        name: &'static str,
        doc: &'static str,
        f: impl FnOnce(&mut Keys<'_, '_>) -> T,
    ) -> T {
        match self {
            Self::Read(s) => s.section(name, doc, |s| f(&mut Keys::Read(s))),
            Self::Write(w) => w.table(name, false, |w| f(&mut Keys::Write(w))),
        }
    }

    /// A section that may be left out, with the effect `without`.
    pub fn optional_section<T: Default>(
        &mut self,
        name: &'static str,
        without: &'static str,
        doc: &'static str,
        field: &mut Option<T>,
        keys: impl FnOnce(&mut T, &mut Keys<'_, '_>),
    ) {
        match (self, field) {
            (Self::Read(s), field) => {
                *field = s.optional_section(name, without, doc, |s| {
                    let mut value = T::default();
                    keys(&mut value, &mut Keys::Read(s));
                    value
                });
            }
            (Self::Write(w), Some(value)) => {
                w.table(name, false, |w| keys(value, &mut Keys::Write(w)));
            }
            (Self::Write(_), None) => {}
        }
    }

    /// A section whose keys depend on the key `tag`. Each form is its name, its meaning and a value of it to begin with;
    /// `keys` binds those of the form that it gets. Whether the tag named a form.
    pub fn variants<T: Clone>(
        &mut self,
        (name, tag): (&'static str, &'static str),
        doc: &'static str,
        forms: &[(&'static str, &'static str, T)],
        field: &mut T,
        keys: impl Fn(&mut T, &mut Keys<'_, '_>),
    ) -> bool {
        match self {
            Self::Read(s) => {
                let read = |form: &T, s: &mut Section<'_>| {
                    let mut value = form.clone();
                    keys(&mut value, &mut Keys::Read(s));
                    value
                };
                let readers: Vec<_> = forms
                    .iter()
                    .map(|(_, _, form)| |s: &mut Section<'_>| read(form, s))
                    .collect();
                let named = forms.iter().zip(&readers);
                let forms: Vec<Form<'_, T>> = named
                    .map(|(&(name, doc, _), reader)| (name, doc, reader as _))
                    .collect();
                let value = s.variants(name, tag, doc, &forms);
                let found = value.is_some();
                value.into_iter().for_each(|value| *field = value);
                found
            }
            Self::Write(w) => {
                let form = std::mem::discriminant(field);
                let is_it = |(_, _, value): &&(_, _, T)| std::mem::discriminant(value) == form;
                let word = forms.iter().find(is_it).map_or("", |&(word, _, _)| word);
                w.table(name, false, |w| {
                    w.key(tag, word.into(), format!("{word:?}"));
                    keys(field, &mut Keys::Write(w));
                });
                true
            }
        }
    }

    /// A list of sections; `keys` gets the index too.
    pub fn list<T: Default>(
        &mut self,
        name: &'static str,
        presence: Presence,
        doc: &'static str,
        field: &mut Vec<T>,
        mut keys: impl FnMut(&mut T, &mut Keys<'_, '_>, usize),
    ) {
        match self {
            Self::Read(s) => {
                *field = s.list(name, presence, doc, |s, i| item(s, i, &mut keys));
            }
            Self::Write(w) => items(w, name, field, keys),
        }
    }

    /// A list of sections, or else one section of another form. `is_list` tells which of them is written, and then which
    /// of them was read; `None` where it is neither.
    pub fn list_or_section<T: Default>(
        &mut self,
        name: &'static str,
        doc: &'static str,
        is_list: bool,
        field: &mut Vec<T>,
        mut keys: impl FnMut(&mut T, &mut Keys<'_, '_>, usize),
        section: impl FnOnce(&mut Keys<'_, '_>),
    ) -> Option<bool> {
        match self {
            Self::Read(s) => {
                let list = |s: &mut Section<'_>, i| item(s, i, &mut keys);
                match s.list_or_section(name, doc, list, |s| section(&mut Keys::Read(s)))? {
                    Ok(list) => *field = list,
                    Err(()) => return Some(false),
                }
                Some(true)
            }
            Self::Write(w) => {
                match is_list {
                    true => items(w, name, field, keys),
                    false => w.table(name, false, |w| section(&mut Keys::Write(w))),
                }
                Some(is_list)
            }
        }
    }

    /// The section while it is read: for checks between keys, and for keys that are read but never written.
    pub fn check<T>(&mut self, f: impl FnOnce(&mut Section<'_>) -> T) -> Option<T> {
        match self {
            Self::Read(s) => Some(f(s)),
            Self::Write(_) => None,
        }
    }

    /// Reports a problem of the key `name`, or of the section itself where that is empty.
    pub fn problem(&mut self, name: &str, message: impl Into<String>) {
        self.check(|s| s.problem(name, message));
    }

    /// Whether the section that is read has the key.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        match self {
            Self::Read(s) => s.has(name),
            Self::Write(_) => false,
        }
    }

    /// Whether keys are described, and there is no file.
    #[must_use]
    pub fn describes(&self) -> bool {
        match self {
            Self::Read(s) => s.is_description(),
            Self::Write(_) => false,
        }
    }

    /// A number that must be there, unless `instead` is.
    pub fn either(
        &mut self,
        name: &'static str,
        kind: Float,
        instead: &'static str,
        field: &mut Option<f64>,
        doc: &'static str,
    ) {
        self.optional(name, kind, instead, field, doc);
        if field.is_none() && !self.writes() {
            let message = format!("missing, expected {}: {doc}", kind.expected());
            self.problem(name, message);
        }
    }

    /// Whether fields are written.
    #[must_use]
    pub fn writes(&self) -> bool {
        matches!(self, Self::Write(_))
    }

    fn write<K: Kind>(&mut self, name: &'static str, kind: &K, field: &K::Out) {
        if let Self::Write(w) = self {
            w.key(name, kind.show(field), kind.toml(field));
        }
    }
}

fn item<T: Default>(
    s: &mut Section<'_>,
    i: usize,
    keys: &mut impl FnMut(&mut T, &mut Keys<'_, '_>, usize),
) -> T {
    let mut value = T::default();
    keys(&mut value, &mut Keys::Read(s), i);
    value
}

fn items<T>(
    w: &mut Writer,
    name: &'static str,
    list: &mut [T],
    mut keys: impl FnMut(&mut T, &mut Keys<'_, '_>, usize),
) {
    if list.is_empty() {
        w.key(name, serde_json::json!([]), "[]".to_owned());
    }
    for (i, value) in list.iter_mut().enumerate() {
        w.table(name, true, |w| keys(value, &mut Keys::Write(w), i));
    }
}

/// A struct whose fields are keys of a section: each with its meaning, its default and its kind, in one place.
///
/// ```ignore
/// section! {
///     /// `[time]`.
///     #[derive(Clone, Debug)]
///     pub struct Time {
///         /// length of a slot [s]
///         slot_s: f64 = default(1.0, Float::POSITIVE),
///     }
/// }
/// ```
///
/// The comment of a field is what the reference page says. The other ways to be a key are `required(KIND)`,
/// `optional(KIND, EFFECT_WITHOUT)`, `added(DEFAULT, KIND)`, which is written only where it differs from its default, and
/// `bound(DEFAULT, FUNCTION)` with a function that binds the keys itself.
#[macro_export]
macro_rules! section {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $(
                $(#[doc = $doc:literal])+
                $field:ident: $type:ty = $how:ident($($arg:expr),+ $(,)?),
            )+
        }
    ) => {
        $(#[$meta])*
        // units in brackets are not links
        #[allow(rustdoc::broken_intra_doc_links)]
        pub struct $name {
            $( $(#[doc = $doc])+ pub $field: $type, )+
        }

        impl Default for $name {
            fn default() -> Self {
                Self {
                    $( $field: $crate::config::section!(@value $how($($arg),+)), )+
                }
            }
        }

        impl $name {
            /// Binds the fields to their keys.
            pub(crate) fn keys(&mut self, k: &mut $crate::config::Keys<'_, '_>) {
                $(
                    let (name, doc) = (stringify!($field), concat!($($doc),+).trim_start());
                    $crate::config::section!(@key k, name, &mut self.$field, doc, $how($($arg),+));
                )+
            }
        }
    };
    (@value default($value:expr, $kind:expr)) => { $value };
    (@value added($value:expr, $kind:expr)) => { $value };
    (@value bound($value:expr, $keys:expr)) => { $value };
    (@value $how:ident($($arg:expr),+)) => { Default::default() };
    (@key $k:ident, $name:ident, $field:expr, $doc:ident, required($kind:expr)) => {
        $k.required($name, $kind, $field, $doc)
    };
    (@key $k:ident, $name:ident, $field:expr, $doc:ident, default($value:expr, $kind:expr)) => {
        $k.default($name, $kind, $field, $doc)
    };
    (@key $k:ident, $name:ident, $field:expr, $doc:ident, added($value:expr, $kind:expr)) => {
        $k.added($name, $kind, $value, $field, $doc)
    };
    (@key $k:ident, $name:ident, $field:expr, $doc:ident, optional($kind:expr, $without:expr)) => {
        $k.optional($name, $kind, $without, $field, $doc)
    };
    (@key $k:ident, $name:ident, $field:expr, $doc:ident, bound($value:expr, $keys:expr)) => {
        { let (_, _) = ($name, $doc); $keys($field, $k) }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Count, Document, Float, read};

    section! {
        /// All ways to be a key.
        #[allow(unreachable_pub)]
        #[derive(Clone, Debug, PartialEq)]
        pub struct Ways {
            /// length [m]
            length_m: f64 = required(Float::POSITIVE),
            /// height [m],
            /// in two lines
            height_m: f64 = default(2.0, Float::POSITIVE),
            /// speed [m/s]
            speed_mps: Option<f64> = optional(Float::ANY, "it stands"),
            /// came later
            passes: usize = added(3, Count { min: 1, max: 9 }),
        }
    }

    fn text(ways: &Ways) -> String {
        let mut writer = Writer::default();
        ways.clone().keys(&mut Keys::Write(&mut writer));
        writer.toml(&[])
    }

    #[test]
    fn closed_form_a_section_reads_what_it_writes() {
        let mut ways = Ways {
            length_m: 0.5,
            ..Ways::default()
        };
        assert_eq!(text(&ways), "length_m = 0.5\nheight_m = 2.0\n");
        (ways.speed_mps, ways.passes) = (Some(1e-5), 4);
        let written = text(&ways);
        assert!(written.ends_with("speed_mps = 1e-5\npasses = 4\n"));
        let document = Document::from_toml("", &written).unwrap();
        let again = read(&document, |s| {
            let mut ways = Ways::default();
            ways.keys(&mut Keys::Read(s));
            Some(ways)
        });
        assert_eq!(again.unwrap(), ways);
        let fields = crate::config::describe(|s| Ways::default().keys(&mut Keys::Read(s)));
        assert_eq!(fields[1].doc, "height [m], in two lines");
    }
}
