//! Asking a server to end.

use std::sync::Arc;
use tokio::sync::watch;

/// Asks a server to end; clones ask the same one.
#[derive(Clone, Debug)]
pub struct Stop(Arc<watch::Sender<bool>>);

impl Default for Stop {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl Stop {
    /// Asks for the end; whether that had been asked for before.
    pub fn ask(&self) -> bool {
        self.0.send_replace(true)
    }

    /// Asks when standard input ends, as it does with the process that writes to it, however that ends.
    pub fn ask_with_stdin(&self) {
        let stop = self.clone();
        std::thread::spawn(move || {
            _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
            stop.ask();
        });
    }

    /// Whether somebody has asked.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        *self.0.borrow()
    }

    /// Until somebody asks.
    pub(crate) async fn asked(&self) {
        // the sender is this one, so waiting never fails
        let _ = self.0.subscribe().wait_for(|&asked| asked).await;
    }
}
