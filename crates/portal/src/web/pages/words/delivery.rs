//! The hop to the organisation's own server.

use super::words;

words! {
    /// The level, the test, and what a level would mean.
    Delivery {
        title: "Delivery to the server of {domain}" | "Zustellung an den Server von {domain}";
        hint: "What the way from this gateway to your own server must be. A server that does not offer it gets no mail: that waits on the gateway until it does." | "Wie der Weg von diesem Gateway zu Ihrem eigenen Server sein muss. Ein Server, der das nicht bietet, bekommt keine E-Mails: Sie warten auf dem Gateway, bis er es tut.";
        now: "Level" | "Stufe";
        as_operator: "As the operator has it for all" | "Wie der Betreiber es für alle hat";
        as_operator_about: "Nothing is chosen here." | "Hier ist nichts gewählt.";
        chosen: "chosen now" | "jetzt gewählt";
        monitored: "The domain is monitored: it is recorded which mail would wait, and none does." | "Die Domain wird beobachtet: Es wird festgehalten, welche E-Mails warten würden, und keine wartet.";
        is_off: "The domain is not checked, so the level has no effect until it is monitored or enforced." | "Die Domain wird nicht geprüft. Die Stufe wirkt erst, wenn beobachtet oder verlangt wird.";
        told: "{hop}: the gateway's mail server is told {answer}" | "{hop}: Dem Mailserver des Gateways wird {answer} gesagt";
        told_nothing: "{hop}: nothing is demanded" | "{hop}: Nichts wird verlangt";
        not_asked: "The gateway's mail server does not ask for levels. Nothing that is chosen here has an effect until the operator has set that up." | "Der Mailserver des Gateways fragt nicht nach Stufen. Was hier gewählt wird, wirkt erst, wenn der Betreiber das eingerichtet hat.";
        not_offered: "The operator does not offer levels." | "Der Betreiber bietet keine Stufen an.";
        test: "Your server, as the gateway sees it" | "Ihr Server, wie das Gateway ihn sieht";
        test_hint: "The gateway connects to your server as it would to deliver mail, and sends none. It takes up to 15 seconds. A level can be set within an hour of a test that shows that it holds." | "Das Gateway verbindet sich mit Ihrem Server wie zum Zustellen und sendet nichts. Das dauert bis zu 15 Sekunden. Eine Stufe lässt sich innert einer Stunde nach einer Prüfung setzen, die zeigt, dass sie hält.";
        never: "The connection was not tested yet." | "Die Verbindung wurde noch nicht geprüft.";
        tested: "Tested at {when}, by {who}." | "Geprüft um {when}, durch {who}.";
        old: "That is more than an hour ago: to set a level, test it again." | "Das ist mehr als eine Stunde her: Prüfen Sie noch einmal, um eine Stufe zu setzen.";
        run: "Test the connection" | "Verbindung prüfen";
        again: "Test it again" | "Noch einmal prüfen";
        port: "{address}, port {port}" | "{address}, Port {port}";
        throttled: "It was tested often in the last hour. The next test is possible in {minutes} minutes." | "In der letzten Stunde wurde oft geprüft. Die nächste Prüfung ist in {minutes} Minuten möglich.";
        busy: "Another test is under way. Try it again in some seconds." | "Eine andere Prüfung läuft. Versuchen Sie es in einigen Sekunden noch einmal.";
        levels: "Choose a level" | "Stufe wählen";
        name: "Name in the certificate" | "Name im Zertifikat";
        name_hint: "For the last level, where the certificate is not for the domain or a host below it: the name that it is for, such as mail.example.org." | "Für die letzte Stufe, wenn das Zertifikat nicht für die Domain oder einen Host darunter gilt: der Name, für den es gilt, etwa mail.example.org.";
        preview: "See what it would mean" | "Ansehen, was das bedeutet";
        to: "Change delivery to the server of {domain}?" | "Zustellung an den Server von {domain} ändern?";
        to_level: "From then on: {level}" | "Dann gilt: {level}";
        with_name: "The certificate must be for {name}." | "Das Zertifikat muss für {name} gelten.";
        would_wait: "In the last {days} days, {count} of {all} that left for your server would have had to wait, last on {date}." | "In den letzten {days} Tagen hätten {count} von {all}, die an Ihren Server gingen, warten müssen, zuletzt am {date}.";
        none_waits: "In the last {days} days, {all} left for your server, and none is known that would have had to wait." | "In den letzten {days} Tagen gingen {all} an Ihren Server, und von keiner ist bekannt, dass sie hätte warten müssen.";
        no_record: "How mail left for your server in the last {days} days is not known: nothing is recorded of it." | "Wie E-Mails in den letzten {days} Tagen an Ihren Server gingen, ist nicht bekannt: Davon ist nichts festgehalten.";
        not_known: ["Of 1 more it is not known: nobody looked at what was not demanded then.", "Of {} more it is not known: nobody looked at what was not demanded then."] | ["Von 1 weiteren ist es nicht bekannt: Was damals nicht verlangt war, hat niemand angesehen.", "Von {} weiteren ist es nicht bekannt: Was damals nicht verlangt war, hat niemand angesehen."];
        missing: "It cannot be set yet" | "Noch lässt sich das nicht setzen";
        to_test: "To the test" | "Zur Prüfung";
        untested: "Set it although no test has shown that it holds. The log has that." | "Trotzdem setzen, obwohl keine Prüfung zeigt, dass es hält. Das steht im Verlauf.";
        untested_missing: "Without a test that passed, say that you set it all the same." | "Ohne bestandene Prüfung müssen Sie bestätigen, dass Sie es trotzdem setzen.";
        set: "Set it" | "Setzen";
        take_back: "You can take it back at any time, on this page." | "Sie können es jederzeit zurücknehmen, auf dieser Seite.";
        name_wrong: "A name is written as mail.example.org." | "Ein Name wird als mail.example.org geschrieben.";
        needs_test: "the connection was not tested yet" | "die Verbindung wurde noch nicht geprüft";
        needs_new_test: "the last test is more than an hour old, or of other servers" | "die letzte Prüfung ist mehr als eine Stunde alt oder betrifft andere Server";
        lack_plaintext: ["1: the session was not encrypted", "{}: the session was not encrypted"] | ["1: Die Sitzung war nicht verschlüsselt", "{}: Die Sitzung war nicht verschlüsselt"];
        lack_version: ["1: its TLS version is older than demanded", "{}: the TLS version is older than demanded"] | ["1: Die TLS-Version ist älter als verlangt", "{}: Die TLS-Version ist älter als verlangt"];
        lack_certificate: ["1: the certificate was of nobody whom the gateway trusts", "{}: the certificate was of nobody whom the gateway trusts"] | ["1: Hinter dem Zertifikat stand niemand, dem das Gateway vertraut", "{}: Hinter dem Zertifikat stand niemand, dem das Gateway vertraut"];
    }
}
