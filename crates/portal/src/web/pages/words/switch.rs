//! Before the switch, and after it.

use super::words;

words! {
    /// Whether the milter has in force what is set.
    Force {
        title: "At the gateway" | "Beim Gateway";
        in_force: "In force since {when}." | "In Kraft seit {when}.";
        pending: "Not in force yet: it was chosen at {when}, and the gateway has not read it so far." | "Noch nicht in Kraft: Es wurde um {when} gewählt, und das Gateway hat es noch nicht gelesen.";
        nothing: "Nothing was chosen here yet." | "Hier wurde noch nichts gewählt.";
        not_running: "Not known: the milter does not run, or has never said how it is. Whether mail is judged is for the operator to say." | "Nicht bekannt: Der Milter läuft nicht, oder er hat noch nie gesagt, wie es ihm geht. Ob E-Mails geprüft werden, weiss der Betreiber.";
        unknown: "Not known: this gateway does not tell the portal how it is." | "Nicht bekannt: Dieses Gateway sagt dem Portal nicht, wie es ihm geht.";
        broken: "Not in force: the policy of the gateway has an error in another place. What was in force before goes on. The operator has to mend it." | "Nicht in Kraft: Die Policy des Gateways hat an anderer Stelle einen Fehler. Was vorher galt, gilt weiter. Der Betreiber muss ihn beheben.";
        down: "Not known: the milter has given no sign of life since {when}. Whether mail is judged is for the operator to say." | "Nicht bekannt: Der Milter hat seit {when} kein Lebenszeichen gegeben. Ob E-Mails geprüft werden, weiss der Betreiber.";
        left_out: "Not in force: the policy of the gateway no longer takes what was chosen here ({why}). Choose something else, or ask the operator." | "Nicht in Kraft: Die Policy des Gateways nimmt nicht mehr an, was hier gewählt wurde ({why}). Wählen Sie etwas anderes, oder fragen Sie den Betreiber.";
        overridden: "What is set here has no effect: the operator's own entry comes first." | "Was hier gesetzt ist, hat keine Wirkung: Der eigene Eintrag des Betreibers geht vor.";
        look_again: "Look again" | "Noch einmal nachsehen";
    }
}

