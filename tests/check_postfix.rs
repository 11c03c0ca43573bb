//! `check --postfix` against the postconf and postmap of an installed Postfix. Each test has a
//! configuration of its own; the machine's is neither read nor changed.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
    time::{Duration, SystemTime},
};

const MAIN: &str = "\
compatibility_level = 3.6
myhostname = mx.example.net
mydestination = $myhostname, localhost
mynetworks = 127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128
smtpd_tls_security_level = may
smtpd_tls_chain_files = $config_directory/mx.pem
alias_maps =
alias_database =
smtpd_milters = inet:127.0.0.1:8893
smtpd_hard_error_limit = ${stress?{10}:{100}}
";

const MASTER: &str = "\
smtp      inet  n       -       y       -       -       smtpd
pickup    unix  n       -       y       60      1       pickup
cleanup   unix  n       -       y       -       0       cleanup
local     unix  -       n       n       -       -       local
";

const POLICY: &str = "\
trusted: { clients: [127.0.0.0/8, \"::1/128\"], authenticated: true }
domains: [example.com]
";

/// The sound main.cf with `changes` in place of its own lines of the same names.
fn main_cf(changes: &str) -> String {
    let name = |line: &str| line.split('=').next().unwrap().trim().to_owned();
    let changed: Vec<String> = changes.lines().map(name).collect();
    let kept = MAIN.lines().filter(|line| !changed.contains(&name(line)));
    kept.chain(changes.lines()).map(|line| format!("{line}\n")).collect()
}

struct Postfix(tempfile::TempDir);

impl Postfix {
    fn new(main: &str, master: &str) -> Self {
        let postfix = Self(tempfile::tempdir().unwrap());
        postfix.write("main.cf", &main_cf(main));
        postfix.write("master.cf", &format!("{MASTER}{master}"));
        postfix.write("milter.yaml", "listen: inet:127.0.0.1:8893\npolicy: policy.yaml\n");
        postfix.write("policy.yaml", POLICY);
        postfix.write("mx.pem", "");
        postfix
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
        // Postfix reads a file that changed just now again until it is two seconds old.
        let file = fs::File::options().append(true).open(self.path(name)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(60)).unwrap();
    }

    fn check(&self) -> Output {
        let directory = format!("--postfix={}", self.0.path().display());
        self.run(&["check", "--config", "milter.yaml", &directory])
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_mandatory-tls"))
            .args(arguments)
            .current_dir(self.0.path())
            .output()
            .unwrap()
    }
}

fn said(output: &Output) -> String {
    let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).unwrap();
    text(&output.stdout) + &text(&output.stderr)
}

#[track_caller]
fn assert_says(output: &Output, status: i32, words: &[&str]) {
    let text = said(output);
    assert_eq!(output.status.code(), Some(status), "{text}");
    for word in words {
        assert!(text.contains(word), "`{word}` is missing in:\n{text}");
    }
}

#[test]
fn a_sound_postfix_passes() {
    let postfix = Postfix::new("", "");
    let output = postfix.check();
    assert_says(&output, 0, &["policy.yaml: valid", "; 0 errors, 0 warnings, 0 notes\n"]);
}

#[test]
fn notes_and_warnings_leave_the_status_at_0_and_errors_make_it_78() {
    let postfix = Postfix::new("milter_default_action = reject\nmynetworks = 10.0.0.0/8\n", "");
    assert_says(&postfix.check(), 0, &["0 errors, 1 warning, 1 note", "  | 10.0.0.0/8\n"]);
    let postfix = Postfix::new("milter_default_action = accept\n", "");
    assert_says(
        &postfix.check(),
        78,
        &["error[default-action-accept]: milter_default_action is `accept`", "1 error, 0 w"],
    );
}

