//! The domains of an organisation, and what is set for one of them.

use super::words;

words! {
    /// The list.
    Domains {
        title: "Your domains" | "Ihre Domains";
        title_all: "All domains" | "Alle Domains";
        hint: "What happens to mail for them that does not come over an adequately encrypted connection." | "Was mit E-Mails an sie geschieht, die nicht über eine ausreichend verschlüsselte Verbindung kommen.";
        search: "Search for a domain" | "Domain suchen";
        domain: "Domain" | "Domain";
        organisation: "Organisation" | "Organisation";
        mode: "Mode" | "Modus";
        since: "Since" | "Seit";
        who: "Switched by" | "Umgestellt von";
        any_mode: "All modes" | "Alle Modi";
        none: "No domain is yours yet" | "Noch gehört Ihnen keine Domain";
        none_hint: "Whoever runs this mail gateway adds the domains of your organisation." | "Der Betreiber dieses Mail-Gateways trägt die Domains Ihrer Organisation ein.";
        count: ["1 domain", "{} domains"] | ["1 Domain", "{} Domains"];
        counts: "{all}: {enforce} enforce, {monitor} monitor, {off} off" | "{all}: {enforce} verlangen, {monitor} beobachten, {off} aus";
    }
}

words! {
    /// One domain.
    Domain {
        overview: "Overview" | "Übersicht";
        report: "Report" | "Bericht";
        test: "Try a server" | "Server prüfen";
        history: "History" | "Verlauf";
        settings: "What is set" | "Was gesetzt ist";
        never: "never switched here" | "hier nie umgestellt";
        never_long: "It was never switched here." | "Hier wurde das nie umgestellt.";
        none_refused: "None of it was refused, and none would have been." | "Nichts davon wurde abgewiesen, und nichts wäre abgewiesen worden.";
        place: "Where it stands" | "Wo das steht";
        since_by: "Since {when}, by {who}." | "Seit {when}, durch {who}.";
        from_date: "From {date} on, such mail is refused." | "Ab {date} werden solche E-Mails abgewiesen.";
        requirement: "What counts as encrypted" | "Was als verschlüsselt gilt";
        contact: "Digest" | "Zusammenfassung";
        contact_to: "to {address}, in {language}" | "an {address}, auf {language}";
        nobody: "nobody is told by mail" | "niemand wird per E-Mail benachrichtigt";
        delivery: "Delivery to your server" | "Zustellung an Ihren Server";
        exceptions: "Exceptions" | "Ausnahmen";
        exceptions_hint: "Mail that is taken although it is not encrypted well enough." | "E-Mails, die angenommen werden, obwohl sie nicht gut genug verschlüsselt sind.";
        no_exceptions: "There are none: the rule holds for everybody." | "Es gibt keine: Die Regel gilt für alle.";
        whose: "Whose mail" | "Wessen E-Mails";
        until: "Until" | "Bis";
        reason: "Reason" | "Grund";
        over: "over since then" | "seither vorbei";
        add_exception: "Add an exception" | "Ausnahme hinzufügen";
        operator_s: "Set by the operator of this gateway" | "Vom Betreiber dieses Gateways gesetzt";
        operator_s_hint: "This stands in the operator's own files and comes before what is set here. Only the operator changes it." | "Das steht in den eigenen Dateien des Betreibers und geht dem vor, was hier gesetzt ist. Nur der Betreiber ändert es.";
        operator_wins: "The operator of this gateway has set {domain}. What is set here has no effect as long as that stands." | "Der Betreiber dieses Gateways hat {domain} selber gesetzt. Was hier gesetzt ist, hat keine Wirkung, solange das besteht.";
        read_only: "Your account may look, and not change." | "Ihr Konto darf lesen, nicht ändern.";
        last_days: "In the last {days} days" | "In den letzten {days} Tagen";
        no_mail: "No mail has been seen." | "Es wurden keine E-Mails gesehen.";
        came: "{count} came, {share} of them encrypted." | "{count} kamen, {share} davon verschlüsselt.";
        refused: ["1 message was refused.", "{} messages were refused."] | ["1 E-Mail wurde abgewiesen.", "{} E-Mails wurden abgewiesen."];
        would_refuse: ["1 message would have been refused.", "{} messages would have been refused."] | ["1 E-Mail wäre abgewiesen worden.", "{} E-Mails wären abgewiesen worden."];
        more_hops: ["How mail of 1 more domain below it came and left is in the report.", "How mail of {} more domains below it came and left is in the report."] | ["Wie die E-Mails einer weiteren Domain darunter kamen und weitergingen, steht im Bericht.", "Wie die E-Mails von {} weiteren Domains darunter kamen und weitergingen, steht im Bericht."];
        to_report: "Look at the report" | "Bericht ansehen";
        messages: ["1 message", "{} messages"] | ["1 E-Mail", "{} E-Mails"];
    }
}

