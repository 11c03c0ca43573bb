//! The policy changes while the milter runs, in every way in which files change.

use crate::policy_mutations::{INCLUDED, RICH, mutated};
use crate::random::{Random, seed};
use crate::support::{Milter, Mta};
use config::policy_file;
use nix::sys::signal::Signal;
use policy::{Case, Client, Decision, OnUnknownTls, Policy, Recipient, Sender, TlsState, judge};
use std::{fs, io::Write, os::unix::fs::symlink, path::Path};

const OLD: &str = "domains: [old.example]\n";
const NEW: &str = "domains: [new.example]\n";

/// Which of two domains is opted in now.
fn opted_in(milter: &Milter) -> &'static str {
    let mut mta = milter.session();
    mta.mail();
    let old = mta.rcpt("<u@old.example>", &[]).0 == b'y';
    let new = mta.rcpt("<u@new.example>", &[]).0 == b'y';
    match (old, new) {
        (true, false) => "old",
        (false, true) => "new",
        (true, true) => "both",
        (false, false) => "none",
    }
}

fn replace(path: &Path, text: &str) {
    let draft = path.with_extension("draft");
    fs::write(&draft, text).unwrap();
    fs::rename(draft, path).unwrap();
}

#[test]
fn a_file_that_is_written_in_place_renamed_over_or_removed_and_made_again_is_read() {
    let milter = Milter::start(OLD, "");
    let path = milter.path("policy.yaml");
    assert_eq!(opted_in(&milter), "old");
    fs::write(&path, NEW).unwrap();
    milter.wait_for_line("policy reloaded: 1 added (new.example); 1 removed (old.example)");
    assert_eq!(opted_in(&milter), "new");
    replace(&path, OLD);
    milter.wait_for_line("policy reloaded: 1 added (old.example); 1 removed (new.example)");
    assert_eq!(opted_in(&milter), "old");
    fs::remove_file(&path).unwrap();
    milter.wait_for_line("policy not reloaded, the one in force stays");
    milter.wait_for_line("cannot be read: No such file");
    assert_eq!(opted_in(&milter), "old");
    fs::write(&path, NEW).unwrap();
    milter.wait_for_line("policy reloaded: 1 added (new.example)");
    assert_eq!(opted_in(&milter), "new");
}

#[test]
fn a_symbolic_link_that_is_swapped_is_followed_as_kubernetes_does_it() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    // policy.yaml -> ..data/policy.yaml, ..data -> ..1; an update makes ..2 and swaps ..data.
    for (version, text) in [("..1", OLD), ("..2", NEW), ("..3", OLD)] {
        fs::create_dir(at(version)).unwrap();
        fs::write(at(version).join("policy.yaml"), text).unwrap();
    }
    symlink("..1", at("..data")).unwrap();
    symlink("..data/policy.yaml", at("policy.yaml")).unwrap();
    let milter = Milter::start_in(directory, &[], "");
    assert_eq!(opted_in(&milter), "old");
    for (version, before, now) in [("..2", "..1", "new"), ("..3", "..2", "old")] {
        symlink(version, milter.path("..data_tmp")).unwrap();
        fs::rename(milter.path("..data_tmp"), milter.path("..data")).unwrap();
        fs::remove_dir_all(milter.path(before)).unwrap();
        milter.wait_for_line("policy reloaded: 1 added");
        assert_eq!(opted_in(&milter), now);
    }
}

#[test]
fn a_policy_behind_a_linked_directory_is_read_when_the_link_or_the_file_changes() {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in [("a", OLD), ("z", NEW)] {
        fs::create_dir_all(directory.path().join(name)).unwrap();
        fs::write(directory.path().join(name).join("p.yaml"), text).unwrap();
    }
    symlink("a", directory.path().join("link")).unwrap();
    symlink("link/p.yaml", directory.path().join("policy.yaml")).unwrap();
    let milter = Milter::start_in(directory, &[], "");
    assert_eq!(opted_in(&milter), "old");
    symlink("z", milter.path("tmp")).unwrap();
    fs::rename(milter.path("tmp"), milter.path("link")).unwrap();
    milter.wait_for_line("policy reloaded: 1 added (new.example)");
    assert_eq!(opted_in(&milter), "new");
    fs::write(milter.path("z/p.yaml"), OLD).unwrap();
    milter.wait_for_line("policy reloaded: 1 added (old.example)");
}

