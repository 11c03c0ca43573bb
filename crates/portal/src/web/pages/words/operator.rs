//! For the operator of the gateway.

use super::words;

words! {
    /// The list of organisations.
    Organisations {
        title: "Organisations" | "Organisationen";
        hint: "Who stands behind the domains, and switches them." | "Wer hinter den Domains steht und sie umstellt.";
        name: "Name" | "Name";
        domains: "Domains" | "Domains";
        accounts: "Accounts" | "Konten";
        add: "Add an organisation" | "Organisation hinzufügen";
        search: "Search" | "Suchen";
        search_hint: "name or domain" | "Name oder Domain";
        sheet: "Many domains at once (CSV)" | "Viele Domains auf einmal (CSV)";
    }
}

words! {
    /// One of them.
    Organisation {
        new: "New organisation" | "Neue Organisation";
        name: "Name" | "Name";
        act: "Act for them" | "Für sie handeln";
        act_hint: "You then see what they see. Each page says so, and each change is recorded under both names." | "Sie sehen dann, was sie sehen. Jede Seite sagt es, und jede Änderung wird unter beiden Namen festgehalten.";
        domains: "Domains" | "Domains";
        domains_hint: "One a line." | "Eine pro Zeile.";
        remove_domain: "With all that is set" | "Mit allem, was gesetzt ist";
        add_domains: "Add domains" | "Domains hinzufügen";
        no_domains: "No domain belongs to it yet." | "Noch gehört ihr keine Domain.";
        people: "Accounts" | "Konten";
        no_people: "Nobody can sign in for it yet." | "Noch kann sich niemand für sie anmelden.";
        add_person: "Add an account" | "Konto hinzufügen";
        rename: "Save the name" | "Name speichern";
        remove: "Remove the organisation" | "Organisation entfernen";
        remove_hint: "It can be removed once it has neither domains nor accounts. What was recorded stays." | "Sie kann entfernt werden, wenn sie weder Domains noch Konten hat. Was festgehalten ist, bleibt.";
    }
}

words! {
    /// What organisations may choose.
    Offer {
        title: "What is on offer" | "Was angeboten wird";
        hint: "What organisations may choose themselves. What they have chosen before stays." | "Was Organisationen selber wählen dürfen. Was sie vorher gewählt haben, bleibt.";
        modes: "Modes" | "Modi";
        requirements: "Requirements" | "Anforderungen";
        more: "Besides" | "Ausserdem";
        exceptions: "Exceptions" | "Ausnahmen";
        exceptions_hint: "Organisations make their own." | "Organisationen machen sie selber.";
        deliver: "Level of delivery" | "Stufe der Zustellung";
        deliver_hint: "Organisations say how the hop to their own server is to be." | "Organisationen sagen, wie der Weg zu ihrem eigenen Server sein muss.";
    }
}

words! {
    /// An account.
    Person {
        new: "New account for {organisation}" | "Neues Konto für {organisation}";
        login: "Name or mail address" | "Name oder E-Mail-Adresse";
        role: "Role" | "Rolle";
        last: "Last signed in" | "Zuletzt angemeldet";
        never: "never" | "nie";
        second: "Second step" | "Zweiter Schritt";
        state: "State" | "Stand";
        active: "active" | "aktiv";
        invited: "link not used yet" | "Link noch nicht benutzt";
        disabled: "locked" | "gesperrt";
        make: "Make the account" | "Konto erstellen";
        link: "One-time link" | "Einmal-Link";
        link_hint: "Hand it to them on a way that you trust. It works once, until {until}." | "Übergeben Sie ihn auf einem Weg, dem Sie vertrauen. Er gilt einmal, bis {until}.";
        new_link: "Make a one-time link" | "Einmal-Link erstellen";
        new_link_hint: "With it they set a new password, or join a sign-in with others. What opened the account before ends; a second step stays." | "Damit wird ein neues Passwort gesetzt oder eine Anmeldung mit anderen verbunden. Was das Konto bisher öffnete, endet; ein zweiter Schritt bleibt.";
        remove_second: "Remove the second step" | "Zweiten Schritt entfernen";
        remove_second_hint: "If they have lost their app and their recovery codes." | "Wenn App und Notfallcodes verloren sind.";
        disable: "Lock" | "Sperren";
        enable: "Unlock" | "Entsperren";
    }
}

words! {
    /// Domains as CSV.
    Sheet {
        title: "Many domains at once" | "Viele Domains auf einmal";
        hint: "A CSV file with the columns {columns}. Nothing is changed before you have seen what would be." | "Eine CSV-Datei mit den Spalten {columns}. Es wird nichts geändert, bevor Sie gesehen haben, was.";
        out: "Download all domains as CSV" | "Alle Domains als CSV herunterladen";
        file: "Contents of the file" | "Inhalt der Datei";
        choose: "Choose a file" | "Datei wählen";
        preview: "See what would change" | "Ansehen, was sich ändern würde";
        preview_title: "What would change" | "Was sich ändern würde";
        adds: ["1 domain is new.", "{} domains are new."] | ["1 Domain ist neu.", "{} Domains sind neu."];
        changes: ["1 domain changes.", "{} domains change."] | ["1 Domain ändert sich.", "{} Domains ändern sich."];
        same: ["1 domain stays as it is.", "{} domains stay as they are."] | ["1 Domain bleibt, wie sie ist.", "{} Domains bleiben, wie sie sind."];
        wrong: ["1 line cannot be taken.", "{} lines cannot be taken."] | ["1 Zeile kann nicht übernommen werden.", "{} Zeilen können nicht übernommen werden."];
        line: "Line" | "Zeile";
        new: "new" | "neu";
        apply: "Change all of this" | "Alles das ändern";
        nothing: "Nothing would change." | "Nichts würde sich ändern.";
        mend: "Mend the lines below, then try again. Nothing was changed." | "Verbessern Sie die Zeilen unten, dann versuchen Sie es wieder. Es wurde nichts geändert.";
        more: ["1 more line is not shown.", "{} more lines are not shown."] | ["1 weitere Zeile wird nicht gezeigt.", "{} weitere Zeilen werden nicht gezeigt."];
    }
}
