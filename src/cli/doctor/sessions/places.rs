//! Where the MTA takes mail from outside.

use super::{Health, SUBJECT, certificate, sendmail};
use crate::cli::doctor::Answer;
use crate::net::own_addresses;
use crate::postfix::{PostfixFacts, doorways, gather_all};
use crate::visit::Door;
use config::finding::FindingId;
use std::{fs, net::IpAddr, path::Path};

/// The most addresses of a service that are tried.
const ADDRESSES: usize = 16;

/// An address of a service.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Where, and how.
    pub door: Door,
    /// The service, as its MTA names it.
    pub label: String,
    /// Whether postscreen stands there.
    pub is_postscreen: bool,
    /// What is wrong with the files of certificates and keys; looked at where TLS is broken.
    pub causes: Vec<String>,
}

/// All places of the MTA that is here, and what is to be said about them before they are tried.
pub(super) fn all(directory: Option<&Path>) -> (Vec<Place>, Vec<Answer>) {
    let host = own_addresses();
    if let Ok((instances, _)) = gather_all(directory) {
        let found = instances.iter().map(|facts| of_postfix(facts, &host));
        let (places, answers): (Vec<_>, Vec<_>) = found.unzip();
        return only_here(places.concat(), answers.concat());
    }
    let Ok(text) = fs::read_to_string(crate::cli::doctor::mta::SENDMAIL) else {
        return (Vec::new(), Vec::new());
    };
    let name = sendmail::own_name(&text);
    let places = sendmail::daemons(&text, &host).into_iter().map(|daemon| Place {
        door: Door {
            address: daemon.address,
            wrapped: daemon.wrapped,
            proxied: false,
            name: name.clone(),
        },
        label: daemon.label,
        is_postscreen: false,
        causes: Vec::new(),
    });
    (places.collect(), Vec::new())
}

fn of_postfix(facts: &PostfixFacts, host: &[IpAddr]) -> (Vec<Place>, Vec<Answer>) {
    let (mut places, mut answers) = (Vec::new(), Vec::new());
    for doorway in doorways(facts, host) {
        let service = doorway.service;
        let parameters = &service.parameters;
        let label = service.label();
        if doorway.addresses.is_empty() {
            let what = format!("{label}: where it listens cannot be told, so it was not tried");
            let remedy =
                "look at inet_interfaces, inet_protocols and the service's name in master.cf";
            let answer =
                Answer::new(FindingId::MtaNotTried, Health::Warning, SUBJECT, what, remedy);
            answers.push(answer.about(&label));
        }
        let causes = certificate::causes(parameters);
        places.extend(doorway.addresses.into_iter().take(ADDRESSES).map(|address| Place {
            door: Door {
                address,
                wrapped: doorway.wrapped,
                proxied: doorway.proxied,
                name: facts.main.get("myhostname").to_owned(),
            },
            label: label.clone(),
            is_postscreen: service.program == "postscreen",
            causes: causes.clone(),
        }));
    }
    (places, answers)
}

/// Adds that no other server reaches any of these, where that is so.
fn only_here(places: Vec<Place>, mut answers: Vec<Answer>) -> (Vec<Place>, Vec<Answer>) {
    if !places.is_empty() && places.iter().all(|place| place.door.address.ip().is_loopback()) {
        answers.push(Answer::new(
            FindingId::OnlyThisHost,
            Health::Note,
            SUBJECT,
            "the MTA takes mail from this host alone: no other server reaches it",
            "if it is to: inet_interfaces in main.cf (postfix stop && postfix start)",
        ));
    }
    (places, answers)
}
