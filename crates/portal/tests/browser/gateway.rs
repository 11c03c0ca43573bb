//! The gateway's files, and a milter that says how it is as the real one does.

use config::policy_file::{self, FileHead};
use config::status::{
    FileInForce, HourCounts, Keeping, PolicyStatus, ProblemStatus, RecipientCounts, SettingsState,
    Status,
};
use jiff::Timestamp;
use ledger::{DAY, Row, RowKey, Source, Store, SubjectKind, Tally, day_of};
use policy::{Decision, ReasonKind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Policy, ledger and status of a gateway.
pub struct Gateway {
    directory: tempfile::TempDir,
    milter: Option<(Arc<AtomicBool>, JoinHandle<()>)>,
}

impl Gateway {
    /// Without any mail yet; where a real milter would listen.
    pub fn without_mail(listen: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let gateway = Self { directory, milter: None };
        std::fs::create_dir(gateway.path("policy")).unwrap();
        std::fs::write(gateway.path("policy.yaml"), "include: policy/*.yaml\n").unwrap();
        let settings = format!(
            "listen: {listen}\npolicy: policy.yaml\nstate_dir: .\nstatus_file: status.json\n"
        );
        std::fs::write(gateway.path("milter.yaml"), settings).unwrap();
        gateway
    }

    /// With a month of mail for example.org: 30 recipients a week over TLS, and three servers without.
    pub fn new() -> Self {
        let gateway = Self::without_mail("inet:127.0.0.1:0");
        for day in 1..=28 {
            gateway.mail(day, 8, "192.0.2.10", "mx.good.example", "good.example", "TLSv1.3");
        }
        for (day, count) in [(20, 4), (12, 3), (2, 5)] {
            gateway.mail(
                day,
                count,
                "192.0.2.77",
                "mail.lawyers.example",
                "lawyers.example",
                "none",
            );
        }
        gateway.mail(9, 1, "2001:db8::9", "", "supplier.example", "none");
        gateway.mail(6, 2, "192.0.2.80", "fax.copier.example", "copier.example", "none");
        gateway.mail(3, 9, "192.0.2.80", "fax.copier.example", "copier.example", "TLSv1.3");
        gateway
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Records mail so many days ago.
    pub fn mail(&self, days: i32, count: u64, client: &str, name: &str, sender: &str, tls: &str) {
        let is_encrypted = tls != "none";
        let day = day_of(Timestamp::now().as_second()) - days;
        let at = i64::from(day) * DAY + DAY / 2;
        let (verdict, reason) = match is_encrypted {
            true => (Decision::Accept, ReasonKind::Adequate),
            false => (Decision::WouldRefuse, ReasonKind::Plaintext),
        };
        let key = RowKey {
            day,
            source: Source::Milter,
            domain: "example.org".into(),
            found: SubjectKind::Recipient,
            client: client.into(),
            name: name.into(),
            sender: sender.into(),
            tls_version: tls.into(),
            // Where the version is made up, so is all else of the session.
            cipher: match tls {
                "none" => "none",
                tls if tls.starts_with("TLS") => "TLS_AES_256_GCM_SHA384",
                tls => tls,
            }
            .into(),
            certificate: if tls.starts_with("TLS") { "" } else { tls }.into(),
            flags: 0,
            verdict,
            reason: ledger::RecordedReason::Known(reason),
        };
        let row = Row { key, tally: Tally { count, repeats: Some(0), first: at, last: at } };
        let room = config::settings::Room { domain: 1_000_000, day: 1_000_000 };
        let mut store = Store::open(&self.path("ledger.sqlite"), room).unwrap();
        store.write_rows([&row].into_iter()).unwrap();
    }

    /// Starts what says of itself what a milter would.
    pub fn start_milter(&mut self) {
        let stop = Arc::new(AtomicBool::new(false));
        let (told, directory) = (Arc::clone(&stop), self.directory.path().to_owned());
        let milter = std::thread::spawn(move || {
            let mut in_force: Vec<FileInForce> = Vec::new();
            while !told.load(Ordering::Relaxed) {
                let loaded = policy_file::load(&directory.join("policy.yaml"));
                let heads: Vec<FileHead> = loaded.heads.clone();
                let mut problem = None;
                match loaded.policy {
                    Ok(_) => {
                        for head in heads {
                            if !in_force.iter().any(|file| file.head.version == head.version) {
                                in_force = vec![FileInForce { head, since: Timestamp::now() }];
                            }
                        }
                    }
                    Err(problems) => {
                        problem = Some(ProblemStatus {
                            since: Timestamp::now(),
                            errors: 1,
                            first: problems
                                .to_string()
                                .lines()
                                .next()
                                .unwrap_or_default()
                                .to_owned(),
                            files: heads,
                        });
                    }
                }
                status(in_force.clone(), problem).write(&directory.join("status.json")).unwrap();
                std::thread::sleep(Duration::from_millis(50));
            }
            std::fs::remove_file(directory.join("status.json")).unwrap();
        });
        self.milter = Some((stop, milter));
    }

    pub fn stop_milter(&mut self) {
        if let Some((stop, milter)) = self.milter.take() {
            stop.store(true, Ordering::Relaxed);
            milter.join().unwrap();
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.stop_milter();
    }
}

fn status(files: Vec<FileInForce>, problem: Option<ProblemStatus>) -> Status {
    Status {
        version: "1".into(),
        pid: 1,
        started: Timestamp::UNIX_EPOCH,
        listening: vec![],
        missing: vec![],
        settings: SettingsState::default(),
        policy: PolicyStatus {
            path: "policy.yaml".into(),
            domains: 1,
            senders: 0,
            since: Timestamp::UNIX_EPOCH,
            fingerprint: 0,
            asked: 0,
            last_good: false,
            keeping: Keeping::Kept,
            files,
            problem,
        },
        recipients: RecipientCounts::default(),
        last_hour: HourCounts::default(),
        ledger: None,
    }
}
