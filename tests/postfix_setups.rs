//! `check --postfix` on how well-known panels and images set Postfix up: what it finds in each, and nothing else.
//! It is asked through the postconf and postmap of the Postfix that is installed.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::Command,
    time::{Duration, SystemTime},
};

const SETUPS: &str = include_str!("fixtures/postfix-setups.txt");

/// What every one of them has.
const MAIN: &str = "\
compatibility_level = 3.6
myhostname = mx.example.net
mydestination = $myhostname, localhost
mynetworks = 127.0.0.0/8 [::1]/128
smtpd_tls_security_level = may
smtpd_tls_chain_files = DIR/mx.pem
alias_maps =
alias_database =
smtpd_hard_error_limit = 100
";
const MASTER: &str = "\
smtp inet n - y - - smtpd
pickup unix n - y 60 1 pickup
cleanup unix n - y - 0 cleanup
local unix - n n - - local
smtp unix - - y - - smtp
";
const POLICY: &str = "trusted: { clients: [127.0.0.0/8, \"::1/128\"], authenticated: true }\n";
/// Maps and tables that they name.
const TABLES: [(&str, &str); 8] = [
    ("mx.pem", ""),
    ("empty", ""),
    ("virtual", "sales@free.example  user@example.com\n"),
    ("aliases", "root: admin\n"),
    ("bcc", "@partner.example archive@example.com\n"),
    ("blacklists", "bad.example REJECT\n"),
    ("redirects", "/^Subject: .*invoice/ REDIRECT archive@example.com\n"),
    ("bcc.cidr", "192.0.2.0/24 BCC archive@example.com\n"),
];

struct Setup<'a> {
    name: &'a str,
    finds: BTreeSet<&'a str>,
    main: String,
    master: String,
    policy: String,
}

fn setups() -> impl Iterator<Item = Setup<'static>> {
    SETUPS.split("\n== ").skip(1).map(|text| {
        let mut lines = text.lines();
        let name = lines.next().unwrap();
        let finds = lines.next().unwrap().strip_prefix("finds:").unwrap();
        let finds = finds.split(',').map(str::trim).filter(|id| !id.is_empty()).collect();
        let mut setup = Setup {
            name,
            finds,
            main: String::new(),
            master: String::new(),
            policy: String::new(),
        };
        let mut in_master = false;
        for line in lines.filter(|line| !line.is_empty()) {
            if let Some(line) = line.strip_prefix("policy: ") {
                setup.policy += &format!("{line}\n");
            } else if line == "master:" {
                in_master = true;
            } else if in_master {
                setup.master += &format!("{line}\n");
            } else {
                setup.main += &format!("{line}\n");
            }
        }
        setup
    })
}

/// The sound main.cf with a setup's lines in the place of its own.
fn main_cf(own: &str) -> String {
    let name = |line: &str| line.split('=').next().unwrap().trim().to_owned();
    let changed: Vec<String> = own.lines().map(name).collect();
    let kept = MAIN.lines().filter(|line| !changed.contains(&name(line)));
    kept.chain(own.lines()).map(|line| format!("{line}\n")).collect()
}

fn found_in(setup: &Setup<'_>, directory: &Path) -> (BTreeSet<String>, String) {
    let place = directory.display().to_string();
    let write = |name: &str, text: &str| {
        let text = text.replace("MILTER", "inet:127.0.0.1:8893").replace("DIR", &place);
        fs::write(directory.join(name), text).unwrap();
        // Postfix reads a file that changed just now again until it is two seconds old.
        let file = fs::File::options().append(true).open(directory.join(name)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(60)).unwrap();
    };
    for (name, text) in TABLES {
        write(name, text);
    }
    write("main.cf", &main_cf(&setup.main));
    write("master.cf", &format!("{MASTER}{}", setup.master));
    write("milter.yaml", "listen: inet:127.0.0.1:8893\npolicy: policy.yaml\n");
    let trusted = if setup.policy.contains("trusted:") { "" } else { POLICY };
    write("policy.yaml", &format!("{trusted}{}domains: [example.com]\n", setup.policy));
    let output = Command::new(env!("CARGO_BIN_EXE_mandatory-tls"))
        .args(["check", "--config", "milter.yaml", &format!("--postfix={place}")])
        .current_dir(directory)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(0 | 78)), "{said}");
    let ids = said.lines().filter_map(|line| {
        let (gravity, rest) = line.split_once('[')?;
        let known = matches!(gravity, "error" | "warning" | "note");
        known.then(|| rest.split(']').next().unwrap().to_owned())
    });
    (ids.collect(), said)
}

#[test]
fn in_each_setup_is_found_what_is_in_it_and_nothing_else() {
    let mut wrong = Vec::new();
    let mut number = 0;
    for setup in setups() {
        number += 1;
        let directory = tempfile::tempdir().unwrap();
        let (found, said) = found_in(&setup, directory.path());
        // Not every Postfix has the drivers of all maps, and postconf says so.
        let found: BTreeSet<&str> =
            found.iter().map(String::as_str).filter(|id| *id != "postfix-complains").collect();
        if found != setup.finds {
            wrong.push(format!("== {}\n{found:?}\nnot {:?}\n{said}", setup.name, setup.finds));
        }
    }
    assert!(number > 30);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
