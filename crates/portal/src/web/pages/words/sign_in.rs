//! To sign in, for the first time and later.

use super::words;

words! {
    /// Name, password, code.
    SignIn {
        title: "Sign in" | "Anmelden";
        login: "Name or mail address" | "Name oder E-Mail-Adresse";
        password: "Password" | "Passwort";
        submit: "Sign in" | "Anmelden";
        failed: "This name and this password do not belong together." | "Dieser Name und dieses Passwort gehören nicht zusammen.";
        done: "Your password is set. Sign in with it." | "Ihr Passwort ist gesetzt. Melden Sie sich damit an.";
        forgotten: "I forgot my password" | "Ich habe mein Passwort vergessen";
        second: "One more step" | "Noch ein Schritt";
        second_hint: "Your authenticator app shows six digits for this portal. They change twice a minute." | "Ihre Authenticator-App zeigt sechs Ziffern für dieses Portal. Sie wechseln zweimal in der Minute.";
        code: "Code" | "Code";
        continue_: "Continue" | "Weiter";
        code_failed: "This code is not right, or it was used already. Wait for the next one." | "Dieser Code stimmt nicht, oder er wurde schon benutzt. Warten Sie auf den nächsten.";
        recovery: "I do not have my app" | "Ich habe meine App nicht";
        recovery_hint: "One of the recovery codes that you were given works here as well. Each works once." | "Hier geht auch einer der Notfallcodes, die Sie erhalten haben. Jeder gilt einmal.";
        recovery_code: "Recovery code" | "Notfallcode";
        again: "Please confirm that it is you" | "Bitte bestätigen Sie, dass Sie es sind";
        again_hint: "What you are about to do can open doors. Therefore your password is asked for once more." | "Was Sie vorhaben, kann Türen öffnen. Darum wird noch einmal nach Ihrem Passwort gefragt.";
        again_elsewhere: "What you are about to do can open doors. Therefore you are asked once more who you are." | "Was Sie vorhaben, kann Türen öffnen. Darum werden Sie noch einmal gefragt, wer Sie sind.";
        again_failed: "The password or the code is not right." | "Passwort oder Code stimmt nicht.";
        confirm: "Confirm" | "Bestätigen";
    }
}

words! {
    /// The one-time link, and the mail that brings it.
    Link {
        forgotten: "Forgotten password" | "Passwort vergessen";
        no_mail: "Whoever runs this portal gives you a one-time link, with which you choose a new one. The portal itself sends no mail." | "Der Betreiber dieses Portals gibt Ihnen einen Einmal-Link, mit dem Sie ein neues wählen. Das Portal selber verschickt keine E-Mails.";
        welcome: "Choose a password" | "Wählen Sie ein Passwort";
        welcome_hint: "For {login}. At least {least} characters; several words are easier to remember than signs." | "Für {login}. Mindestens {least} Zeichen; mehrere Wörter merken Sie sich leichter als Sonderzeichen.";
        welcome_elsewhere: "Choose how you sign in" | "Wählen Sie, wie Sie sich anmelden";
        hint_elsewhere: "For {login}." | "Für {login}.";
        password: "New password" | "Neues Passwort";
        repeat: "The same again" | "Noch einmal dasselbe";
        differ: "The two passwords differ." | "Die beiden Passwörter sind verschieden.";
        short: "A password needs at least {least} characters." | "Ein Passwort braucht mindestens {least} Zeichen.";
        submit: "Set the password" | "Passwort setzen";
        invalid: "This link does not work" | "Dieser Link geht nicht";
        invalid_hint: "It was used already, or it is too old. Whoever runs this portal can give you a new one." | "Er wurde schon benutzt, oder er ist zu alt. Der Betreiber dieses Portals kann Ihnen einen neuen geben.";
    }
}
