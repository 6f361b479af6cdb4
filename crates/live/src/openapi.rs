//! The description of the interface: OpenAPI 3.1, from the table of operations and the types that they read and write.

use crate::problem::Problem;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};

/// What a body holds.
#[derive(Clone, Copy)]
pub(crate) enum Content {
    /// JSON of a type that derives its schema.
    Type(fn(&mut SchemaGenerator) -> Value),
    /// JSON of a schema under that name: what the decoder of the input says of itself.
    Named(&'static str, fn() -> Value),
    /// Text of that type.
    Text(&'static str),
}

/// A parameter in the path, the query or a header.
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) place: &'static str,
    pub(crate) doc: &'static str,
    pub(crate) schema: fn() -> Value,
}

/// A method of a route.
pub(crate) struct Operation {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) parameters: &'static [Parameter],
    pub(crate) body: Option<Content>,
    /// Status, meaning and content of the answer that is a success.
    pub(crate) answer: (u16, &'static str, Option<Content>),
    /// Statuses of the problems that it may answer with.
    pub(crate) problems: &'static [u16],
}

/// The schema of `T`, as a reference into the document.
pub(crate) fn of_type<T: schemars::JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    generator.subschema_for::<T>().into()
}

/// Any text.
pub(crate) fn text() -> Value {
    json!({ "type": "string" })
}

/// What every route may answer with: a bad head, no token, too slow, another host, too much, at its end.
const COMMON: [u16; 6] = [400, 401, 408, 421, 429, 503];

/// The document.
pub(crate) fn document(operations: &[Operation]) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let (mut paths, mut named) = (Map::new(), Map::new());
    let problem = of_type::<Problem>(&mut generator);
    for operation in operations {
        let value = described(operation, &problem, &mut generator, &mut named);
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method.to_lowercase()] = value;
    }
    let mut schemas = generator.take_definitions(true);
    schemas.extend(named);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Wayside live",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Decides where tasks of vehicles run: on the vehicle, an RSU, or another RSU over the backhaul.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
        },
        "security": [{ "token": [] }, {}],
    })
}

fn described(
    operation: &Operation,
    problem: &Value,
    generator: &mut SchemaGenerator,
    named: &mut Map<String, Value>,
) -> Value {
    let mut responses = Map::new();
    let (status, doc, answer) = operation.answer;
    let mut success = json!({ "description": doc });
    if let Some(answer) = answer {
        success["content"] = content(answer, generator, named);
    }
    responses.insert(status.to_string(), success);
    let mut statuses: Vec<_> = COMMON.iter().chain(operation.problems).collect();
    statuses.sort_unstable();
    statuses.dedup();
    for status in statuses {
        let title = axum::http::StatusCode::from_u16(*status).ok();
        let title = title.and_then(|status| status.canonical_reason());
        let content = json!({ "application/problem+json": { "schema": problem } });
        let described = json!({ "description": title.unwrap_or_default(), "content": content });
        responses.insert(status.to_string(), described);
    }
    let parameter = |p: &Parameter| {
        json!({
            "name": p.name,
            "in": p.place,
            "required": p.place == "path",
            "description": p.doc,
            "schema": (p.schema)(),
        })
    };
    let mut value = json!({
        "summary": operation.summary,
        "parameters": operation.parameters.iter().map(parameter).collect::<Vec<_>>(),
        "responses": responses,
    });
    if let Some(body) = operation.body {
        let content = content(body, generator, named);
        value["requestBody"] = json!({ "required": true, "content": content });
    }
    value
}

fn content(
    content: Content,
    generator: &mut SchemaGenerator,
    named: &mut Map<String, Value>,
) -> Value {
    let (kind, schema) = match content {
        Content::Type(schema) => ("application/json", schema(generator)),
        Content::Named(name, schema) => {
            let mut schema = schema();
            schema
                .as_object_mut()
                .map(|schema| schema.remove("$schema"));
            named.insert(name.to_owned(), schema);
            let reference = format!("#/components/schemas/{name}");
            ("application/json", json!({ "$ref": reference }))
        }
        Content::Text(kind) => (kind, text()),
    };
    json!({ kind: { "schema": schema } })
}
