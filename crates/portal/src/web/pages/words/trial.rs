//! The report, one partner's story, and the question whether a message would be taken.

use super::words;

words! {
    /// `explain` as a form.
    Trial {
        title: "Would a message be taken?" | "Würde eine E-Mail angenommen?";
        hint: "No mail is sent. The answer is worked out as the gateway would." | "Es wird keine E-Mail gesendet. Die Antwort wird so ermittelt, wie das Gateway es täte.";
        sender: "Sender" | "Absender";
        client: "Address of the server" | "Adresse des Servers";
        session: "How it connects" | "Wie er sich verbindet";
        plaintext: "without TLS" | "ohne TLS";
        encrypted: "with {version}" | "mit {version}";
        cipher: "Cipher suite" | "Cipher-Suite";
        cipher_wrong: "No cipher suite has this name." | "Keine Cipher-Suite heisst so.";
        client_wrong: "An address is written as 192.0.2.17 or 2001:db8::1." | "Eine Adresse wird als 192.0.2.17 oder 2001:db8::1 geschrieben.";
        cipher_hint: "As a log has it, such as ECDHE-RSA-AES256-GCM-SHA384. Empty: a usual one." | "Wie sie in einem Log steht, etwa ECDHE-RSA-AES256-GCM-SHA384. Leer: eine übliche.";
        ask: "Work it out" | "Ermitteln";
        answer: "The answer" | "Die Antwort";
        accept: "It would be taken." | "Sie würde angenommen.";
        would_refuse: "It would be taken today. In mode enforce it would be refused." | "Sie würde heute angenommen. Im Modus «verlangen» würde sie abgewiesen.";
        refuse: "It would be refused." | "Sie würde abgewiesen.";
        because: "Because" | "Weil";
        reply: "What its server would be told" | "Was ihrem Server geantwortet würde";
        entry: "Entry that decided" | "Eintrag, der entschied";
        requirement: "Its requirement" | "Seine Anforderung";
    }
}

words! {
    /// One server's or sender's story.
    Partner {
        hint: "Mail of {partner} for {domain}, in the last {days} days." | "E-Mails von {partner} an {domain}, in den letzten {days} Tagen.";
        title: "Mail of {partner} for {domain}" | "E-Mails von {partner} an {domain}";
        write: "What to write to its postmaster" | "Was Sie dem Postmaster schreiben können";
        to: "To" | "An";
        nothing: "Nothing came from there in this time." | "Von dort kam in dieser Zeit nichts.";
    }
}

words! {
    /// What stands around the report.
    Report {
        period: "Period" | "Zeitraum";
        by: "Grouped by" | "Gruppiert nach";
        days: ["1 day", "{} days"] | ["1 Tag", "{} Tage"];
        by_peer: "Server" | "Server";
        by_sender: "Sender domain" | "Absender-Domain";
        by_version: "TLS version" | "TLS-Version";
        by_day: "Day" | "Tag";
        show: "Show" | "Zeigen";
        partner: "One partner's story" | "Ein einzelner Partner";
        partner_hint: "Address of a server, or domain of senders" | "Adresse eines Servers oder Domain der Absender";
        no_ledger: "There is no record to show" | "Es gibt keine Aufzeichnung";
        no_ledger_hint: "The operator of this gateway keeps none, or this portal cannot read it." | "Der Betreiber dieses Gateways führt keine, oder dieses Portal kann sie nicht lesen.";
    }
}
