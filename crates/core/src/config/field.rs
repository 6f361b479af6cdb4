//! The description of a key, for the schema and the reference page.

use serde_json::Value as Json;

/// A key of a section.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// The key.
    pub name: &'static str,
    /// What it means, with its unit in brackets.
    pub doc: &'static str,
    /// What happens without it.
    pub presence: Presence,
    /// What it takes.
    pub shape: Shape,
}

/// What happens without a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Presence {
    /// It must be there.
    Required,
    /// This value is used.
    Default(Json),
    /// It may be left out, with this effect.
    Optional(&'static str),
}

/// What a key takes.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// A value.
    Value {
        /// In words.
        expected: String,
        /// As JSON Schema.
        schema: Json,
    },
    /// A section.
    Section(Vec<Field>),
    /// A list of sections.
    List(Vec<Field>),
    /// A list of sections, or else one section of another form.
    ListOrSection(Vec<Field>, Vec<Field>),
    /// A section whose keys depend on one of them.
    Variants {
        /// The key that decides.
        tag: &'static str,
        /// The forms.
        variants: Vec<Variant>,
    },
}

/// One form of a [`Shape::Variants`].
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// Value of the tag.
    pub name: &'static str,
    /// What it means.
    pub doc: &'static str,
    /// The other keys.
    pub fields: Vec<Field>,
}
