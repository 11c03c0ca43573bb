//! The recordings of real MTAs in tests/fixtures/traces; its README says what they hold.

use serde::Deserialize;
use std::{fs, path::Path};

/// What a recording says of its session beside the packets.
#[derive(Deserialize)]
pub struct Header {
    /// How the recording milter had negotiated.
    pub negotiation: String,
    /// The SMTP client's side of the dialogue.
    pub transcript: Vec<(char, String)>,
    /// What the MTA logged of TLS.
    pub mta_log: Vec<String>,
}

/// One recording.
pub struct Recording {
    /// The name of the scenario, with the MTA's.
    pub name: String,
    pub header: Header,
    /// All packets in their order, each whole, with the number of its milter connection.
    pub packets: Vec<(u32, Vec<u8>)>,
}

/// All recordings, by name.
pub fn recordings() -> Vec<Recording> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/traces");
    let mut paths: Vec<_> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    paths.sort();
    paths.iter().map(|path| recording(path)).collect()
}

fn recording(path: &Path) -> Recording {
    #[derive(Deserialize)]
    struct Packet {
        conn: u32,
        hex: String,
    }
    let text = fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let header = serde_json::from_str(lines.next().unwrap()).unwrap();
    let packets = lines.map(|line| {
        let packet: Packet = serde_json::from_str(line).unwrap();
        (packet.conn, octets(&packet.hex))
    });
    let name = path.file_stem().unwrap().to_string_lossy().into_owned();
    Recording { name, header, packets: packets.collect() }
}

fn octets(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}
