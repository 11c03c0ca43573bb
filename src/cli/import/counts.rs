//! What became of all that a file told, in numbers.

use ledger::postfix_log::FailedHandshake;
use ledger::{Afterwards, Attempt, DeliveryStatus, Fate, FromLine, HopKind, LoggedTls};
use std::ops::AddAssign;

/// Declares structs of numbers that can be added up.
macro_rules! numbers {
    ($($(#[$doc:meta])* struct $Name:ident { $($(#[$of:meta])* $field:ident),+ $(,)? })+) => {
        $($(#[$doc])*
        #[derive(Clone, Copy, Debug, Default)]
        pub(super) struct $Name {
            $($(#[$of])* pub $field: u64,)+
        }

        impl AddAssign for $Name {
            fn add_assign(&mut self, other: Self) {
                $(self.$field += other.$field;)+
            }
        })+
    };
}

numbers! {
    /// Recipients of mail that came.
    struct Mail {
        recorded,
        /// Of the recorded.
        version_unknown,
        failed,
        unknown,
        imported,
        again,
        judged,
        not_opted_in,
        too_old,
    }

    /// Attempts to deliver to a recipient.
    struct Deliveries {
        /// Whatever became of them.
        all,
        /// Recorded: the server took it.
        sent,
        /// Of these.
        plaintext,
        local,
        unknown,
        /// Recorded: recipients whose mail had to wait, each once for each reason.
        deferred,
        /// Of these.
        deferred_for_tls,
        /// Recorded: recipients whose mail went back.
        bounced,
        imported,
    }

    /// Handshakes that failed, each once.
    struct Handshakes {
        all,
        recorded,
        /// Of these, by what the client did then.
        refused,
        taken,
        tls,
        away,
        imported,
    }
}

impl Mail {
    /// Whatever became of them.
    pub fn all(&self) -> u64 {
        let Self { recorded, imported, again, judged, not_opted_in, too_old, .. } = self;
        recorded + imported + again + judged + not_opted_in + too_old
    }

    fn add(&mut self, fate: Fate, tls: &LoggedTls) {
        *match fate {
            Fate::Recorded => &mut self.recorded,
            Fate::Imported => &mut self.imported,
            Fate::Again => &mut self.again,
            Fate::Judged => &mut self.judged,
            Fate::NotOptedIn => &mut self.not_opted_in,
            Fate::TooOld => &mut self.too_old,
        } += 1;
        if fate == Fate::Recorded {
            match tls {
                LoggedTls::Told(_) => {}
                LoggedTls::Encrypted => self.version_unknown += 1,
                LoggedTls::Failed(_) => self.failed += 1,
                LoggedTls::Unknown => self.unknown += 1,
            }
        }
    }
}

impl Deliveries {
    fn add(&mut self, fate: Fate, attempt: &Attempt) {
        if matches!(attempt.status, DeliveryStatus::Settled | DeliveryStatus::Resumed) {
            return;
        }
        self.all += 1;
        self.imported += u64::from(fate == Fate::Imported);
        if fate != Fate::Recorded {
            return;
        }
        match attempt.status {
            DeliveryStatus::Sent => {
                self.sent += 1;
                match attempt.tls.kind() {
                    HopKind::Encrypted => {}
                    HopKind::Plaintext | HopKind::Failed => self.plaintext += 1,
                    HopKind::Local => self.local += 1,
                    HopKind::Unknown => self.unknown += 1,
                }
            }
            DeliveryStatus::Deferred if attempt.is_again => {}
            DeliveryStatus::Deferred => {
                self.deferred += 1;
                self.deferred_for_tls += u64::from(attempt.reason.is_of_tls());
            }
            DeliveryStatus::Bounced => self.bounced += 1,
            DeliveryStatus::Settled | DeliveryStatus::Resumed => {}
        }
    }
}

impl Handshakes {
    fn add(&mut self, fate: Fate, handshake: &FailedHandshake) {
        // Those with a recipient are the same once more.
        if handshake.recipient.is_some() {
            return;
        }
        self.all += 1;
        self.imported += u64::from(fate == Fate::Imported);
        if fate == Fate::Recorded {
            self.recorded += 1;
            *match handshake.afterwards {
                Afterwards::Refused => &mut self.refused,
                Afterwards::Taken => &mut self.taken,
                Afterwards::Tls => &mut self.tls,
                Afterwards::Away => &mut self.away,
            } += 1;
        }
    }
}

/// All of it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub mail: Mail,
    pub deliveries: Deliveries,
    pub handshakes: Handshakes,
}

impl Counts {
    pub fn add(&mut self, told: FromLine<'_>, fate: Fate) {
        match told {
            FromLine::Mail(logged) => self.mail.add(fate, &logged.tls),
            FromLine::Delivery(delivered) => self.deliveries.add(fate, &delivered.attempt),
            FromLine::Handshake(handshake) => self.handshakes.add(fate, handshake),
        }
    }

    pub fn add_all(&mut self, other: Self) {
        self.mail += other.mail;
        self.deliveries += other.deliveries;
        self.handshakes += other.handshakes;
    }

    /// Whether anything was told at all.
    pub fn is_empty(&self) -> bool {
        self.mail.all() + self.deliveries.all + self.handshakes.all == 0
    }
}
