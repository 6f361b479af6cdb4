//! The `wayside` program.

mod huge_pages;

use std::process::ExitCode;
use wayside_study::studies::plan;

#[global_allocator]
static ALLOCATOR: huge_pages::HugePages = huge_pages::HugePages;

fn main() -> ExitCode {
    huge_pages::HugePages::give_back_soon();
    ExitCode::from(wayside_cli::main(std::env::args_os(), plan::build()))
}
