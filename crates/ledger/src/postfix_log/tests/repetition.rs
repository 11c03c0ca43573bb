//! Messages that a filter brings back, and lines that are there twice.

use super::{SESSION, lines, states};

#[test]
fn a_message_that_a_filter_brings_back_is_told_once_with_the_session_of_its_client() {
    let front = [
        "smtpd[1]: connect from a.test[192.0.2.1]",
        "smtpd[1]: Anonymous TLS connection established from a.test[192.0.2.1]: TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)",
    ];
    let first = [
        "smtpd[1]: AAAAAA: client=a.test[192.0.2.1]",
        "cleanup[2]: AAAAAA: message-id=<1@a.test>",
        "qmgr[3]: AAAAAA: from=<b@a.test>, size=1, nrcpt=1 (queue active)",
    ];
    let delivered = [
        "smtp[4]: AAAAAA: to=<x@y.test>, relay=127.0.0.1[127.0.0.1]:10024, status=sent (250 queued as BBBBBB)",
        "qmgr[3]: AAAAAA: removed",
        "lmtp[5]: BBBBBB: to=<x@y.test>, relay=x, status=sent (ok)",
    ];
    let back = |client: &'static str| ["smtpd[9]: connect from localhost[127.0.0.1]", client];
    let before_queue = ["smtpd[1]: NOQUEUE: client=a.test[192.0.2.1]"];
    let message_id = ["cleanup[2]: BBBBBB: message-id=<1@a.test>"];
    for (name, parts) in [
        (
            "XFORWARD",
            [
                &first[..],
                &back(
                    "smtpd[9]: BBBBBB: client=localhost[127.0.0.1], orig_queue_id=AAAAAA, orig_client=a.test[192.0.2.1]",
                ),
                &delivered,
            ],
        ),
        (
            "without XFORWARD",
            [
                &first,
                &[&back("smtpd[9]: BBBBBB: client=localhost[127.0.0.1]")[..], &message_id].concat(),
                &delivered,
            ],
        ),
        (
            "before the queue",
            [
                &before_queue,
                &back(
                    "smtpd[9]: BBBBBB: client=localhost[127.0.0.1], orig_client=a.test[192.0.2.1]",
                ),
                &delivered[2..],
            ],
        ),
        (
            "before the queue, IDENT",
            [
                &before_queue,
                &back(
                    "smtpd[9]: BBBBBB: client=localhost[127.0.0.1], orig_queue_id=NOQUEUE, orig_client=a.test[192.0.2.1]",
                ),
                &delivered[2..],
            ],
        ),
        (
            "before the queue, old form",
            [
                &before_queue,
                &back("smtpd[9]: BBBBBB: client=a.test[192.0.2.1]:61309"),
                &delivered[2..],
            ],
        ),
        ("MailScanner", [&first, &[], &["X"]]),
        (
            "postsuper -r",
            [
                &first,
                &["pickup[7]: BBBBBB: uid=1 from=<b@a.test> orig_id=AAAAAA", message_id[0]],
                &delivered[2..],
            ],
        ),
    ] {
        let mut log = lines(&[&front[..], parts[0], parts[1], parts[2]].concat());
        if name == "MailScanner" {
            log += "Jan  1 00:00:00 mx MailScanner[1]: Requeue: AAAAAA.AE4DF to BBBBBB\n";
            log += &lines(&delivered[2..]);
        }
        assert_eq!(states(&log), [("x@y.test".to_owned(), "TLSv1.3".to_owned())], "{name}");
    }
    // The same Message-ID of others is another message, and so is one that comes later.
    for log in [
        lines(
            &[
                &front[..],
                &first,
                &[
                    "smtpd[9]: connect from b.test[192.0.2.2]",
                    "smtpd[9]: BBBBBB: client=b.test[192.0.2.2]",
                ],
                &message_id,
                &delivered,
            ]
            .concat(),
        ),
        lines(
            &[
                &front[..],
                &first,
                &delivered[..2],
                &back("smtpd[9]: BBBBBB: client=localhost[127.0.0.1]"),
                &message_id,
                &delivered[2..],
            ]
            .concat(),
        ),
    ] {
        assert_eq!(states(&log).len(), 2);
    }
    // Two sessions of one client at a time, one of them in plaintext: nobody knows which it was.
    let other =
        ["smtpd[8]: connect from a.test[192.0.2.1]", "smtpd[8]: NOQUEUE: client=a.test[192.0.2.1]"];
    let log = lines(
        &[
            &front[..],
            &before_queue,
            &other,
            &back("smtpd[9]: BBBBBB: client=localhost[127.0.0.1], orig_client=a.test[192.0.2.1]"),
            &delivered[2..],
        ]
        .concat(),
    );
    assert_eq!(states(&log)[0].1, "unknown");
}

#[test]
fn lines_that_are_there_twice_count_once_one_by_one_and_in_blocks() {
    let doubled: String = SESSION.lines().map(|line| format!("{line}\n{line}\n")).collect();
    let block = format!("{SESSION}{SESSION}");
    let moved = SESSION.replace("Dec 31 23", "Dec 31 22").replace("4dBr7q2kzPz1", "4dBr7q2kzAAA");
    let behind = format!("{SESSION}{moved}{SESSION}");
    for (log, recipients) in [(doubled, 2), (block, 2), (behind, 4)] {
        let found = states(&log);
        assert_eq!(found.len(), recipients, "{found:?}");
        assert!(found.iter().all(|(_, state)| state == "TLSv1.3"), "{found:?}");
    }
}

#[test]
fn a_copy_of_earlier_lines_within_a_session_does_not_end_it() {
    let at = |time: &str, texts: &[&str]| lines(texts).replace("00:00:00", time);
    let early = at(
        "00:00:00",
        &[
            "smtpd[1]: connect from a.test[192.0.2.1]",
            "smtpd[1]: AAAAAA: client=a.test[192.0.2.1]",
            "smtp[2]: AAAAAA: to=<x@y.test>, relay=x, status=sent (ok)",
            "qmgr[3]: AAAAAA: removed",
            "smtpd[1]: disconnect from a.test[192.0.2.1] ehlo=1 mail=1 commands=3",
        ],
    );
    let open = at(
        "00:10:00",
        &[
            "smtpd[1]: connect from b.test[192.0.2.2]",
            "smtpd[1]: BBBBBB: client=b.test[192.0.2.2]",
            "smtp[2]: BBBBBB: to=<z@y.test>, relay=x, status=sent (ok)",
        ],
    );
    let end =
        at("00:10:01", &["smtpd[1]: disconnect from b.test[192.0.2.2] ehlo=1 mail=1 commands=3"]);
    let expected = [("x@y.test", "none"), ("z@y.test", "none")];
    let expected = expected.map(|(to, state)| (to.to_owned(), state.to_owned()));
    assert_eq!(states(&format!("{early}{open}{early}{end}")), expected);
}
