//! Words for what the product knows as an enum.

use super::Words;
use crate::ops::audit::Action;
use crate::ops::insight::RequirementText;
use crate::ops::{Role, Scope, Via};
use config::policy_file::WrittenException;
use ledger::RecordedReason;
use policy::tls::Version;
use policy::{Language, Mode, ReasonKind, Requirement};

/// A version as people write it: `TLS 1.0`.
pub(in crate::web::pages) fn version(version: Version) -> String {
    match version {
        Version::Tlsv1 => "TLS 1.0".into(),
        other => other.to_string().replace("TLSv", "TLS ").replace("SSLv", "SSL "),
    }
}

/// Fields of what is in the audit log that are of no use to people; the file with the log has them all.
const INWARD: [&str; 11] = [
    "id",
    "organisation",
    "version",
    "has_password",
    "has_identity",
    "has_totp",
    "created",
    "used",
    "signed_in",
    "domains",
    "accounts",
];

impl Words {
    /// A mode in a word.
    pub fn mode(&self, mode: Mode) -> &'static str {
        match mode {
            Mode::Off => self.one("off", "aus"),
            Mode::Monitor => self.one("monitor", "beobachten"),
            Mode::Enforce => self.one("enforce", "verlangen"),
        }
    }

    /// What a mode does, as a sentence about now.
    pub fn mode_does(&self, mode: Mode) -> &'static str {
        match mode {
            Mode::Off => self.one("Mail is not checked.", "E-Mails werden nicht geprüft."),
            Mode::Monitor => self.one(
                "Unencrypted mail is recorded, and taken.",
                "Unverschlüsselte E-Mails werden festgehalten und angenommen.",
            ),
            Mode::Enforce => self
                .one("Unencrypted mail is refused.", "Unverschlüsselte E-Mails werden abgewiesen."),
        }
    }

    /// The words for a button that leads to it.
    pub fn mode_choice(&self, mode: Mode) -> &'static str {
        match mode {
            Mode::Off => self.one("Do not check", "Nicht prüfen"),
            Mode::Monitor => self.one("Only monitor", "Nur beobachten"),
            Mode::Enforce => {
                self.one("Refuse unencrypted mail", "Unverschlüsselte E-Mails abweisen")
            }
        }
    }

    /// A language, in this one.
    pub fn language_name(&self, language: Language) -> &'static str {
        match language {
            Language::English => self.one("English", "Englisch"),
            Language::German => self.one("German", "Deutsch"),
        }
    }

    /// What a requirement asks of a session, in plain words.
    pub fn requirement(&self, requirement: &Requirement) -> String {
        let mut parts = vec![super::fill(
            self.one("{version} or newer", "{version} oder neuer"),
            &[("version", &version(requirement.min_version()))],
        )];
        let bits = requirement.min_bits();
        if bits > 0 {
            let text = self.one("keys of at least {} bits", "Schlüssel von mindestens {} Bit");
            parts.push(text.replace("{}", &bits.to_string()));
        }
        if requirement.forward_secrecy() {
            let text = self.one(
                "a key of its own for each session (forward secrecy)",
                "ein eigener Schlüssel je Sitzung (Forward Secrecy)",
            );
            parts.push(text.into());
        }
        if requirement.aead() {
            parts.push(self.one("modern ciphers (AEAD)", "zeitgemässe Verfahren (AEAD)").into());
        }
        if requirement.allowed_suites().is_some() {
            parts.push(
                self.one("cipher suites of a fixed list", "Cipher-Suiten einer festen Liste")
                    .into(),
            );
        } else {
            parts.push(self.one("no broken cipher", "kein gebrochenes Verfahren").into());
        }
        if !requirement.client_certificates().is_empty() {
            parts.push(
                self.one("a certificate of the sender's", "ein Zertifikat des Absenders").into(),
            );
        }
        parts.join(", ")
    }

    /// The same of a requirement that may be the operator's own, of which less is known.
    pub fn requirement_text(&self, text: &RequirementText) -> String {
        match Requirement::builtin(&text.name) {
            Some(built_in) => self.requirement(built_in),
            None => {
                let least = Version::from_name(text.min_version.as_bytes());
                let least = least.map_or(text.min_version.clone(), version);
                super::fill(
                    self.one("{version} or newer", "{version} oder neuer"),
                    &[("version", &least)],
                )
            }
        }
    }

    /// A share of recipients.
    pub fn share(&self, share: Option<f64>) -> String {
        pages::report::share_in(share, self.language)
    }

    /// Why something was or would be refused.
    pub fn reason(&self, reason: &RecordedReason) -> String {
        pages::digest::reason(reason, self.language).into_owned()
    }

    /// Why a verdict is as it is; `detail` says it in English.
    pub fn why(&self, kind: ReasonKind, detail: &str) -> String {
        let german = match kind {
            _ if self.language == Language::English => return detail.to_owned(),
            ReasonKind::NotOptedIn => "keine Domain in Sicht ist erfasst",
            ReasonKind::Off => "die Domain wird nicht geprüft",
            ReasonKind::LocalSubmission => "ein Programm des Gateways selber hat sie eingeliefert",
            ReasonKind::TrustedClient => "der Server liegt in einem vertrauten Netz",
            ReasonKind::TrustedAuthenticated => "der Client hat sich angemeldet",
            ReasonKind::Adequate => "die Sitzung erfüllt die Anforderung",
            ReasonKind::Exception => "eine Ausnahme gilt",
            ReasonKind::UnknownTlsPassed => {
                "nichts über TLS bekannt ist, und das lässt das Gateway durch"
            }
            kind => return self.reason(&RecordedReason::Known(kind)),
        };
        german.into()
    }

    /// A role in a word.
    pub fn role(&self, role: Role) -> &'static str {
        match role {
            Role::Operator => self.one("operator", "Betreiber"),
            Role::Administrator => self.one("administrator", "Administration"),
            Role::Reader => self.one("read only", "nur lesen"),
        }
    }

    /// What an account of a role does, in a sentence.
    pub fn role_does(&self, role: Role) -> &'static str {
        match role {
            Role::Operator => self.one("Runs the gateway.", "Betreibt das Gateway."),
            Role::Administrator => self.one(
                "Sees and changes the organisation's domains.",
                "Sieht und ändert die Domains der Organisation.",
            ),
            Role::Reader => {
                self.one("Sees the organisation's domains.", "Sieht die Domains der Organisation.")
            }
        }
    }

    /// What a token may be used for: in a word, and in a sentence.
    pub fn scope(&self, scope: Scope) -> [&'static str; 2] {
        match scope {
            Scope::Read => [
                self.one("look", "lesen"),
                self.one("All that you may see.", "Alles, was Sie sehen dürfen."),
            ],
            Scope::Switch => [
                self.one("switch", "umstellen"),
                self.one("Mode and start date of domains.", "Modus und Beginn von Domains."),
            ],
            Scope::Manage => [
                self.one("change", "ändern"),
                self.one(
                    "All else that is set for domains.",
                    "Alles andere, was für Domains gesetzt ist.",
                ),
            ],
            Scope::Operator => [
                self.one("operate", "betreiben"),
                self.one("What operators do.", "Was Betreiber tun."),
            ],
        }
    }

    /// What was done, in the audit log.
    pub fn action(&self, action: Action) -> &'static str {
        match action {
            Action::DomainAdded => self.one("domain added", "Domain hinzugefügt"),
            Action::DomainRemoved => self.one("domain removed", "Domain entfernt"),
            Action::DomainSwitched => self.one("switched", "umgestellt"),
            Action::DomainChanged => self.one("changed", "geändert"),
            Action::OrganisationAdded => self.one("organisation added", "Organisation hinzugefügt"),
            Action::OrganisationRenamed => {
                self.one("organisation renamed", "Organisation umbenannt")
            }
            Action::OrganisationRemoved => {
                self.one("organisation removed", "Organisation entfernt")
            }
            Action::AccountAdded => self.one("account added", "Konto hinzugefügt"),
            Action::AccountChanged => self.one("account changed", "Konto geändert"),
            Action::LinkMade => self.one("one-time link made", "Einmal-Link erstellt"),
            Action::PasswordSet => self.one("password set", "Passwort gesetzt"),
            Action::TotpSet => self.one("second step set up", "zweiter Schritt eingerichtet"),
            Action::TotpRemoved => self.one("second step removed", "zweiter Schritt entfernt"),
            Action::IdentityJoined => self.one("sign-in joined", "Anmeldung verbunden"),
            Action::IdentityRemoved => self.one("sign-in taken away", "Anmeldung getrennt"),
            Action::SignedIn => self.one("signed in", "angemeldet"),
            Action::SignInFailed => self.one("sign-in failed", "Anmeldung fehlgeschlagen"),
            Action::BehalfBegun => self.one("began to act for them", "begann für sie zu handeln"),
            Action::TokenAdded => self.one("token made", "Token erstellt"),
            Action::TokenRevoked => self.one("token revoked", "Token widerrufen"),
            Action::ConnectionTested => self.one("connection tested", "Verbindung geprüft"),
            Action::LevelUntested => self.one("level set untested", "Stufe ungeprüft gesetzt"),
            Action::OfferChanged => self.one("offer changed", "Angebot geändert"),
        }
    }

    /// By what something was done.
    pub fn via(&self, via: Via) -> &'static str {
        match via {
            Via::Page => self.one("page", "Seite"),
            Via::Api => "API",
            Via::Shell => self.one("shell", "Befehlszeile"),
        }
    }

    /// A field of an entry with its value, as the audit log has them, in a line or several.
    pub fn field(&self, name: &str, value: &str) -> Vec<String> {
        // What only this program counts with; the action says what became of a password.
        if INWARD.contains(&name) {
            return Vec::new();
        }
        let list: Option<Vec<String>> = serde_json::from_str(value).ok();
        let list = list.map(|all| all.join(", "));
        let value = match value {
            "true" => self.one("yes", "ja"),
            "false" => self.one("no", "nein"),
            value => list.as_deref().unwrap_or(value),
        };
        let shown = match (name, value.parse::<Mode>(), value.parse::<Language>()) {
            ("mode", Ok(mode), _) => self.mode(mode),
            ("language", _, Ok(language)) => self.language_name(language),
            ("exceptions", ..) => {
                let all: Vec<WrittenException> = serde_json::from_str(value).unwrap_or_default();
                if !all.is_empty() {
                    return all.iter().map(|one| self.exception(one)).collect();
                }
                value
            }
            _ => value,
        };
        let label = match name {
            "mode" => self.domains.mode,
            "enforce_from" => self.one("Enforced from", "Verlangt ab"),
            "require" => self.change.requirement_legend,
            "contact" => self.domain.contact,
            "language" => self.one("Language", "Sprache"),
            "exceptions" => self.domain.exceptions,
            "deliver" => self.domain.delivery,
            "domain" => self.domains.domain,
            "role" => self.person.role,
            "login" => self.person.login,
            "organisation_name" => self.domains.organisation,
            "name" => "Name",
            "scopes" => self.tokens.scope,
            "ends" => self.one("Ends", "Endet"),
            "revoked" => self.one("Revoked", "Widerrufen"),
            "disabled" => self.one("Locked since", "Gesperrt seit"),
            "modes" => self.offer.modes,
            "requirements" => self.offer.requirements,
            "issuer" => self.one("OpenID provider", "OpenID-Anbieter"),
            "subject" => self.one("Known there as", "Dort bekannt als"),
            "next_hops" => self.one("Servers", "Server"),
            "would_hold" => self.one("Levels that would hold", "Stufen, die halten würden"),
            "level" => self.domain.delivery,
            "although" => self.one("Although", "Obwohl"),
            name => name,
        };
        vec![format!("{label}: {shown}")]
    }

    /// An exception in a line.
    fn exception(&self, exception: &WrittenException) -> String {
        let whose = crate::web::pages::domain::whose(exception);
        let until = exception.until.as_deref().unwrap_or_default();
        let reason = &exception.reason;
        match until {
            "" => format!("{}: {whose} ({reason})", self.domain.exceptions),
            until => format!("{}: {whose} ({reason}, {until})", self.domain.exceptions),
        }
    }
}
