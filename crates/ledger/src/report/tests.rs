//! Reports of rows in memory.

use super::{By, Query, Report};
use crate::fixtures::{TODAY, key, row, tls};
use crate::model::key::Key;
use crate::model::reason::RecordedReason;
use crate::model::row::Row;

const QUERY: Query = Query { since: TODAY, of: None, by: By::Peer, verdict: None };

fn report(rows: Vec<Row>) -> Report {
    Report::new(&rows, &QUERY).unwrap()
}

#[test]
fn a_cipher_without_bits_is_not_counted_with_the_same_cipher_that_has_some() {
    let with_bits = |client: &str, bits: &str| {
        let tls = tls("TLSv1.2", "ECDHE-RSA-AES256-GCM-SHA384", bits);
        row(&Key { tls, ..key(client) }, 1)
    };
    // Whichever is read first.
    let clients = [("192.0.2.1", "0"), ("192.0.2.2", "256"), ("192.0.2.3", "0")];
    let report = report(clients.map(|(client, bits)| with_bits(client, bits)).into());
    assert_eq!((report.totals.judged, report.totals.encrypted), (3, 1));
}

#[test]
fn a_reason_of_a_later_release_is_shown_as_it_stands() {
    let mut later = row(&key("192.0.2.1"), 2);
    later.key.reason = RecordedReason::from_word("post-quantum");
    let report = report(vec![later, row(&key("192.0.2.1"), 1)]);
    assert_eq!(report.totals.refused, 3);
    assert_eq!(report.groups[0].reason_words(), ["post-quantum", "plaintext"]);
}
