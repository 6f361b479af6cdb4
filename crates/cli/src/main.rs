//! The `wayside` program.

mod allocator;

use std::process::ExitCode;
use wayside_study::studies::plan;

#[global_allocator]
static ALLOCATOR: allocator::ProgramAllocator = allocator::ProgramAllocator;

fn main() -> ExitCode {
    allocator::ProgramAllocator::give_back_soon();
    ExitCode::from(wayside_cli::main(std::env::args_os(), plan::build()))
}