words! {
    /// What a change would mean, and the change.
    Switch {
        to_off: "Stop checking mail for {domain}?" | "E-Mails an {domain} nicht mehr prüfen?";
        to_monitor: "Watch mail for {domain}, and refuse none?" | "E-Mails an {domain} beobachten und keine abweisen?";
        to_enforce: "Refuse unencrypted mail for {domain}?" | "Unverschlüsselte E-Mails an {domain} abweisen?";
        require: "Ask for more from servers that write to {domain}?" | "Von Servern, die an {domain} schreiben, mehr verlangen?";
        require_to: "From then on counts as encrypted: {requirement}" | "Als verschlüsselt gilt dann: {requirement}";
        lead: "In the last {days} days, {count} from {servers} would have been refused, of {all}." | "In den letzten {days} Tagen wären {count} von {servers} abgewiesen worden, von {all}.";
        lead_none: "In the last {days} days, {all} came, and none of them would have been refused." | "In den letzten {days} Tagen kamen {all}, und keine davon wäre abgewiesen worden.";
        lead_no_evidence: "Nothing is known yet of the mail for {domain}." | "Über E-Mails an {domain} ist noch nichts bekannt.";
        no_evidence: "Monitor it first, for two weeks say. Nothing is refused in that time, and this page then shows who would have been." | "Beobachten Sie zuerst, zum Beispiel zwei Wochen lang. In dieser Zeit wird nichts abgewiesen, und diese Seite zeigt danach, wen es getroffen hätte.";
        tell_first: "Write to them first, and choose a day that leaves them time." | "Schreiben Sie ihnen zuerst, und wählen Sie einen Tag, der ihnen Zeit lässt.";
        lead_no_record: "What it would mean for {domain} cannot be told: there is no record of mail at present." | "Was es für {domain} bedeuten würde, lässt sich nicht sagen: Zurzeit gibt es keine Aufzeichnung.";
        other_server: "comes by another server with TLS, last {when}" | "kommt über einen anderen Server mit TLS, zuletzt {when}";
        no_evidence_button: "Monitor first" | "Zuerst beobachten";
        lead_off: "From then on nothing is refused and nothing new is recorded. What was recorded stays." | "Dann wird nichts mehr abgewiesen und nichts Neues festgehalten. Was festgehalten ist, bleibt.";
        lead_monitor: "From then on nothing is refused. Who would have been is recorded, and shown here." | "Dann wird nichts abgewiesen. Wen es getroffen hätte, wird festgehalten und hier gezeigt.";
        let_in: "In the last {days} days, {count} were refused that would come in again." | "In den letzten {days} Tagen wurden {count} abgewiesen, die wieder ankämen.";
        servers: ["1 server", "{} servers"] | ["1 Server", "{} Servern"];
        what_happens: "What then happens to such mail" | "Was dann mit solchen E-Mails geschieht";
        what_happens_text: "It is not lost. The server that sends it is told to try again later, does so for some days, and then tells the sender that it could not be delivered. As soon as it comes encrypted, it is taken." | "Sie gehen nicht verloren. Der sendende Server wird auf später vertröstet, versucht es einige Tage lang wieder und meldet dann dem Absender, dass nicht zugestellt werden konnte. Sobald sie verschlüsselt kommen, werden sie angenommen.";
        who: "Who it would be" | "Wen es träfe";
        server: "Server" | "Server";
        senders: "Sender domains" | "Absender-Domains";
        messages: "Messages" | "E\u{2011}Mails";
        why: "Why" | "Grund";
        last: "Last seen" | "Zuletzt";
        since_then: "Since then" | "Seither";
        with_tls: "has come with TLS since, last {when}" | "kam seither mit TLS, zuletzt {when}";
        not_with_tls: "not with TLS so far" | "bisher nicht mit TLS";
        more: ["1 more server is in the report.", "{} more servers are in the report."] | ["1 weiterer Server steht im Bericht.", "{} weitere Server stehen im Bericht."];
        not_judged: ["1 recipient could not be counted: the record does not tell enough of its session.", "{} recipients could not be counted: the record does not tell enough of their sessions."] | ["1 Empfänger konnte nicht gezählt werden: Die Aufzeichnung sagt zu wenig über seine Sitzung.", "{} Empfänger konnten nicht gezählt werden: Die Aufzeichnung sagt zu wenig über ihre Sitzungen."];
        write: "What to write to them" | "Was Sie ihnen schreiben können";
        write_hint: "To the postmaster of each sender domain, or to whom you know there." | "An den Postmaster jeder Absender-Domain, oder an jemanden, den Sie dort kennen.";
        letter: "Dear postmaster\n\nFrom {date} on, the mail servers of {domain} take mail over encrypted connections only. Mail from your servers has lately come without (last {last}).\n\nPlease switch on TLS (STARTTLS) for outgoing mail, with TLS 1.2 or newer. In Postfix: smtp_tls_security_level = may. In Exchange: leave \"opportunistic TLS\" of the send connector on. Devices such as scanners are best pointed at a mail server of your own.\n\nUntil then, mail for us waits on your side, is tried again for some days, and then returned to its sender.\n" | "Guten Tag\n\nAb {date} nehmen die Mailserver von {domain} E-Mails nur noch über verschlüsselte Verbindungen an. E-Mails Ihrer Server kamen in letzter Zeit ohne (zuletzt {last}).\n\nBitte schalten Sie für ausgehende E-Mails TLS (STARTTLS) ein, mit TLS 1.2 oder neuer. In Postfix: smtp_tls_security_level = may. In Exchange: «opportunistisches TLS» des Sendeconnectors eingeschaltet lassen. Geräte wie Scanner senden am besten über einen eigenen Mailserver.\n\nBis dahin warten E-Mails an uns bei Ihnen, werden einige Tage lang wieder versucht und gehen dann an den Absender zurück.\n";
        letter_label: "A letter" | "Ein Brief";
        the_day: "the day on which we switch" | "dem Tag der Umstellung";
        when: "From when" | "Ab wann";
        now: "At once" | "Sofort";
        from: "From this day on" | "Ab diesem Tag";
        from_hint: "Until then it is monitored." | "Bis dahin wird beobachtet.";
        take_back: "You can take it back at any time, on the page of the domain." | "Sie können es jederzeit zurücknehmen, auf der Seite der Domain.";
        do_off: "Stop checking" | "Nicht mehr prüfen";
        do_monitor: "Monitor" | "Beobachten";
        do_enforce: "Refuse unencrypted mail" | "Unverschlüsselte E-Mails abweisen";
        do_require: "Ask for it" | "Das verlangen";
        done: "It is set: {mode}." | "Es ist gesetzt: {mode}.";
        done_other: "It is saved." | "Es ist gespeichert.";
        undone: "It is taken back: {mode}." | "Es ist zurückgenommen: {mode}.";
        undone_other: "It is taken back." | "Es ist zurückgenommen.";
        undo: "Take it back" | "Zurücknehmen";
    }
}