#[test]
fn included_files_may_come_and_go() {
    let directory = tempfile::tempdir().unwrap();
    let main = "domains: [old.example]\ninclude: [domains.d/*.yaml]\n";
    let files = [("policy.yaml", main), ("domains.d/first.yaml", "- first.example\n")];
    let milter = Milter::start_in(directory, &files, "");
    assert_eq!(opted_in(&milter), "old");
    fs::write(milter.path("domains.d/more.yaml"), "- new.example\n").unwrap();
    milter.wait_for_line("policy reloaded: 1 added (new.example)");
    assert_eq!(opted_in(&milter), "both");
    fs::write(milter.path("domains.d/notes.txt"), "- ignored.example\n").unwrap();
    fs::remove_file(milter.path("domains.d/more.yaml")).unwrap();
    milter.wait_for_line("policy reloaded: 1 removed (new.example)");
    assert_eq!(opted_in(&milter), "old");
    fs::write(milter.path("domains.d/first.yaml"), "- first..example\n").unwrap();
    milter.wait_for_line("policy not reloaded");
    milter.wait_for_line("first.yaml:1:3");
    fs::rename(milter.path("domains.d"), milter.path("elsewhere")).unwrap();
    milter.wait_for_line("domains.d cannot be read");
    assert_eq!(opted_in(&milter), "old");
    fs::remove_file(milter.path("elsewhere/first.yaml")).unwrap();
    fs::write(milter.path("elsewhere/last.yaml"), "- new.example\n").unwrap();
    fs::rename(milter.path("elsewhere"), milter.path("domains.d")).unwrap();
    milter.wait_for_line("policy reloaded: 1 added (new.example); 1 removed (first.example)");
    assert_eq!(opted_in(&milter), "both");
}

#[test]
fn a_file_that_is_still_being_written_is_not_read() {
    let directory = tempfile::tempdir().unwrap();
    let files = [
        ("policy.yaml", "include: [list.yaml]\n"),
        ("list.yaml", "- old.example\n- last.example\n"),
    ];
    let milter = Milter::start_in(directory, &files, "");
    let mut file = fs::File::create(milter.path("list.yaml")).unwrap();
    // Half of the list is as valid as the whole.
    file.write_all(b"- last.example\n").unwrap();
    file.sync_all().unwrap();
    milter.wait_for_line("list.yaml has been written to and is still open");
    assert_eq!(opted_in(&milter), "old");
    file.write_all(b"- new.example\n").unwrap();
    drop(file);
    milter.wait_for_line("policy reloaded: 1 added (new.example); 1 removed (old.example)");
    assert_eq!(opted_in(&milter), "new");
}

#[test]
fn sighup_reads_at_once_what_is_there_also_a_file_that_is_open() {
    let milter = Milter::start(OLD, "");
    milter.signal(Signal::SIGHUP);
    milter.wait_for_line("policy reloaded: nothing changed");
    let mut file = fs::File::create(milter.path("policy.yaml")).unwrap();
    file.write_all(NEW.as_bytes()).unwrap();
    file.sync_all().unwrap();
    milter.signal(Signal::SIGHUP);
    milter.wait_for_line("policy reloaded: 1 added (new.example)");
    assert_eq!(opted_in(&milter), "new");
}

#[test]
fn a_policy_with_errors_changes_nothing_and_every_error_is_told_with_its_place() {
    let milter = Milter::start(OLD, "");
    replace(
        &milter.path("policy.yaml"),
        "domains: [new.example, a..b]\ntrusted: { client: 0.0.0.0/0 }\n",
    );
    milter.wait_for_line("policy not reloaded, the one in force stays");
    milter.wait_for_line("policy.yaml:1:24");
    milter.wait_for_line("domains: [new.example, a..b]");
    milter.wait_for_line("^^^^");
    milter.wait_for_line("policy.yaml:2:12");
    milter.wait_for_line("did you mean `clients`?");
    assert_eq!(opted_in(&milter), "old");
    replace(&milter.path("policy.yaml"), NEW);
    milter.wait_for_line("policy reloaded: 1 added (new.example); 1 removed (old.example)");
    assert_eq!(opted_in(&milter), "new");
}

/// What the milter must say of recipients by this policy: over TLS 1.0 and in the clear.
fn expected(policy: &Policy) -> Vec<bool> {
    let judged = |rcpt: &str, tls: &TlsState| {
        let case = Case {
            tls,
            client: Client { address: "203.0.113.9".parse().ok(), ..Client::default() },
            sender: &Sender::new(b"<a@b.test>", None),
            recipient: &Recipient::new(rcpt.as_bytes(), None, None),
            now: jiff::Timestamp::now(),
            on_unknown_tls: OnUnknownTls::Defer,
            require: None,
        };
        judge(policy, &case).decision() == Decision::Refuse
    };
    let [version, cipher] = OLD_TLS.map(|(_, value)| Some(value.as_bytes()));
    let old = TlsState::from_macros(version, cipher, None);
    PROBES
        .iter()
        .flat_map(|rcpt| [judged(rcpt, &old), judged(rcpt, &TlsState::Plaintext)])
        .collect()
}

/// What it does say.
fn answered(mta: &mut Mta) -> Vec<bool> {
    mta.mail();
    let mut refused = |rcpt: &str, tls: &[(&str, &str)]| mta.rcpt(rcpt, tls).0 == b'y';
    PROBES.iter().flat_map(|rcpt| [refused(rcpt, &OLD_TLS), refused(rcpt, &[])]).collect()
}

