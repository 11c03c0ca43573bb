//! The words by which findings are known.

use strum::{Display, EnumIter, EnumString, IntoStaticStr};

/// What `check` and `doctor` can find. Each has a word that is never renamed: people search for it, name it in
/// a ticket, and accept it. docs/guide/findings.md explains them all, and a test holds the two together.
///
/// One that bears on a single service or parameter is accepted for that one alone, if somebody says so: see
/// [`super::Acceptance`].
#[derive(
    Clone,
    Copy,
    Debug,
    Display,
    EnumIter,
    EnumString,
    IntoStaticStr,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
)]
#[strum(serialize_all = "kebab-case")]
pub enum FindingId {
    // --- who asks the milter ---
    /// An smtpd that takes other servers' mail does not ask the milter.
    MilterNotAsked,
    /// Its entry for the milter does not lead to the milter's socket.
    MilterSocketAstray,
    /// Its entry has the milter's port on a host that may be another one.
    MilterOnAnotherHost,
    /// Postfix cannot read the entry: smtpd ends, or puts off all mail.
    MilterEntryBroken,
    /// The milter is listed more than once.
    MilterListedTwice,
    /// An smtpd on an uncommon port does not ask the milter.
    PortNotAsked,
    /// A port for users does not ask the milter and takes mail from anybody.
    SubmissionOpen,
    /// A port for users does not ask the milter.
    SubmissionNotAsked,
    /// An smtpd for this host's own programs does not ask the milter.
    InternalNotAsked,
    /// An smtpd does not ask the milter and takes mail from known networks alone.
    OwnNetworksNotAsked,
    /// The milter is asked about mail from local programs.
    LocalMailAsked,
    /// Some clients are shown to other milters.
    MiltersByClient,
    /// No service runs smtpd.
    NoSmtpd,
    /// Mail comes in over QMQP, which is not judged.
    Qmqp,
    /// Services are switched off in this instance of Postfix.
    ServicesSwitchedOff,
    /// Another instance of Postfix was not looked at.
    OtherInstance,
    // --- on what terms ---
    /// While the milter is down, mail passes unjudged.
    DefaultActionAccept,
    /// While the milter is down, mail is kept in the hold queue.
    DefaultActionQuarantine,
    /// While the milter is down, mail is bounced.
    DefaultActionReject,
    /// This Postfix does not know the default action.
    DefaultActionUnknown,
    /// A version of the milter protocol without lists of macros.
    MilterProtocolOld,
    /// Postfix waits less for the milter than a restart may take.
    ConnectTimeoutShort,
    /// A macro that verdicts rest on is made up.
    MacroMadeUp,
    /// Postfix may ask more at a time than the milter takes.
    SmtpdProcesses,
    // --- what a session can be ---
    /// An smtpd offers no STARTTLS.
    StarttlsNotOffered,
    /// An smtpd takes no plaintext from anybody.
    PlaintextRefused,
    /// Postfix cannot read a list of TLS protocols, and switches TLS off.
    TlsProtocolsMisspelt,
    /// No session that this Postfix offers satisfies a requirement of the policy.
    RequirementNotOffered,
    /// The policy asks for client certificates, Postfix does not.
    ClientCertificateNotAsked,
    /// A client may come with a raw public key, which has no certificate.
    RawPublicKeys,
    /// A proxy may end TLS before Postfix.
    TlsEndedByProxy,
    /// Hosts may claim any client address.
    XclientHosts,
    /// Commands are rewritten before the milter sees them.
    CommandsRewritten,
    /// Some clients are offered less.
    EhloKeywordsByClient,
    /// Mail that a filter hands back is refused.
    FilterReturnRefused,
    /// Mail goes through a content filter.
    ContentFilter,
    /// Users are held to the requirements of the domains that they write to.
    UsersJudged,
    // --- where mail goes after it was judged ---
    /// An alias or a like map leads into an opted-in domain.
    AliasLeadsIn,
    /// A map cannot be looked into.
    MapUnseen,
    /// An opted-in address is sent copies of mail for others.
    CopyLeadsIn,
    /// Stripped host names lead into an opted-in domain.
    MasqueradingLeadsIn,
    /// A table with actions leads mail into an opted-in domain.
    ActionLeadsIn,
    /// A table with actions cannot be looked into.
    ActionsUnseen,
    /// The mailboxes of an opted-in domain have other names, which nobody thought of.
    LocalNameUnnoticed,
    /// They have other names, which take mail in the clear by the policy.
    LocalNameOnPurpose,
    // --- what a refused sender is told, and what follows ---
    /// All permanent refusals are turned into temporary ones.
    SoftBounce,
    /// Text is added to the milter's replies.
    ReplyFooter,
    /// The milter's replies may be replaced.
    ReplyFilter,
    /// Refused recipients end a session that has others.
    ErrorLimit,
    // --- the second hop ---
    /// The policy demands something of next hops, and Postfix does not ask.
    NextHopNotAsked,
    /// The map does not lead to the program's socket, mostly because of a chroot.
    NextHopMapAstray,
    /// Another map is asked first.
    NextHopMapBehind,
    /// A header of the mail switches the second hop's TLS off.
    TlsRequiredHeader,
    /// Mail leaves by a service that does not ask.
    NextHopPassesBy,
    /// Mail goes to a next hop that the entry does not name.
    NextHopNotNamed,
    /// Mail of some senders does either.
    NextHopBySender,
    /// A filter leads mail to another host by a service that does not ask.
    NextHopByFilter,
    /// Without the policy, Postfix would hold a next hop to more.
    NextHopLevelLowered,
    /// A resolver for DANE or MTA-STS is not asked for what the policy speaks of.
    NextHopResolverBehind,
    /// DANE is demanded of a service that looks up no DNSSEC.
    NextHopWithoutDnssec,
    /// A certificate is demanded of a service that knows no authorities.
    NextHopWithoutAuthorities,
    /// Mail whose sender asks for REQUIRETLS bounces.
    RequiretlsBounces,
    /// Nobody answers look-ups where Postfix asks.
    LookUpsSilent,
    /// Postfix's user does not reach the socket of look-ups.
    LookUpsOutOfReach,
    /// Look-ups are taken, and not answered in time.
    LookUpsHang,
    /// Another program answers look-ups.
    LookUpsOfAnother,
    /// What is answered is not what the policy says.
    LookUpsDiffer,
    // --- whom one trusts ---
    /// Postfix trusts networks that the policy does not.
    NetworksPostfixTrusts,
    /// The policy trusts networks that Postfix does not.
    NetworksPolicyTrusts,
    /// Postfix complains about its configuration.
    PostfixComplains,
    // --- what senders get, as sessions with the MTA show ---
    /// Nobody takes connections.
    MtaDown,
    /// The MTA takes the connection, and no session comes of it.
    MtaTurnsAway,
    /// Where the MTA listens cannot be told.
    MtaNotTried,
    /// The MTA listens on loopback addresses alone.
    OnlyThisHost,
    /// Whether this milter is asked cannot be tried.
    TrialNotPossible,
    /// A recipient is taken, and this milter was not asked.
    MailUnjudged,
    /// The MTA puts mail off, since a milter does not answer.
    MailPutOff,
    /// The MTA itself refuses the recipients of the trial.
    RecipientsRefused,
    /// STARTTLS is offered, and no session over TLS comes about.
    TlsBroken,
    /// There is no cipher suite that careful senders offer.
    TlsNoCommonSuite,
    /// There is nothing newer than TLS 1.1.
    TlsTooOld,
    /// There is no TLS 1.2.
    Tls12Missing,
    /// There is no TLS 1.3.
    Tls13Missing,
    /// The certificate has expired.
    CertificateExpired,
    /// The certificate is not valid yet.
    CertificateNotYetValid,
    /// The certificate expires within two weeks.
    CertificateExpiresSoon,
    /// The certificate is not for this server's name.
    CertificateOtherName,
    /// An intermediate certificate is not sent along.
    CertificateChainIncomplete,
    /// Nobody whom others trust stands behind the certificate.
    CertificateNotPublic,
    /// The certificate's key is weak, or not the server's.
    CertificateKeyUnproven,
    /// What is presented is no certificate of today.
    CertificateUnreadable,
    /// There was mail in the last hour, and none of it was encrypted.
    NothingEncrypted,
    // --- Sendmail ---
    /// sendmail.cf does not define the milter.
    SendmailNotDefined,
    /// It defines it, and a daemon does not use it.
    SendmailNotAsked,
    /// Its entry for the milter cannot work.
    SendmailEntryBroken,
    /// While the milter is down, Sendmail lets mail pass.
    SendmailPasses,
    /// While the milter is down, Sendmail bounces mail.
    SendmailRejects,
    // --- the milter, its files and its host ---
    /// The settings have errors.
    SettingsBroken,
    /// The milter's user cannot read the settings.
    SettingsUnreadable,
    /// The milter runs under other settings than the file has.
    SettingsNotInForce,
    /// The settings name no file in which the milter says how it is.
    StatusNotTold,
    /// That file cannot be read.
    StatusUnreadable,
    /// The milter does not run.
    MilterDown,
    /// Another version runs than is installed.
    MilterOutdated,
    /// A socket of the milter does not answer.
    SocketSilent,
    /// The milter cannot listen on a socket of the settings.
    SocketMissing,
    /// Another program answers on a socket of the milter.
    SocketOfAnother,
    /// Nobody, or another program, answers where the milter's metrics are to be.
    MetricsNotOurs,
    /// The policy has errors.
    PolicyBroken,
    /// Something in the policy is not as it seems.
    PolicyWarning,
    /// Entries of a program's file give way to the operator's own.
    EntriesGaveWay,
    /// The service does not see files that are there.
    FilesHidden,
    /// What the files say is not in force.
    PolicyNotInForce,
    /// The policy or the settings in force cannot be kept for a later start.
    LastGoodNotKept,
    /// No recipient was named since the milter started.
    MacrosNotSeen,
    /// The MTA did not tell of TLS.
    MacrosNotTold,
    /// No ledger is kept.
    LedgerNotKept,
    /// The ledger cannot be written.
    LedgerFailing,
    /// Recipients are missing in the ledger.
    LedgerLoses,
    /// The MTA's log is not followed.
    FollowLogOff,
    /// The MTA's log was followed, and is not any more.
    FollowLogDown,
    /// Whoever follows the MTA's log cannot read it, or not write what it tells.
    FollowLogFailing,
    /// The MTA's log grows faster than it is read.
    FollowLogBehind,
    /// A ledger is there that nobody writes.
    LedgerLeftBehind,
    /// A ledger was damaged.
    LedgerDamaged,
    /// The clock is wrong.
    ClockWrong,
    /// Nothing keeps the clock right.
    ClockNotKept,
    /// There is no MTA on this host.
    NoMta,
    /// This user is not let see something.
    NotSeen,
}
