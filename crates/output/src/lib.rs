//! Result folders, written whole, beside files that are the user's.
//!
//! A [`Folder`] stages files in `.wayside/` below the folder and commits them together; its manifest lists what it
//! wrote, and nothing else in the folder is ever touched. For the reasons see `docs/decisions/0033-result-folders.md`.

mod commit;
mod file;
mod folder;
mod lock;
mod name;

pub use file::{Draft, check_file, replace_file};
pub use folder::{Folder, Kind, Request};
pub use lock::holds_nothing_finished;
pub use name::{MAX_NAME_BYTES, is_plain_name};
