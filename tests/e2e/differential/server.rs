//! The two MTAs, each with the milter.

use super::generate::DOMAINS;
use super::model::Kind;
use super::session::Door;
use crate::support::{
    Milter, MilterOptions, Postfix, PostfixOptions, Sendmail, SendmailOptions, Service, Sink,
};

/// An MTA that relays for all domains of the sessions but one, and for 127.0.0.1 for all.
pub enum Server {
    Postfix(Postfix),
    Sendmail(Sendmail),
}

impl Server {
    /// A Postfix that takes what it can be made to take.
    pub fn postfix() -> (Self, Milter) {
        let milter = start_milter(MilterOptions::default());
        let postfix = Postfix::start(
            PostfixOptions::default()
                .milter(&milter)
                .hosts(&DOMAINS)
                .main("relay_domains = test")
                .main("mynetworks = 127.0.0.1/32")
                .main("postscreen_access_list = static:permit")
                .main("smtpd_tls_ask_ccert = yes")
                .main("smtpd_tls_protocols = >=TLSv1")
                .main("tls_medium_cipherlist = ALL:COMPLEMENTOFALL:@SECLEVEL=0")
                .main("smtpd_tls_exclude_ciphers =")
                .main("tls_preempt_cipherlist = no"),
        );
        (Self::Postfix(postfix), milter)
    }

    /// A Sendmail that does.
    pub fn sendmail() -> (Self, Milter) {
        let milter = start_milter(MilterOptions::default().own_unix_socket());
        let options = SendmailOptions::default().milter(&milter).weak();
        let sendmail = Sendmail::start(options.mc("RELAY_DOMAIN(`test')"));
        (Self::Sendmail(sendmail), milter)
    }

    pub fn kind(&self) -> Kind {
        match self {
            Self::Postfix(_) => Kind::Postfix,
            Self::Sendmail(_) => Kind::Sendmail,
        }
    }

    pub fn port(&self, door: &Door) -> u16 {
        match self {
            Self::Postfix(postfix) => postfix.port(match door {
                Door::Smtp => Service::Smtp,
                Door::Smtps(_) => Service::Smtps,
                Door::Submission => Service::Submission,
                Door::Postscreen => Service::Postscreen,
                Door::HaProxy(_) => Service::HaProxy,
                Door::Xclient => Service::Xclient,
                Door::Chroot => Service::Chroot,
                Door::Weak => Service::Weak,
            }),
            Self::Sendmail(sendmail) => match door {
                Door::Smtps(_) => sendmail.smtps_port(),
                _ => sendmail.smtp_port(),
            },
        }
    }

    pub fn sink(&self) -> &Sink {
        match self {
            Self::Postfix(postfix) => postfix.sink(),
            Self::Sendmail(sendmail) => sendmail.sink(),
        }
    }

    /// Waits until all that was accepted is at the sink; Sendmail delivers before it answers.
    pub fn wait_until_delivered(&self) {
        if let Self::Postfix(postfix) = self {
            postfix.wait_for_queue("an empty queue", |queue| queue.is_empty());
        }
    }
}

/// Both MTAs always tell of TLS, so that a state that is taken for unknown shows as mail that passes.
fn start_milter(options: MilterOptions) -> Milter {
    let options = options.settings("on_unknown_tls: pass").log("local_parts: true");
    Milter::start_with("domains: []\n", options)
}
