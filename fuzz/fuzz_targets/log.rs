//! The log of an MTA, into which clients, senders, servers and DNS write: what is counted of it happened, and is
//! told of nobody else; where nobody misleads and no line is missing, all that happened is counted.
//!
//! Input: an octet that says in which of two forms the rest is. What happens, from which the lines are made
//! (`mta` in src); or the octets of the lines themselves.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mandatory_tls_fuzz::mta::reader::{read, wrong};

fuzz_target!(|data: &[u8]| {
    let Some((form, input)) = data.split_first() else {
        return;
    };
    if form & 1 == 0 {
        if let Some(wrong) = wrong(input) {
            panic!("{wrong}");
        }
        return;
    }
    let text = String::from_utf8_lossy(input);
    let told = read(text.lines());
    // Each line tells of little: of a client, a hundred handshakes at most are open.
    let most = 100 * (text.lines().count() + 1).pow(2);
    let count = told.prints.len();
    assert!(count <= most, "{count} of {} lines", text.lines().count());
});
