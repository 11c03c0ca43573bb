//! The client's certificate, as far as the MTA vouches for it.
//!
//! Postfix gives the bare common names of subject and issuer, and only of a certificate that it
//! trusts. Sendmail gives the whole distinguished names in xtext (RFC 3461, section 4: `+20` for a
//! blank), of any certificate, and says in `{verify}` whether it trusts it. A certificate that is
//! not trusted does not count.

use std::borrow::Cow;

/// A client certificate that the MTA has verified.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Certificate {
    subject: Name,
    issuer: Name,
}

/// The name of a subject or issuer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Name {
    /// A bare common name (Postfix).
    Common(String),
    /// A distinguished name in one line, `/C=CH/O=Example/CN=mx.example.org` (Sendmail).
    Distinguished(String),
}

impl Certificate {
    /// Reads `{cert_subject}`, `{cert_issuer}` and `{verify}`, all asked for at the same stage.
    ///
    /// Where `{verify}` is there, the MTA is Sendmail, and only `OK` vouches for the certificate.
    /// Where it is not, although it was asked for, the MTA is Postfix.
    #[must_use]
    pub fn from_macros(
        subject: Option<&[u8]>,
        issuer: Option<&[u8]>,
        verify: Option<&[u8]>,
    ) -> Option<Self> {
        let subject = subject.filter(|subject| !subject.is_empty())?;
        let issuer = issuer.unwrap_or_default();
        match verify {
            None => Some(Self {
                subject: Name::Common(text(subject)),
                issuer: Name::Common(text(issuer)),
            }),
            Some(b"OK") => Some(Self {
                subject: Name::Distinguished(text(&xtext(subject))),
                issuer: Name::Distinguished(text(&xtext(issuer))),
            }),
            Some(_) => None,
        }
    }
}

impl Certificate {
    /// The names in one line, for the ledger: the form, subject and issuer, parted by tabs. Mail
    /// addresses are left out: a local part names a person.
    #[must_use]
    pub fn to_record(&self) -> String {
        let form = match &self.subject {
            Name::Common(_) => "common",
            Name::Distinguished(_) => "distinguished",
        };
        [form.into(), self.subject.without_addresses(), self.issuer.without_addresses()]
            .map(|part| part.replace('\t', " "))
            .join("\t")
    }

    /// The certificate of [`Self::to_record`].
    #[must_use]
    pub fn from_record(record: &str) -> Option<Self> {
        let mut parts = record.split('\t');
        let name: fn(String) -> Name = match parts.next()? {
            "common" => Name::Common,
            "distinguished" => Name::Distinguished,
            _ => return None,
        };
        Some(Self { subject: name(parts.next()?.into()), issuer: name(parts.next()?.into()) })
    }
}

/// Whether a mail address was left out of what [`Certificate::to_record`] made.
#[must_use]
pub fn is_cut(record: &str) -> bool {
    record.contains(WITHHELD)
}

/// In a record, in place of a mail address.
const WITHHELD: &str = "(withheld)";

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

/// Decodes xtext; what is not valid stays as it is.
fn xtext(encoded: &[u8]) -> Cow<'_, [u8]> {
    if !encoded.contains(&b'+') {
        return Cow::Borrowed(encoded);
    }
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let Some((octet, after)) = rest.split_first() {
        let hex = after.split_at_checked(2).and_then(|(digits, after)| {
            Some((u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?, after))
        });
        let (value, after) = match hex {
            Some(decoded) if *octet == b'+' => decoded,
            _ => (*octet, after),
        };
        decoded.push(value);
        rest = after;
    }
    Cow::Owned(decoded)
}

impl Name {
    /// The name, with [`WITHHELD`] in place of each value that is or may be a mail address.
    fn without_addresses(&self) -> String {
        let name = match self {
            Self::Common(name) if name.contains('@') => return WITHHELD.into(),
            Self::Common(name) => return name.clone(),
            Self::Distinguished(name) => name,
        };
        let mut values: Vec<String> = Vec::new();
        for piece in name.split('/') {
            match values.last_mut() {
                // A slash inside a value is not marked as such.
                Some(value) if !piece.contains('=') => {
                    value.push('/');
                    value.push_str(piece);
                }
                _ => values.push(piece.into()),
            }
        }
        for value in &mut values {
            let key = value.split('=').next().unwrap_or_default();
            if key.eq_ignore_ascii_case("emailAddress") || value.contains('@') {
                // That there was a common name bears on whether another one is believed.
                *value = format!("{}{WITHHELD}", if key == "CN" { "CN=" } else { "" });
            }
        }
        values.join("/")
    }

    /// Whether the policy's name is this one. One that begins with `/` is a whole distinguished
    /// name, any other a common name.
    fn is(&self, wanted: &str) -> bool {
        match self {
            Self::Common(name) => name.eq_ignore_ascii_case(wanted),
            Self::Distinguished(name) if wanted.starts_with('/') => name == wanted,
            Self::Distinguished(name) => {
                // A slash inside a value is not marked as such: where there seem to be two
                // common names, neither can be believed.
                let mut rest = name.split("/CN=").skip(1);
                match (rest.next(), rest.next()) {
                    (Some(only), None) => {
                        let common = only.split('/').next().unwrap_or_default();
                        common.eq_ignore_ascii_case(wanted)
                    }
                    _ => false,
                }
            }
        }
    }
}

/// The certificate that a policy asks for: the names of its subject, of its issuer, or both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CertificateNames {
    /// The subject's common name, or with Sendmail its whole distinguished name.
    pub subject: Option<String>,
    /// The same of the issuer.
    pub issuer: Option<String>,
}