#[test]
fn parameters_are_expanded_for_each_service_as_postfix_does() {
    let postfix = Postfix::new(
        "smtpd_milters = $gateway_milters\ngateway_milters = { inet:localhost:8893, { default_action = tempfail } },\n unix:/other\n",
        "192.0.2.1:25 inet n - y - - smtpd\n  -o gateway_milters=\n\
         587 inet n - y - - smtpd\n  -o { smtpd_milters = $mua_milters }\n  -o mua_milters=inet:[::1]:11332\n",
    );
    let output = postfix.check();
    assert_says(
        &output,
        78,
        &[
            "master.cf: 192.0.2.1:25/inet: smtpd_milters =\n",
            "takes mail from other servers",
            "master.cf: 587/inet: smtpd_milters = inet:[::1]:11332\n",
            "1 error, 1 warning, 0 notes",
        ],
    );
}

#[test]
fn aliases_are_looked_up_in_maps_of_every_kind_that_can_be_listed() {
    let postfix = Postfix::new("", "");
    postfix.write("virtual", "sales@free.example user@example.com\nok@free.example a@b.example\n");
    postfix.write("aliases", "root: admin@example.com, \"|/bin/x y\"\n");
    postfix.write("empty", "");
    let directory = postfix.0.path().display().to_string();
    let maps = format!(
        "virtual_alias_maps = texthash:{directory}/virtual, hash:{directory}/empty, tcp:192.0.2.1:1\n\
         canonical_maps = inline:{{ {{ @old.example = @example.com }} }}\n\
         recipient_canonical_maps = proxy:hash:{directory}/virtual\n\
         alias_maps = hash:{directory}/aliases\n"
    );
    postfix.write("main.cf", &main_cf(&maps));
    for (program, map) in [("postmap", "virtual"), ("postmap", "empty"), ("postalias", "aliases")] {
        let made = Command::new(format!("/usr/sbin/{program}"))
            .args(["-c", &directory, &format!("hash:{directory}/{map}")])
            .status();
        assert!(made.unwrap().success());
    }
    let output = postfix.check();
    assert_says(
        &output,
        78,
        &[
            "main.cf: virtual_alias_maps = texthash:",
            "  | sales@free.example -> user@example.com\n",
            "main.cf: canonical_maps = inline:",
            "  | @old.example -> @example.com\n",
            "main.cf: recipient_canonical_maps = proxy:hash:",
            "main.cf: alias_maps = hash:",
            "  | root -> admin@example.com, \"|/bin/x y\"\n",
            "  | tcp:192.0.2.1:1: maps of type tcp cannot be listed\n",
            "4 errors, 0 warnings, 1 note",
        ],
    );
    assert!(!said(&output).contains("ok@free.example"));
}

#[test]
fn a_certificate_that_is_not_there_is_found() {
    let postfix = Postfix::new("", "");
    fs::remove_file(postfix.path("mx.pem")).unwrap();
    assert_says(&postfix.check(), 78, &["offers no STARTTLS, since there is no /", "/mx.pem"]);
}

#[test]
fn what_postconf_complains_about_is_passed_on() {
    let postfix = Postfix::new("smtpd_milter = inet:127.0.0.1:8893\n", "");
    let words =
        ["note[postfix-complains]: Postfix itself complains", "unused parameter: smtpd_milter="];
    assert_says(&postfix.check(), 0, &words);
}

#[test]
fn postfix_that_cannot_be_asked_is_an_error_of_its_own() {
    let postfix = Postfix::new("", "");
    fs::remove_file(postfix.path("main.cf")).unwrap();
    assert_says(
        &postfix.check(),
        69,
        &["error: Postfix cannot be looked into: postconf: fatal:", "--postfix=DIR"],
    );
}

#[test]
fn settings_and_a_valid_policy_are_needed() {
    let postfix = Postfix::new("", "");
    let without = postfix.run(&["check", "--policy", "policy.yaml", "--postfix"]);
    assert_eq!(without.status.code(), Some(64), "{}", said(&without));
    postfix.write("policy.yaml", "domains: [a..b]\n");
    assert_says(&postfix.check(), 78, &["policy.yaml:1:11", "Postfix was not looked into"]);
}

