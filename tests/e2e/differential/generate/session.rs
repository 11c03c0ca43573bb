//! Sessions: commands mostly in the usual order, and some out of it.

use proptest::prelude::*;
use proptest::sample::select;

use super::offer::{Offer, tls};
use super::{CLIENTS, DOMAINS, FAR_CLIENTS, SENDERS};
use crate::differential::model::Kind;
use crate::differential::session::{
    Body, Command, Door, Mailbox, Name, Recipient, Sender, Session, Spelling, Turn,
};

pub fn session(kind: Kind) -> BoxedStrategy<Session> {
    // With QUIT; without it; without even reading the last answers.
    let ending = prop_oneof![
        3 => Just((Some(Turn { command: Command::Quit, joined: false }), false)),
        1 => Just((None, false)),
        1 => Just((None, true)),
    ];
    door(kind)
        .prop_flat_map(move |door| {
            let moves = prop::collection::vec(a_move(kind, &door), 0..7);
            let opening = opening(kind, &door);
            let pipelines = any::<bool>();
            (select(CLIENTS.to_vec()), opening, moves, pipelines, ending.clone()).prop_map(
                move |(source, opening, moves, pipelines, (quit, hangs_up_unread))| {
                    let turns = opening.into_iter().chain(moves.into_iter().flatten()).chain(quit);
                    // Sendmail takes nothing together with a HELO.
                    let may_join = |command: &Command| {
                        kind == Kind::Postfix || !matches!(command, Command::Helo | Command::Ehlo)
                    };
                    let joined = |turn: Turn| Turn {
                        joined: turn.joined && pipelines && may_join(&turn.command),
                        ..turn
                    };
                    let turns = turns.map(joined).collect();
                    Session { door: door.clone(), source, turns, hangs_up_unread }
                },
            )
        })
        .boxed()
}

fn door(kind: Kind) -> BoxedStrategy<Door> {
    match kind {
        Kind::Postfix => prop_oneof![
            4 => Just(Door::Smtp),
            1 => tls(Offer::Postfix).prop_map(Door::Smtps),
            2 => Just(Door::Submission),
            1 => Just(Door::Postscreen),
            1 => select(FAR_CLIENTS.to_vec()).prop_map(Door::HaProxy),
            1 => Just(Door::Xclient),
            1 => Just(Door::Chroot),
            5 => Just(Door::Weak),
        ]
        .boxed(),
        Kind::Sendmail => prop_oneof![
            5 => Just(Door::Smtp),
            1 => tls(Offer::Sendmail).prop_map(Door::Smtps),
        ]
        .boxed(),
    }
}

fn opening(kind: Kind, door: &Door) -> BoxedStrategy<Vec<Turn>> {
    let hello = prop_oneof![1 => Just(Command::Helo), 3 => Just(Command::Ehlo)];
    let hello = turn(hello).prop_map(|turn| vec![turn]);
    prop_oneof![1 => Just(vec![]), 3 => hello.clone(), 5 => then(hello, encrypt(kind, door))]
        .boxed()
}

/// Some commands that belong together.
fn a_move(kind: Kind, door: &Door) -> BoxedStrategy<Vec<Turn>> {
    let stray = prop::collection::vec(turn(stray()), 1..3);
    let special = match (kind, door) {
        (Kind::Sendmail, _) | (_, Door::Submission) => {
            turn(prop::bool::weighted(0.8).prop_map(Command::Auth))
                .prop_map(|one| vec![one])
                .boxed()
        }
        (_, Door::Xclient) => turn(select(FAR_CLIENTS.to_vec()).prop_map(Command::Xclient))
            .prop_map(|one| vec![one])
            .boxed(),
        _ => stray.clone().boxed(),
    };
    prop_oneof![7 => message(), 2 => encrypt(kind, door), 1 => stray, 1 => special].boxed()
}

fn encrypt(kind: Kind, door: &Door) -> BoxedStrategy<Vec<Turn>> {
    let starttls = turn(tls(Offer::at(kind, door)).prop_map(Command::StartTls));
    (starttls, prop::option::weighted(0.8, turn(Just(Command::Ehlo))))
        .prop_map(|(starttls, ehlo)| [starttls].into_iter().chain(ehlo).collect())
        .boxed()
}

fn message() -> BoxedStrategy<Vec<Turn>> {
    let rcpt = prop_oneof![
        12 => recipient().prop_map(Command::Rcpt),
        1 => select(vec![Command::Noop, Command::Vrfy, Command::Unknown]),
    ];
    let end = prop_oneof![
        8 => Just(Some(Command::Data(Body::Whole))),
        2 => Just(Some(Command::Rset)),
        1 => Just(None),
        1 => Just(Some(Command::Data(Body::Broken))),
    ];
    let end = (end, any::<bool>())
        .prop_map(|(command, joined)| command.map(|command| Turn { command, joined }));
    (turn(sender().prop_map(Command::Mail)), prop::collection::vec(turn(rcpt), 0..5), end)
        .prop_map(|(mail, rcpts, end)| [mail].into_iter().chain(rcpts).chain(end).collect())
        .boxed()
}

fn stray() -> BoxedStrategy<Command> {
    prop_oneof![
        Just(Command::Noop),
        Just(Command::Rset),
        Just(Command::Vrfy),
        Just(Command::Ehlo),
        Just(Command::Helo),
        Just(Command::Unknown),
        Just(Command::Data(Body::Whole)),
        sender().prop_map(Command::Mail),
        recipient().prop_map(Command::Rcpt),
    ]
    .boxed()
}

fn turn(command: impl Strategy<Value = Command> + 'static) -> BoxedStrategy<Turn> {
    (command, prop::bool::weighted(0.7))
        .prop_map(|(command, joined)| Turn { command, joined })
        .boxed()
}

fn then(
    first: impl Strategy<Value = Vec<Turn>>,
    second: impl Strategy<Value = Vec<Turn>>,
) -> impl Strategy<Value = Vec<Turn>> {
    (first, second).prop_map(|(first, second)| [first, second].concat())
}

fn sender() -> BoxedStrategy<Sender> {
    (prop::option::weighted(0.85, select(SENDERS.to_vec())), spelling())
        .prop_map(|(domain, spelling)| Sender { domain, spelling })
        .boxed()
}

fn recipient() -> BoxedStrategy<Recipient> {
    let name = prop_oneof![
        6 => Just(Name::Tagged),
        1 => Just(Name::TaggedExtended),
        2 => Just(Name::Boss),
        2 => Just(Name::BossExtended),
    ];
    let mailbox =
        (name, prop::bool::weighted(0.1)).prop_map(|(name, is_quoted)| Mailbox { name, is_quoted });
    (mailbox, select(DOMAINS.to_vec()), spelling())
        .prop_map(|(mailbox, domain, spelling)| Recipient { mailbox, domain, spelling })
        .boxed()
}

fn spelling() -> impl Strategy<Value = Spelling> {
    prop_oneof![
        6 => Just(Spelling::Plain),
        1 => Just(Spelling::Capitals),
        1 => Just(Spelling::Initials),
        1 => Just(Spelling::Dot),
    ]
}
