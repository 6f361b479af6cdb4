//! Any bytes are a datagram, a message or a configuration of agents, or an error, never a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wayside_live::{Direction, Key, NetFile, datagram, packet};

fuzz_target!(|bytes: &[u8]| {
    let key = Key::of(b"0123456789abcdef0123456789abcdef");
    _ = packet(&key, bytes);
    // and what comes from somebody with the key
    if let Ok(packet) = packet(&key, &key.sealed(bytes)) {
        _ = datagram(&key, &packet);
    }
    let mut reads = Direction::new(&key, b"session", true);
    _ = reads.open(bytes);
    _ = reads.open(&reads.forged(bytes));
    if let Ok(text) = std::str::from_utf8(bytes) {
        _ = NetFile::from_toml("fuzz", text);
    }
});
