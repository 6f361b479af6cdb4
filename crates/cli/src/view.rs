//! `wayside view`.

use crate::console::{Outcome, print};
use clap::Args;
use std::net::SocketAddr;
use std::path::PathBuf;
use wayside_core::Error;
use wayside_live::Stop;
use wayside_study::playback::Playback;

/// Play a finished run in the browser.
///
/// RESULTS is a folder that `wayside run --playback --out RESULTS` wrote. The page is that of `wayside serve`: the map with vehicles, loads, uploads and
/// migrations, and the numbers of the slot; with the seed and the policy to choose, a bar to seek, and the speed. It needs no
/// network, and only this machine can reach it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  wayside run lin2025 --policy mcatm,ect --seeds 0 --playback --out results/
  wayside view results/

Keys of the page: space plays and pauses, [ and ] step, < and > change the speed, + and - zoom, arrows move, 0 shows all.
Ctrl-C ends it, with exit code 0.")]
pub(crate) struct View {
    /// Folder of results.
    pub(crate) results: PathBuf,
    /// Where to listen, on loopback; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:7078")]
    pub(crate) listen: SocketAddr,
}

pub(crate) fn execute(args: &View) -> Outcome {
    if !args.listen.ip().is_loopback() {
        let message = format!(
            "{} is not loopback, and only this machine may view",
            args.listen
        );
        return Err(Error::invalid("--listen", None, "", message).into());
    }
    let playback = Playback::open(&args.results)?;
    for file in ["tasks.parquet", "slots.parquet"] {
        let path = args.results.join(file);
        if !path.is_file() {
            let message = "is missing: the page shows what is in it; `wayside run --playback --out DIR` writes it";
            let path = path.display().to_string();
            return Err(Error::invalid(path, None, "", message).into());
        }
    }
    // a closed pipe stops nothing
    let tell = |address| _ = print(&format!("playing at http://{address}\n"));
    Ok(wayside_live::view(
        playback,
        args.listen,
        &Stop::default(),
        true,
        tell,
    )?)
}