/// What docs/guide/postfix.md tells people to write.
#[test]
fn the_configuration_that_the_guide_shows_passes() {
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/guide/postfix.md");
    let guide = fs::read_to_string(guide).unwrap();
    let line =
        "smtpd_milters = { inet:127.0.0.1:8893, default_action=tempfail, connect_timeout=10s }";
    let services = "submission inet n - y - - smtpd\n  -o smtpd_milters=\n\
         \x20 -o smtpd_client_restrictions=permit_sasl_authenticated,reject\n\
         127.0.0.1:10025 inet n - y - - smtpd\n  -o smtpd_milters=\n";
    assert!(guide.contains(line) && guide.contains(services));
    let postfix = Postfix::new(&format!("milter_default_action = accept\n{line}\n"), services);
    assert_says(&postfix.check(), 0, &["0 errors, 0 warnings, 2 notes"]);
}

#[test]
fn other_names_of_a_local_domain_are_found_in_mydestination_and_in_what_it_refers_to() {
    let postfix = Postfix::new("", "");
    postfix.write("names", "# ours\nlocalhost.example.com\nlocalhost, example.com\n");
    postfix.write("more", "more.example x\n");
    let directory = postfix.0.path().display().to_string();
    postfix.write(
        "main.cf",
        &main_cf(&format!(
            "mydestination = $myhostname, {directory}/names, texthash:{directory}/more\n"
        )),
    );
    let words = [
        "error[local-name-unnoticed]: example.com: opted in and local here",
        "  | localhost\n  | localhost.example.com\n  | more.example\n  | mx.example.net\n",
        "1 error, 0 warnings, 0 notes",
    ];
    assert_says(&postfix.check(), 78, &words);
    postfix.write("policy.yaml", &format!("{POLICY}local: {{ mode: enforce }}\n"));
    assert_says(&postfix.check(), 0, &["0 errors, 0 warnings, 0 notes"]);
}

#[test]
fn a_submission_port_that_takes_mail_from_anybody_and_does_not_ask_is_found() {
    let open = "submission inet n - y - - smtpd\n  -o smtpd_milters=\n";
    let words = [
        "warning[submission-open]: submission/inet does not ask this milter",
        "0 errors, 1 warning, 0 notes",
    ];
    assert_says(&Postfix::new("", open).check(), 0, &words);
    let closed = format!(
        "{open}  -o smtpd_client_restrictions=$for_users\n  \
         -o for_users=permit_sasl_authenticated,reject\n"
    );
    assert_says(&Postfix::new("", &closed).check(), 0, &["0 errors, 0 warnings, 1 note"]);
}

#[test]
fn the_origin_of_debian_is_in_a_file_and_what_postalias_writes_for_nis_is_no_address() {
    let postfix = Postfix::new("", "");
    postfix.write("mailname", "mx.example.net\n");
    postfix.write("aliases", "postmaster: root\n");
    let aliases = format!("hash:{}", postfix.path("aliases").display());
    let origin = postfix.path("mailname");
    let main = format!("myorigin = {}\nalias_maps = {aliases}\n", origin.display());
    postfix.write("main.cf", &main_cf(&main));
    let made = Command::new("postalias").arg("-c").arg(postfix.0.path()).arg(&aliases).status();
    assert!(made.unwrap().success());
    let output = postfix.check();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(!said(&output).contains("alias_maps"), "{}", said(&output));
}