words! {
    /// Forms for what is set.
    Change {
        requirement: "What counts as encrypted for {domain}" | "Was für {domain} als verschlüsselt gilt";
        requirement_hint: "The stricter it is, the more servers are refused. Before it is saved you see which." | "Je strenger, desto mehr Server werden abgewiesen. Bevor es gespeichert wird, sehen Sie, welche.";
        requirement_legend: "Requirement" | "Anforderung";
        preview: "See what it would mean" | "Ansehen, was das bedeutet";
        as_default: "as the operator has it for all" | "wie der Betreiber es für alle hat";
        contact: "Digest for {domain}" | "Zusammenfassung für {domain}";
        contact_hint: "Whoever is named here is told by mail of servers that are newly refused, or would be. Each is told of once." | "Wer hier steht, erfährt per E-Mail von Servern, die neu abgewiesen werden oder würden. Von jedem einmal.";
        contact_label: "Mail address" | "E-Mail-Adresse";
        contact_wrong: "This is no mail address." | "Das ist keine E-Mail-Adresse.";
        contact_empty: "Leave it empty, and nobody is told." | "Bleibt das leer, so wird niemand benachrichtigt.";
        language: "Language of the digest" | "Sprache der Zusammenfassung";
        exception: "An exception for {domain}" | "Eine Ausnahme für {domain}";
        exception_hint: "An exception is a hole: as small as can be, and with an end." | "Eine Ausnahme ist ein Loch: so klein wie möglich, und mit einem Ende.";
        client: "Address or network of the server" | "Adresse oder Netz des Servers";
        client_hint: "Such as 192.0.2.17 or 2001:db8::/64." | "Etwa 192.0.2.17 oder 2001:db8::/64.";
        sender: "Domain of the senders" | "Domain der Absender";
        sender_hint: "Anybody can write a sender's domain. If you know the server, name it as well." | "Eine Absender-Domain kann jeder schreiben. Kennen Sie den Server, so nennen Sie auch ihn.";
        until: "Last day" | "Letzter Tag";
        reason: "Reason" | "Grund";
        client_wrong: "An address is written as 192.0.2.17, a network as 192.0.2.0/24 or 2001:db8::/64." | "Eine Adresse wird als 192.0.2.17 geschrieben, ein Netz als 192.0.2.0/24 oder 2001:db8::/64.";
        sender_wrong: "A sender domain is written as example.org, or *.example.org for all below it." | "Eine Absender-Domain wird als example.org geschrieben, oder *.example.org für alle darunter.";
        whose_wrong: "An exception is for a server, a sender domain, or both." | "Eine Ausnahme gilt für einen Server, eine Absender-Domain oder beides.";
        client_everybody: "That is everybody's mail: choose monitor for that, on the page of the domain." | "Das sind die E-Mails von allen: Wählen Sie dafür auf der Seite der Domain, nur zu beobachten.";
        until_over: "This day is over. Choose one that is still to come, or none." | "Dieser Tag ist vorbei. Wählen Sie einen, der noch kommt, oder keinen.";
        reason_wrong: "An exception has a reason." | "Eine Ausnahme hat einen Grund.";
        reason_hint: "For whoever reads this in a year." | "Für alle, die das in einem Jahr lesen.";
    }
}
