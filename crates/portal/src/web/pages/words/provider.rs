//! To sign in elsewhere.

use super::words;

words! {
    /// Sign-ins at OpenID providers.
    #[cfg_attr(not(feature = "oidc"), expect(dead_code, reason = "there are none"))]
    Provider {
        sign_in: "Sign in with {provider}" | "Mit {provider} anmelden";
        confirm: "Confirm with {provider}" | "Mit {provider} bestätigen";
        join: "Join my sign-in with {provider}" | "Meine Anmeldung mit {provider} verbinden";
        going: "On to {provider}" | "Weiter zu {provider}";
        going_hint: "You sign in there and then come back here." | "Dort melden Sie sich an und kommen dann hierher zurück.";
        title: "Sign-ins with others" | "Anmeldungen mit anderen";
        hint: "With these you sign in without the password of this portal." | "Damit melden Sie sich ohne das Passwort dieses Portals an.";
        subject: "Known there as" | "Dort bekannt als";
        issuer: "With" | "Mit";
        joined: "Your sign-in is joined. You can use it from now on." | "Ihre Anmeldung ist verbunden. Sie können sie ab jetzt benutzen.";
        last_way: "This is your last way in. Set a password or join another sign-in first." | "Das ist Ihr letzter Zugang. Setzen Sie zuerst ein Passwort, oder verbinden Sie eine andere Anmeldung.";
        failed: "You were not signed in" | "Sie wurden nicht angemeldet";
        lost: "This sign-in did not begin in this browser, has ended already, or took longer than ten minutes. Please begin again." | "Diese Anmeldung hat nicht in diesem Browser begonnen, ist schon beendet oder hat länger als zehn Minuten gedauert. Bitte beginnen Sie neu.";
        declined: "{provider} did not sign you in." | "{provider} hat Sie nicht angemeldet.";
        unavailable: "{provider} cannot be asked at present. Please try again later." | "{provider} ist zurzeit nicht erreichbar. Bitte versuchen Sie es später wieder.";
        password_works: "A password of this portal works meanwhile." | "Ein Passwort dieses Portals geht inzwischen.";
        not_believed: "The answer of {provider} is not valid. If it stays so, tell whoever runs this portal: its log has the reason." | "Die Antwort von {provider} ist nicht gültig. Bleibt es so, sagen Sie es dem Betreiber dieses Portals: Sein Log nennt den Grund.";
        stranger: "{provider} knows you, and no account here is joined to that. Ask whoever runs this portal for a one-time link, or give them this: issuer {issuer}, subject {subject}" | "{provider} kennt Sie, aber hier ist kein Konto damit verbunden. Bitten Sie den Betreiber dieses Portals um einen Einmal-Link, oder geben Sie ihm dies: Issuer {issuer}, Subject {subject}";
        unconfirmed: "{provider} has not asked you again who you are, or knows you as somebody else than the account that is signed in here." | "{provider} hat Sie nicht noch einmal gefragt, wer Sie sind, oder kennt Sie als jemand anderen als das Konto, das hier angemeldet ist.";
        taken: "This sign-in is joined to an account already." | "Diese Anmeldung ist schon mit einem Konto verbunden.";
        no_passwords: "Passwords are switched off here. Sign in with one of the others." | "Passwörter sind hier abgeschaltet. Melden Sie sich mit einem der anderen an.";
    }
}
