//! Whether a port for users takes mail from nobody else.

use super::facts::Parameters;
use super::syntax::elements;

/// The lists that Postfix goes through before it takes a recipient. Whoever one of them refuses is
/// refused.
pub(super) const LISTS: [&str; 7] = [
    "smtpd_client_restrictions",
    "smtpd_helo_restrictions",
    "smtpd_sender_restrictions",
    "smtpd_relay_restrictions",
    "smtpd_recipient_restrictions",
    "smtpd_data_restrictions",
    "smtpd_end_of_data_restrictions",
];
/// Restrictions that let a stranger through: always, or to the domains of this host.
const LETS_STRANGERS_IN: [&str; 3] = ["permit", "permit_auth_destination", "permit_mx_backup"];
/// Restrictions that let nobody through who has come so far.
const LETS_NOBODY_IN: [&str; 2] = ["reject", "defer"];
/// A restriction of this name is only tried out: what comes behind it refuses nobody.
const ONLY_WARNS: &str = "warn_if_reject";
/// Classes of restrictions hold others, but not for ever.
const DEEPEST: u8 = 8;

/// Whether an smtpd with these parameters refuses whoever has not authenticated or is not known to it:
/// `permit_sasl_authenticated, reject` in one of its lists, or the like.
pub(super) fn is_for_users_only(parameters: &Parameters) -> bool {
    LISTS.iter().any(|list| end_of(parameters, parameters.get(list), 0) == Some(End::Refused))
}

/// Whether everybody comes from a known network.
fn knows_everybody(parameters: &Parameters) -> bool {
    parameters.list("mynetworks").any(|network| network.ends_with("/0"))
}

/// What becomes of a stranger in a list of restrictions; nothing where it does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    LetIn,
    Refused,
}

fn end_of(parameters: &Parameters, list: &str, depth: u8) -> Option<End> {
    let mut restrictions = elements(list);
    while let Some(restriction) = restrictions.next() {
        let name = restriction.to_ascii_lowercase();
        if name == ONLY_WARNS {
            restrictions.next();
        } else if LETS_STRANGERS_IN.contains(&name.as_str())
            || (name == "permit_mynetworks" && knows_everybody(parameters))
        {
            return Some(End::LetIn);
        } else if LETS_NOBODY_IN.contains(&name.as_str()) {
            return Some(End::Refused);
        } else if depth < DEEPEST
            && parameters.list("smtpd_restriction_classes").any(|class| class == restriction)
        {
            let end = end_of(parameters, parameters.get(restriction), depth + 1);
            if end.is_some() {
                return end;
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_for_users_only_where_one_list_refuses_everybody_else() {
        for lines in [
            "smtpd_client_restrictions = permit_sasl_authenticated,reject",
            "smtpd_client_restrictions = permit_mynetworks, permit_sasl_authenticated, REJECT",
            "smtpd_relay_restrictions = permit_sasl_authenticated defer",
            "smtpd_recipient_restrictions = check_recipient_access hash:/x, reject_unlisted_recipient, \
             permit_sasl_authenticated, reject",
            "smtpd_restriction_classes = users_only, other\nusers_only = permit_sasl_authenticated, reject\n\
             smtpd_sender_restrictions = reject_unknown_sender_domain, users_only",
        ] {
            assert!(is_for_users_only(&Parameters::parse(lines)), "{lines}");
        }
        for lines in [
            "",
            "smtpd_client_restrictions =",
            "smtpd_sasl_auth_enable = yes",
            "smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, \
             reject_unauth_destination",
            "smtpd_relay_restrictions = permit_sasl_authenticated, defer_unauth_destination",
            "smtpd_recipient_restrictions = permit_sasl_authenticated, permit_auth_destination, reject",
            "smtpd_client_restrictions = permit_sasl_authenticated, warn_if_reject reject",
            "smtpd_client_restrictions = permit, reject",
            "mynetworks = 127.0.0.0/8 0.0.0.0/0\nsmtpd_client_restrictions = permit_mynetworks, reject",
            "smtpd_restriction_classes = a\na = a\nsmtpd_client_restrictions = a",
        ] {
            assert!(!is_for_users_only(&Parameters::parse(lines)), "{lines}");
        }
    }
}
