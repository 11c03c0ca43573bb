//! What stands around each page, and in each form.

use super::words;

words! {
    /// Head and foot of each page.
    Shell {
        product: "Encrypted mail" | "Verschlüsselte E-Mails";
        skip: "Skip to the content" | "Zum Inhalt";
        sections: "Sections" | "Bereiche";
        where_am_i: "You are here" | "Sie sind hier";
        domains: "Domains" | "Domains";
        organisations: "Organisations" | "Organisationen";
        audit: "Audit log" | "Protokoll";
        account: "Account" | "Konto";
        sign_out: "Sign out" | "Abmelden";
        language: "Language" | "Sprache";
        behalf: "You act for {organisation}. Whatever you change is recorded under your name and theirs." | "Sie handeln für {organisation}. Jede Änderung wird unter Ihrem Namen und dem der Organisation festgehalten.";
        behalf_end: "Stop acting for them" | "Nicht mehr für sie handeln";
        footer: "Times are in UTC." | "Zeiten sind in UTC.";
    }
}

words! {
    /// What forms and lists have in common.
    Form {
        save: "Save" | "Speichern";
        cancel: "Cancel" | "Abbrechen";
        back: "Back" | "Zurück";
        change: "Change" | "Ändern";
        remove: "Remove" | "Entfernen";
        search: "Search" | "Suchen";
        optional: "optional" | "freiwillig";
        yes: "yes" | "ja";
        no: "no" | "nein";
        copy: "Copy" | "Kopieren";
        copied: "Copied" | "Kopiert";
        undo: "Undo" | "Zurücknehmen";
        first: "From the beginning" | "Von vorn";
        next: "More" | "Weitere";
        pages: "Parts of the list" | "Teile der Liste";
        nothing_found: "Nothing was found." | "Nichts gefunden.";
        download: "Download as CSV" | "Als CSV herunterladen";
        print: "For a PDF, print this page." | "Für ein PDF drucken Sie diese Seite.";
        actions: "What you can do" | "Was Sie tun können";
        day_wrong: "A day is written as year-month-day, such as 2027-01-31." | "Ein Tag wird als Jahr-Monat-Tag geschrieben, etwa 2027-01-31.";
    }
}

words! {
    /// Pages that say that something did not work.
    Errors {
        not_found: "There is no such page" | "Diese Seite gibt es nicht";
        not_found_hint: "It does not exist, or it is not yours." | "Sie existiert nicht, oder sie ist nicht für Sie.";
        forbidden: "You may not do this" | "Dazu sind Sie nicht berechtigt";
        forbidden_hint: "Your account may look, and not change. An administrator of your organisation can." | "Ihr Konto darf lesen, nicht ändern. Eine Administratorin oder ein Administrator Ihrer Organisation kann es.";
        conflict: "Somebody else was faster" | "Jemand war schneller";
        conflict_hint: "This was changed after your page was made. Nothing of yours was saved. Look at how it is now, then decide again." | "Das wurde geändert, nachdem Ihre Seite entstanden ist. Von Ihnen wurde nichts gespeichert. Sehen Sie nach, wie es jetzt ist, und entscheiden Sie neu.";
        conflict_other: "Look at it as it is now" | "Den jetzigen Stand ansehen";
        no_behalf: "Say first for which organisation you act: on its page, or on that of its domain." | "Sagen Sie zuerst, für welche Organisation Sie handeln: auf ihrer Seite, oder auf der ihrer Domain.";
        not_offered: "This is not on offer. Ask whoever runs this gateway." | "Das wird nicht angeboten. Fragen Sie den Betreiber dieses Gateways.";
        busy: "Much is being looked up at the moment. Try again in {seconds} seconds." | "Im Moment wird viel nachgesehen. Versuchen Sie es in {seconds} Sekunden noch einmal.";
        shell_only: "This is done in the shell of the portal's machine: mandatory-tls-portal account." | "Das geschieht in der Shell des Rechners, auf dem das Portal läuft: mandatory-tls-portal account.";
        operator_only: "Only whoever runs this gateway may do this." | "Das darf nur der Betreiber dieses Gateways.";
        invalid: "This cannot be done" | "Das geht nicht";
        invalid_hint: "What was sent is not what this page asks for. Nothing was changed." | "Was gesendet wurde, ist nicht, wonach diese Seite fragt. Nichts wurde geändert.";
        unavailable_hint: "Try again later. If it stays so, tell whoever runs this gateway." | "Versuchen Sie es später wieder. Bleibt es so, sagen Sie es dem Betreiber dieses Gateways.";
        unavailable: "This is not to be had at present" | "Das ist zurzeit nicht verfügbar";
        too_many: "Too many attempts" | "Zu viele Versuche";
        too_many_hint: "Please wait {seconds} seconds, then try again." | "Bitte warten Sie {seconds} Sekunden und versuchen Sie es dann wieder.";
        foreign: "This came from another site" | "Das kam von einer anderen Website";
        foreign_hint: "Your browser says that this form was sent from elsewhere. Nothing was changed." | "Ihr Browser sagt, dass dieses Formular von anderswo kam. Nichts wurde geändert.";
        internal: "Something went wrong here" | "Hier ist etwas schiefgegangen";
        internal_hint: "Nothing was changed for certain; look before you try again. The log of the portal has the reason." | "Es ist nicht sicher, ob etwas geändert wurde; sehen Sie nach, bevor Sie es noch einmal versuchen. Den Grund nennt das Log des Portals.";
        to_start: "To the first page" | "Zur ersten Seite";
    }
}
