//! `TensorBoard` event files: records of protocol buffers, written by hand.
//!
//! Two dozen lines: `tensorboard-rs`, the one crate for it, has had no release since 2021 and brings protobuf and image.
//! A record is `length u64, masked crc32c of it, bytes, masked crc32c of them`; the bytes are an `Event` of
//! `event.proto`: wall time (1, f64), step (2, varint), and a summary (5) of values (1) with tag (1) and number (2, f32).

use std::io::{self, Write};

/// CRC-32C (Castagnoli), by bits from a table of bytes.
fn crc32c(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut i = 0;
        while i < 256 {
            let (mut crc, mut bit) = (i as u32, 0);
            while bit < 8 {
                crc = (crc >> 1) ^ (0x82f6_3b78 * (crc & 1));
                bit += 1;
            }
            table[i] = crc;
            i += 1;
        }
        table
    };
    !bytes.iter().fold(!0, |crc: u32, &byte| {
        (crc >> 8) ^ TABLE[usize::from(crc as u8 ^ byte)]
    })
}

/// As the format stores it, so that checksums of checksums differ.
fn masked(bytes: &[u8]) -> u32 {
    crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A field of bytes: its number, their length, they.
fn field(number: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(number << 3 | 2);
    varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn record(bytes: &[u8], to: &mut impl Write) -> io::Result<()> {
    let length = (bytes.len() as u64).to_le_bytes();
    to.write_all(&length)?;
    to.write_all(&masked(&length).to_le_bytes())?;
    to.write_all(bytes)?;
    to.write_all(&masked(bytes).to_le_bytes())
}

fn event(wall_s: f64, step: u64) -> Vec<u8> {
    let mut event = vec![1 << 3 | 1];
    event.extend_from_slice(&wall_s.to_le_bytes());
    event.push(2 << 3);
    varint(step, &mut event);
    event
}

/// The record that every file starts with.
pub(crate) fn start(wall_s: f64, to: &mut impl Write) -> io::Result<()> {
    let mut event = event(wall_s, 0);
    field(3, b"brain.Event:2", &mut event);
    record(&event, to)
}

/// One record with the values of one step.
pub(crate) fn scalars<'a>(
    wall_s: f64,
    step: u64,
    values: impl Iterator<Item = (&'a str, f64)>,
    to: &mut impl Write,
) -> io::Result<()> {
    let mut summary = Vec::new();
    for (tag, value) in values {
        let mut one = Vec::new();
        field(1, tag.as_bytes(), &mut one);
        one.push(2 << 3 | 5);
        one.extend_from_slice(&(value as f32).to_le_bytes());
        field(1, &one, &mut summary);
    }
    let mut event = event(wall_s, step);
    field(5, &summary, &mut event);
    record(&event, to)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check value of the catalogue of CRCs, and RFC 3720, B.4: 32 bytes of zeros.
    #[test]
    fn closed_form_crc32c_has_its_published_values() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
    }

    /// Bytes of one event, by hand from the definition of the format.
    #[test]
    fn closed_form_an_event_by_hand() {
        let mut bytes = Vec::new();
        scalars(1.0, 300, [("a", 2.0)].into_iter(), &mut bytes).unwrap();
        let event = [
            &[0x09][..], // wall time
            &1.0f64.to_le_bytes(),
            &[0x10, 0xac, 0x02],                       // step 300
            &[0x2a, 10, 0x0a, 8, 0x0a, 1, b'a', 0x15], // summary, value, tag, number
            &2.0f32.to_le_bytes(),
        ]
        .concat();
        assert_eq!(&bytes[..8], (event.len() as u64).to_le_bytes());
        assert_eq!(&bytes[12..12 + event.len()], event);
        assert_eq!(bytes.len(), event.len() + 16);
    }
}