const OLD_TLS: [(&str, &str); 2] =
    [("{tls_version}", "TLSv1"), ("{cipher}", "ECDHE-RSA-AES256-SHA")];
const PROBES: [&str; 6] = [
    "<u@example.com>",
    "<u@sub.example.com>",
    "<postmaster@example.com>",
    "<u@example.org>",
    "<u@more.example>",
    "<postmaster>",
];

#[test]
fn of_a_hundred_damaged_policies_those_that_are_valid_are_in_force_and_no_other_changes_anything() {
    let directory = tempfile::tempdir().unwrap();
    let milter = Milter::start_in(directory, &[("policy.yaml", RICH), INCLUDED], "");
    let path = milter.path("policy.yaml");
    let mut in_force = expected(&policy_file::load(&path).policy.unwrap());
    let mut mta = milter.session();
    let mut refused = 0;
    for number in 0..100 {
        let text = mutated(&mut Random::new(seed(), number), RICH);
        // Read here as the milter will read it.
        let draft = path.with_extension("draft");
        fs::write(&draft, &text).unwrap();
        let policy = policy_file::load(&draft).policy;
        fs::rename(&draft, &path).unwrap();
        match policy {
            Ok(policy) => {
                in_force = expected(&policy);
                milter.wait_for_line("policy reloaded: ");
            }
            Err(_) => {
                refused += 1;
                milter.wait_for_line("policy not reloaded, the one in force stays");
            }
        }
        assert_eq!(answered(&mut mta), in_force, "{number}: {}", text.escape_ascii());
    }
    assert!((20..90).contains(&refused), "{refused}");
    replace(&path, NEW);
    milter.wait_for_line("policy reloaded: ");
    assert_eq!(opted_in(&milter), "new");
}

#[test]
fn the_log_says_what_a_reload_changed_without_naming_mailboxes() {
    let milter = Milter::start("domains: [a.example, b.example, boss@c.example]\n", "");
    let new = "domains: [{ domain: a.example, mode: monitor }, { domain: b.example, require: rfc9325 }, chief@c.example]\n";
    replace(&milter.path("policy.yaml"), new);
    let line = milter.wait_for_line("policy reloaded");
    for part in [
        "1 added (...@c.example)",
        "1 removed (...@c.example)",
        "1 mode changed (a.example: enforce -> monitor)",
        "1 terms changed (b.example)",
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }
    replace(&milter.path("policy.yaml"), "domains: [a.example]\n");
    milter.wait_for_line("more than half of the domains are gone");
}

#[test]
fn nothing_of_a_change_in_several_steps_is_in_force_before_the_last() {
    // A domain moves from one file to the other: at no time may it be in neither.
    let many: String = (0..20_000).map(|n| format!("  - d{n}.example\n")).collect();
    let directory = tempfile::tempdir().unwrap();
    let main = format!("include: [list.yaml]\ndomains:\n{many}");
    let files = [("policy.yaml", main.as_str()), ("list.yaml", "- old.example\n")];
    let milter = Milter::start_in(directory, &files, "");
    let refused = |milter: &Milter| {
        let mut mta = milter.session();
        mta.mail();
        mta.rcpt("<u@old.example>", &[]).0 == b'y'
    };
    for round in 0..20 {
        let (main, list) = if round % 2 == 0 {
            (format!("{main}  - old.example\n"), "- x.example\n")
        } else {
            (main.clone(), "- old.example\n")
        };
        // The domain is added first and removed second, or the other way round within one read.
        if round % 2 == 0 {
            replace(&milter.path("list.yaml"), list);
            replace(&milter.path("policy.yaml"), &main);
        } else {
            replace(&milter.path("policy.yaml"), &main);
            replace(&milter.path("list.yaml"), list);
        }
        milter.wait_for_line(if round % 2 == 0 {
            "1 added (x.example)"
        } else {
            "1 removed (x.example)"
        });
        assert!(refused(&milter), "round {round}");
    }
}

#[test]
fn an_idle_milter_with_an_included_directory_does_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let files = [("policy.yaml", "include: [d/*.yaml]\n"), ("d/a.yaml", "- old.example\n")];
    let milter = Milter::start_in(directory, &files, "");
    let cpu = || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", milter.process.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    };
    // Something to wait for that takes the milter long enough to show.
    fs::write(milter.path("d/b.yaml"), "- new.example\n").unwrap();
    milter.wait_for_line("policy reloaded");
    let before = cpu();
    let mut mta = milter.session();
    for _ in 0..2_000 {
        mta.mail();
        assert_eq!(mta.rcpt("<u@free.example>", &[]).0, b'c');
    }
    let begun = std::time::Instant::now();
    while begun.elapsed().as_millis() < 500 {
        std::thread::yield_now();
    }
    // In ticks of 10 ms; looking again and again would take all of half a second and more.
    assert!(cpu() - before < 60, "{} ticks", cpu() - before);
}