impl CertificateNames {
    /// Whether a certificate is the one that is asked for.
    #[must_use]
    pub fn match_certificate(&self, certificate: Option<&Certificate>) -> bool {
        certificate.is_some_and(|certificate| {
            let subject = self.subject.as_ref();
            let issuer = self.issuer.as_ref();
            subject.is_none_or(|wanted| certificate.subject.is(wanted))
                && issuer.is_none_or(|wanted| certificate.issuer.is(wanted))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn postfix(subject: &str) -> Option<Certificate> {
        Certificate::from_macros(Some(subject.as_bytes()), Some(b"Example Lab CA"), None)
    }

    fn sendmail(subject: &str, verify: &str) -> Option<Certificate> {
        let issuer = b"/O=Example+20Lab/CN=Example+20Lab+20CA";
        Certificate::from_macros(Some(subject.as_bytes()), Some(issuer), Some(verify.as_bytes()))
    }

    fn names(subject: &str, issuer: &str) -> CertificateNames {
        let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        CertificateNames { subject: given(subject), issuer: given(issuer) }
    }

    #[test]
    fn the_same_certificate_is_known_from_postfix_and_from_sendmail() {
        let dn = "/C=XX/O=Example+20+28Lab+29+20&+20Sons/CN=client.example.net";
        for certificate in [postfix("client.example.net"), sendmail(dn, "OK")] {
            for (subject, issuer, expected) in [
                ("client.example.net", "", true),
                ("Client.Example.NET", "Example Lab CA", true),
                ("", "Example Lab CA", true),
                ("other.example.net", "", false),
                ("example.net", "", false),
                ("client.example.net", "Other CA", false),
            ] {
                let matched = names(subject, issuer).match_certificate(certificate.as_ref());
                assert_eq!(matched, expected, "{subject} {issuer} {certificate:?}");
            }
        }
        let whole = names("/C=XX/O=Example (Lab) & Sons/CN=client.example.net", "");
        assert!(whole.match_certificate(sendmail(dn, "OK").as_ref()));
        assert!(!whole.match_certificate(postfix("client.example.net").as_ref()));
    }

    #[test]
    fn a_certificate_that_the_mta_does_not_trust_is_none() {
        for verify in ["FAIL", "NO", "NOT", "", "ok"] {
            assert_eq!(sendmail("/CN=client.example.net", verify), None, "{verify}");
        }
        assert_eq!(postfix(""), None);
        assert_eq!(Certificate::from_macros(None, None, None), None);
        assert!(!names("", "").match_certificate(None));
    }

    #[test]
    fn a_name_inside_another_name_is_not_believed() {
        let wanted = names("bank.example", "");
        for subject in [
            "/O=x/CN=bank.example/CN=evil.test",
            "/CN=evil.test/CN=bank.example",
            "/O=bank.example",
            "/CN=evil.test/OU=bank.example",
        ] {
            assert!(!wanted.match_certificate(sendmail(subject, "OK").as_ref()), "{subject}");
        }
        // What is a common name with Postfix is not taken apart.
        assert!(!wanted.match_certificate(postfix("/CN=bank.example").as_ref()));
        assert!(wanted.match_certificate(
            sendmail("/CN=bank.example/emailAddress=a@bank.example", "OK").as_ref()
        ));
    }

    #[test]
    fn a_certificate_comes_back_from_the_ledger_as_it_was() {
        for certificate in [postfix("/CN=x"), postfix("mx.test"), sendmail("/O=a/CN=b", "OK")] {
            let certificate = certificate.unwrap();
            assert_eq!(Certificate::from_record(&certificate.to_record()), Some(certificate));
        }
        assert_eq!(Certificate::from_record(""), None);
    }

    #[test]
    fn a_mail_address_in_a_certificate_is_not_stored() {
        let cut = |certificate: Option<Certificate>| certificate.unwrap().to_record();
        for (dn, stored) in [
            ("/O=a/CN=b/emailAddress=alice@b.test", "/O=a/CN=b/(withheld)"),
            ("/O=a/emailAddress=alice@b.test/CN=b", "/O=a/(withheld)/CN=b"),
            ("/emailAddress=alice/bob=x@b.test/CN=b", "/(withheld)/(withheld)/CN=b"),
            ("/O=a/CN=alice/b@b.test", "/O=a/CN=(withheld)"),
            ("/O=a/UID=alice@b.test/OU=c/d", "/O=a/(withheld)/OU=c/d"),
            ("alice@b.test", "(withheld)"),
        ] {
            let record = cut(sendmail(dn, "OK"));
            assert!(record.starts_with(&format!("distinguished\t{stored}\t")), "{record}");
            assert!(is_cut(&record));
        }
        assert!(cut(postfix("alice@b.test")).starts_with("common\t(withheld)\t"));
        assert!(!is_cut(&cut(postfix("*.b.test"))));
        // A common name beside one that was cut is believed no more than before.
        let two = cut(sendmail("/CN=bank.example/CN=alice@b.test", "OK"));
        let two = Certificate::from_record(&two);
        assert!(!names("bank.example", "").match_certificate(two.as_ref()));
    }

    #[test]
    fn xtext_that_is_none_stays_as_it_is() {
        for (encoded, decoded) in
            [("a+20b", "a b"), ("a+2", "a+2"), ("+zz", "+zz"), ("a+", "a+"), ("+2B20", "+20")]
        {
            assert_eq!(&*xtext(encoded.as_bytes()), decoded.as_bytes(), "{encoded}");
        }
    }
}
