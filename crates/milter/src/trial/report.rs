//! What the milter answers to a recipient in a trial, and how that is read again.

use super::TrialId;
use ledger::postfix_log::TRIAL_ANSWER;
use policy::{Case, Verdict};

/// The verdict on a recipient in a trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrialReport {
    /// `accept`, `would-refuse`, `refuse`.
    pub verdict: String,
    /// Why, as the log has it.
    pub reason: String,
    /// The TLS version that the MTA told of: `TLSv1.3`, `none`, `unknown`.
    pub tls_version: String,
    /// The cipher.
    pub cipher: String,
    /// The domain that decided; a dash where there is none.
    pub domain: String,
}

impl TrialReport {
    /// What was judged.
    pub fn new(case: &Case<'_>, verdict: &Verdict<'_>) -> Self {
        let domain = verdict.finding.as_ref().and_then(|finding| finding.subject.domain());
        Self {
            verdict: verdict.decision().code().into(),
            reason: verdict.reason().kind().code().into(),
            tls_version: case.tls.version().into_owned(),
            cipher: case.tls.cipher().into(),
            domain: domain.map_or("-", |domain| domain.as_str()).into(),
        }
    }

    /// The answer to the MTA: a code and a line.
    pub fn answer(&self, id: TrialId) -> String {
        let Self { verdict, reason, tls_version, cipher, domain } = self;
        let text = format!(
            "{TRIAL_ANSWER} {id}: verdict={verdict} reason={reason} tls_version={tls_version} cipher={cipher} \
             domain={domain}"
        );
        // A percent sign has a meaning in an answer to Sendmail, and none of these words has one.
        text.replace('%', "_")
    }

    /// Reads the answer out of what the MTA made of it: Sendmail puts the recipient before it, and others
    /// may put words after it.
    pub fn read(text: &str, id: TrialId) -> Option<Self> {
        let begin = format!("mandatory-tls trial {id}: ");
        let (_, words) = text.split_once(&begin)?;
        let word = |name: &str| {
            let mut words = words.split_whitespace();
            let value = words.find_map(|word| word.strip_prefix(name)?.strip_prefix('='))?;
            Some(value.to_owned())
        };
        Some(Self {
            verdict: word("verdict")?,
            reason: word("reason")?,
            tls_version: word("tls_version")?,
            cipher: word("cipher")?,
            domain: word("domain")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::TrialKey;
    use jiff::Timestamp;

    #[test]
    fn an_answer_is_read_again_also_from_what_mtas_make_of_it() {
        let now = Timestamp::UNIX_EPOCH;
        let key = TrialKey::new().unwrap();
        let ((id, _), (other, _)) = (key.token(now).unwrap(), key.token(now).unwrap());
        let report = TrialReport {
            verdict: "accept".into(),
            reason: "adequate".into(),
            tls_version: "TLSv1.3".into(),
            cipher: "TLS_AES_256_GCM_SHA384".into(),
            domain: "example.com".into(),
        };
        let answer = report.answer(id);
        assert!(answer.starts_with("450 4.7.1 ") && answer.len() < 512);
        let sendmails = answer.replace("4.7.1 ", "4.7.1 <postmaster@example.com>... ");
        for text in [&answer, &sendmails, &format!("{answer} For help, call us")] {
            assert_eq!(TrialReport::read(text, id).as_ref(), Some(&report), "{text}");
        }
        if id != other {
            assert_eq!(TrialReport::read(&answer, other), None);
        }
        assert_eq!(TrialReport::read("450 4.7.1 Greylisted", id), None);
    }
}
