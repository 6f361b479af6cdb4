//! `wayside schema`.

use crate::args::{Schema, SchemaKind};
use crate::console::{Outcome, print};

pub(crate) fn execute(args: &Schema) -> Outcome {
    let schema = match args.kind {
        SchemaKind::Scenario => wayside_core::scenario::schema(),
        SchemaKind::Study => wayside_study::studies::schema(),
        SchemaKind::Slot => wayside_core::slot::schema(),
        SchemaKind::Result => wayside_study::summary::schema(),
        SchemaKind::Decision => wayside_study::decision::schema(),
    };
    print(&format!("{schema:#}\n"))
}
