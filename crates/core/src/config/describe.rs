//! What a document may contain, as JSON Schema and as a Markdown page.

use super::{Field, Presence, Shape, Variant};
use serde_json::{Map, Value as Json, json};
use std::fmt::Write;

/// JSON Schema (draft 2020-12) of a document with these keys.
#[must_use]
pub fn schema(title: &str, fields: &[Field]) -> Json {
    let mut root = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
    });
    if let (Some(root), Json::Object(object)) = (root.as_object_mut(), object(fields)) {
        root.extend(object);
    }
    root
}

fn object(fields: &[Field]) -> Json {
    let properties: Map<_, _> = fields
        .iter()
        .map(|f| (f.name.to_owned(), property(f)))
        .collect();
    let required: Vec<_> = fields
        .iter()
        .filter(|field| field.presence == Presence::Required)
        .map(|field| field.name)
        .collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn property(field: &Field) -> Json {
    let list = |fields| json!({ "type": "array", "items": object(fields) });
    let mut schema = match &field.shape {
        Shape::Value { schema, .. } => schema.clone(),
        Shape::Section(fields) => object(fields),
        Shape::List(fields) => list(fields),
        Shape::ListOrSection(items, section) => json!({ "oneOf": [list(items), object(section)] }),
        Shape::Variants { tag, variants } => {
            let forms: Vec<_> = variants.iter().map(|form| tagged(tag, form)).collect();
            json!({ "oneOf": forms })
        }
    };
    schema["description"] = json!(field.doc);
    if let Presence::Default(default) = &field.presence {
        schema["default"] = default.clone();
    }
    schema
}

fn tagged(tag: &str, form: &Variant) -> Json {
    let mut schema = object(&form.fields);
    schema["description"] = json!(form.doc);
    schema["properties"][tag] = json!({ "const": form.name });
    if let Some(required) = schema["required"].as_array_mut() {
        required.insert(0, json!(tag));
    }
    schema
}

/// One heading and one table of keys per section.
#[must_use]
pub fn markdown(fields: &[Field]) -> String {
    let mut page = String::new();
    let sections = fields
        .iter()
        .filter(|field| !matches!(field.shape, Shape::Value { .. }));
    for field in sections {
        section(&mut page, "", field);
    }
    page
}

fn section(page: &mut String, parent: &str, field: &Field) {
    let path = match parent {
        "" => field.name.to_owned(),
        parent => format!("{parent}.{}", field.name),
    };
    let inner: Vec<&Field> = match &field.shape {
        Shape::Value { .. } => return,
        Shape::Section(fields) => {
            // a section that only groups others has nothing to say itself
            if fields.iter().any(is_value) {
                heading(page, &format!("[{path}]"), field);
                rows(page, fields);
            }
            fields.iter().collect()
        }
        Shape::List(fields) => {
            heading(page, &format!("[[{path}]]"), field);
            rows(page, fields);
            fields.iter().collect()
        }
        Shape::ListOrSection(items, single) => {
            heading(page, &format!("[[{path}]]"), field);
            rows(page, items);
            if single.iter().any(is_value) {
                put(page, format_args!("In place of the list, `[{path}]`:\n\n"));
                rows(page, single);
            }
            items.iter().chain(single).collect()
        }
        Shape::Variants { tag, variants } => {
            heading(page, &format!("[{path}]"), field);
            for form in variants {
                put(
                    page,
                    format_args!("**`{tag} = \"{}\"`**: {}.\n\n", form.name, form.doc),
                );
                rows(page, &form.fields);
            }
            variants.iter().flat_map(|form| &form.fields).collect()
        }
    };
    for field in inner {
        section(page, &path, field);
    }
}

fn is_value(field: &Field) -> bool {
    matches!(field.shape, Shape::Value { .. })
}

fn heading(page: &mut String, title: &str, field: &Field) {
    put(page, format_args!("## `{title}`\n\n{}.", field.doc));
    if let Presence::Optional(without) = field.presence {
        put(page, format_args!(" May be left out: {without}."));
    }
    page.push_str("\n\n");
}

fn rows(page: &mut String, fields: &[Field]) {
    page.push_str("| key | takes | without it | meaning |\n|---|---|---|---|\n");
    for field in fields {
        let Shape::Value { expected, .. } = &field.shape else {
            continue;
        };
        let without = match &field.presence {
            Presence::Required => "error".to_owned(),
            Presence::Default(default) => format!("`{default}`"),
            Presence::Optional(effect) => (*effect).to_owned(),
        };
        let (name, doc) = (field.name, field.doc);
        put(
            page,
            format_args!("| `{name}` | {expected} | {without} | {doc} |\n"),
        );
    }
    page.push('\n');
}

fn put(page: &mut String, text: std::fmt::Arguments<'_>) {
    page.write_fmt(text).expect("a String takes any text");
}
