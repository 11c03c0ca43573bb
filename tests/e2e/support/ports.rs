//! TCP ports for servers that must be told their ports before they start, in many tests at once.

use std::net::{Ipv4Addr, TcpListener};

/// Ports a block has. The last one is its lock.
const SIZE: u16 = 10;
/// Below the ports that Linux gives to outgoing connections (32768 and up by default).
const RANGE: std::ops::Range<u16> = 10_000..32_000;

/// A block of free ports, ours for as long as this lives: its last port stays bound by this process,
/// so that no other test, of this process or another, takes the block.
pub struct PortBlock {
    first: u16,
    _lock: TcpListener,
}

impl PortBlock {
    /// Takes a free block.
    pub fn claim() -> Self {
        let blocks = (RANGE.end - RANGE.start) / SIZE;
        // Processes start looking at different places.
        let start = u16::try_from(std::process::id() % u32::from(blocks)).expect("less than a u16");
        (0..blocks)
            .map(|n| RANGE.start + (start + n) % blocks * SIZE)
            .find_map(Self::claim_at)
            .expect("a free block of ports")
    }

    fn claim_at(first: u16) -> Option<Self> {
        let lock = TcpListener::bind((Ipv4Addr::LOCALHOST, first + SIZE - 1)).ok()?;
        // Something else on this machine may have one of them.
        (first..first + SIZE - 1)
            .all(|port| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok())
            .then_some(Self { first, _lock: lock })
    }

    /// The first port.
    pub fn first(&self) -> u16 {
        self.first
    }
}
