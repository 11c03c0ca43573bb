//! Who changed what.

use super::words;

words! {
    /// The log, of all or of a domain.
    Audit {
        title: "Audit log" | "Protokoll";
        title_of: "Changes to {domain}" | "Änderungen an {domain}";
        hint: "All that pages, API and the operator's shell have changed, the latest first. Nothing is ever removed from it." | "Alles, was Seiten, API und die Befehlszeile des Betreibers geändert haben, das Neueste zuerst. Daraus wird nie etwas entfernt.";
        when: "When" | "Wann";
        who: "Who" | "Wer";
        what: "What" | "Was";
        about: "About" | "Worum";
        before: "Before" | "Vorher";
        after: "After" | "Nachher";
        behalf: "for {organisation}" | "für {organisation}";
        any: "everything" | "alles";
        from: "From day" | "Von Tag";
        to: "To day" | "Bis Tag";
        nothing: "Nothing was changed yet." | "Noch wurde nichts geändert.";
    }
}
