use super::*;
use crate::{Client, Entry, Exception, Mode, OnUnknownTls, Pattern, Recipient, Sender, TlsState};
use jiff::Timestamp;

fn policy() -> Policy {
    let mut policy = Policy { files: vec!["policy.yaml".into()], ..Policy::default() };
    let named = |name| Pattern::Domain(DomainName::parse(name).unwrap());
    let excepted = Entry {
        exceptions: vec![Exception {
            clients: vec!["192.0.2.0/24".parse().unwrap()],
            sender: None,
            certificate: None,
            end: None,
            reason: "a \"scanner\"".into(),
        }],
        contact: Some("postmaster@excepted.example".into()),
        ..Entry::bare(Mode::Enforce)
    };
    policy.domains.replace(&named("example.com"), Entry::bare(Mode::Enforce));
    policy.domains.replace(&named("excepted.example"), excepted);
    policy.senders.replace(&named("bank.example"), Entry::bare(Mode::Monitor));
    policy
}

fn explained(policy: &Policy, rcpt: &str, sender: &str, tls: &TlsState) -> Explanation {
    let case = Case {
        tls,
        client: Client { address: "192.0.2.9".parse().ok(), ..Client::default() },
        sender: &Sender::new(sender.as_bytes(), None),
        recipient: &Recipient::new(rcpt.as_bytes(), None, None),
        now: Timestamp::UNIX_EPOCH,
        on_unknown_tls: OnUnknownTls::Defer,
        require: None,
    };
    let explanation = Explanation::new(policy, &case);
    assert_eq!(explanation.conclusion, Conclusion::new(&case, &judge(policy, &case)));
    explanation
}

#[test]
fn the_text_has_all_that_is_seen_and_each_entry_with_what_it_says() {
    let text = explained(&policy(), "u@example.com", "a@bank.example", &TlsState::Plaintext);
    let text = text.to_string();
    let (steps, reply) = text.split_once("reply       ").unwrap();
    assert_eq!(
        steps,
        "\
In sight:
  example.com (recipient)
  bank.example (sender)

For example.com:
  entry       example.com (policy.yaml:0)
  mode        enforce (now: enforce)
  require     baseline: not satisfied
  exceptions  none
  so          refuse: this connection is not encrypted

From bank.example:
  entry       bank.example (policy.yaml:0)
  mode        monitor (now: monitor)
  require     baseline: not satisfied
  exceptions  none
  so          accept; would be refused in mode enforce: this connection is not encrypted

verdict     refuse (plaintext): this connection is not encrypted
"
    );
    assert!(reply.starts_with("450 4.7.1 Mail for example.com"), "{reply}");
}

#[test]
fn an_exception_that_holds_is_told_with_its_reason() {
    let told = explained(&policy(), "u@excepted.example", "", &TlsState::Plaintext);
    assert_eq!(told.findings[0].satisfied, Satisfied::No);
    let text = told.to_string();
    for line in [
        "  contact     postmaster@excepted.example\n",
        "  require     baseline: not satisfied, but an exception holds\n",
        "  exceptions  \"a \\\"scanner\\\"\" holds\n",
        "  so          accept: an exception holds (a \"scanner\")\n",
    ] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn where_no_entry_applies_the_text_says_so() {
    let text = explained(&policy(), "u@other.example", "", &TlsState::Plaintext).to_string();
    assert!(text.contains("\nNo entry of the policy applies.\n"), "{text}");
    let text = explained(&policy(), "postmaster", "", &TlsState::Plaintext).to_string();
    assert!(text.contains("(the policy has no `local`: not judged)"), "{text}");
    let local = Policy { local: Some(Entry::bare(Mode::Enforce)), ..policy() };
    let text = explained(&local, "postmaster", "", &TlsState::Plaintext).to_string();
    assert!(text.contains("(judged by `local`)\n\nFor the MTA's own recipients:\n"), "{text}");
}

#[test]
fn the_json_has_the_verdict_first_and_then_all_findings() {
    let told = explained(&policy(), "u@example.com", "a@bank.example", &TlsState::Plaintext);
    let short = serde_json::to_string(&told.conclusion).unwrap();
    let whole = serde_json::to_string(&told).unwrap();
    // Whoever reads the verdict alone finds it where it was.
    assert!(whole.starts_with(short.trim_end_matches('}')), "{whole}");
    let whole: serde_json::Value = serde_json::from_str(&whole).unwrap();
    assert_eq!(
        whole["in_sight"][1],
        serde_json::json!({"seen": "sender", "domain": "bank.example"})
    );
    assert_eq!(
        whole["findings"][1],
        serde_json::json!({
            "seen": "sender",
            "domain": "bank.example",
            "entry": "bank.example",
            "place": "policy.yaml:0",
            "schedule": "monitor",
            "mode": "monitor",
            "contact": null,
            "requirement": "baseline",
            "satisfied": "no",
            "exceptions": 0,
            "exception": null,
            "verdict": "would-refuse",
            "reason": "plaintext",
            "detail": "this connection is not encrypted",
        })
    );
}

#[test]
fn where_local_would_decide_if_the_mta_delivered_the_recipient_itself_it_is_said() {
    let mut policy = policy();
    let says = |policy: &Policy, rcpt: &str| {
        let told = explained(policy, rcpt, "", &TlsState::Plaintext);
        let text = told.to_string();
        assert_eq!(text.contains("itself, `local` decides as well"), told.local_if_delivered_here);
        told.local_if_delivered_here
    };
    assert!(!says(&policy, "u@free.example"));
    policy.local = Some(Entry::bare(Mode::Enforce));
    assert!(says(&policy, "u@free.example"));
    assert!(!says(&policy, "u@example.com") && !says(&policy, "u"));
}