#[test]
fn a_finding_that_is_accepted_is_listed_and_leaves_the_status_at_0() {
    let postfix =
        Postfix::new("milter_default_action = accept\nsmtpd_command_filter = pcre:/x\n", "");
    let directory = format!("--postfix={}", postfix.0.path().display());
    let accept = |what: &str| {
        postfix.run(&["check", "--config", "milter.yaml", &directory, "--accept", what])
    };
    let listed = "accepted[default-action-accept]: milter_default_action is `accept`";
    let count = "0 errors, 0 warnings, 1 note, 1 accepted\n";
    assert_says(&accept("default-action-accept"), 0, &[listed, count, "note[commands-rewritten]"]);
    let one = accept("default-action-accept:milter_default_action");
    assert_says(&one, 0, &[listed, count]);
    // What is accepted for one place is not for another.
    assert_says(&accept("default-action-accept:25/inet"), 78, &["1 error, 0 warnings, 1 note\n"]);
    let unknown = accept("default-action-accepted");
    assert_says(&unknown, 64, &["no finding", "did you mean `default-action-accept`?"]);

    let settings = "listen: inet:127.0.0.1:8893\npolicy: policy.yaml\naccept:\n  - ";
    postfix.write("milter.yaml", &format!("{settings}default-action-accept\n"));
    assert_says(&postfix.check(), 0, &[listed, count]);
    postfix.write("milter.yaml", &format!("{settings}nonsense\n"));
    assert_says(&postfix.check(), 78, &["milter.yaml:4:5", "there is no finding `nonsense`"]);
}

#[test]
fn all_instances_are_looked_at_and_what_is_switched_off_in_one_is_not_judged() {
    let second = Postfix::new("multi_instance_enable = yes\nsmtpd_milters =\n", "");
    let idle = Postfix::new("multi_instance_enable = no\nsmtpd_milters =\n", "");
    let directories = format!("{} {} /nowhere", second.0.path().display(), idle.0.path().display());
    let first = Postfix::new(
        &format!(
            "multi_instance_enable = yes\nmulti_instance_directories = {directories}\n\
             master_service_disable = inet\nsmtpd_milters =\n"
        ),
        "",
    );
    let output = Command::new(env!("CARGO_BIN_EXE_mandatory-tls"))
        .args(["check", "--config", "milter.yaml", "--postfix"])
        .current_dir(first.0.path())
        .env("MAIL_CONFIG", first.0.path())
        .output()
        .unwrap();
    let not_asked = format!(
        "error[milter-not-asked]: smtpd_milters does not list this milter: mail passes unjudged\n --> {}",
        second.0.path().display()
    );
    let words = ["note[services-switched-off]: smtp/inet", &*not_asked, "warning[other-instance]"];
    assert_says(&output, 78, &words);
    assert_eq!(said(&output).matches("error[").count(), 1, "{}", said(&output));
    // One that is named is looked at alone.
    assert_says(&first.check(), 0, &["0 errors, 0 warnings, 1 note\n"]);
}

#[test]
fn redirections_and_copies_by_tables_are_found_in_files_of_patterns() {
    let postfix = Postfix::new("", "");
    postfix.write("headers", "/^Subject: .*invoice/ REDIRECT archive@example.com\n/x/ DUNNO\n");
    postfix.write("access", "partner.example BCC archive@example.com\nother.example REJECT\n");
    postfix.write("senders", "@partner.example archive@example.com\n");
    let directory = postfix.0.path().display().to_string();
    let main = format!(
        "header_checks = regexp:{directory}/headers\nsender_bcc_maps = texthash:{directory}/senders\n\
         smtpd_sender_restrictions = check_sender_access texthash:{directory}/access\n\
         smtpd_helo_restrictions = check_helo_access pcre:{directory}/nowhere\n"
    );
    postfix.write("main.cf", &main_cf(&main));
    let output = postfix.check();
    let words = [
        "error[action-leads-in]",
        "main.cf: header_checks = regexp:",
        "  | /^Subject: .*invoice/ REDIRECT archive@example.com\n",
        "warning[action-leads-in]",
        "  | partner.example BCC archive@example.com\n",
        "warning[copy-leads-in]",
        "  | @partner.example -> archive@example.com\n",
        "note[actions-unseen]",
        "/nowhere: No such file or directory",
    ];
    assert_says(&output, 78, &words);
    assert_eq!(said(&output).matches("[action-leads-in]").count(), 2, "{}", said(&output));
}
