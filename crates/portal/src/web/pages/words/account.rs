//! One's own account.

use super::words;

words! {
    /// The page of an account.
    Account {
        title: "Your account" | "Ihr Konto";
        login: "Name" | "Name";
        role: "Role" | "Rolle";
        organisation: "Organisation" | "Organisation";
        password: "Password" | "Passwort";
        change_password: "Change the password" | "Passwort ändern";
        tokens_too: "Revoke my tokens as well" | "Auch meine Tokens widerrufen";
        tokens_too_hint: "Choose this if somebody else may have had your password." | "Wählen Sie das, wenn jemand anderes Ihr Passwort gekannt haben könnte.";
        change_password_hint: "All your sessions end with it, this one as well. You then sign in with the new one." | "Alle Ihre Sitzungen enden damit, auch diese. Danach melden Sie sich mit dem neuen an.";
        password_kept: "kept as a hash" | "als Hash aufbewahrt";
        password_none: "none" | "keines";
        second: "Second step" | "Zweiter Schritt";
        second_on: "An authenticator app is asked for its code." | "Nach dem Code einer Authenticator-App wird gefragt.";
        second_off: "None: nothing else is asked for." | "Keiner: Sonst wird nach nichts gefragt.";
        set_up: "Set up an app" | "App einrichten";
        replace: "Take another app" | "Andere App nehmen";
        remove_second: "Do without" | "Darauf verzichten";
        sessions: "Where you are signed in" | "Wo Sie angemeldet sind";
        session_this: "this one" | "diese hier";
        session_from: "From" | "Von";
        session_with: "With" | "Mit";
        session_since: "Since" | "Seit";
        session_seen: "Last seen" | "Zuletzt";
        end_others: "End all others" | "Alle anderen beenden";
        tokens: "Tokens for programs" | "Tokens für Programme";
        manage_tokens: "Tokens of the API" | "Tokens der API";
    }
}

words! {
    /// Tokens of the API.
    Tokens {
        title: "Tokens for programs" | "Tokens für Programme";
        hint: "With a token a program can do over the API what you allow it, without your password. It is shown once." | "Mit einem Token kann ein Programm über die API tun, was Sie ihm erlauben, ohne Ihr Passwort. Es wird einmal gezeigt.";
        name: "Name" | "Name";
        name_wrong: "A token has a name of up to 100 characters." | "Ein Token hat einen Namen von höchstens 100 Zeichen.";
        scope_wrong: "Choose at least one thing that it may do." | "Wählen Sie mindestens eines, was es darf.";
        name_hint: "What it is for." | "Wofür es ist.";
        scope: "What it may do" | "Was es darf";
        expires: "Until" | "Bis";
        lasts: "How long it can be used" | "Wie lange es gilt";
        days: ["1 day", "{} days"] | ["1 Tag", "{} Tage"];
        over: "ended" | "beendet";
        make: "Make a token" | "Token erstellen";
        made: "Your new token" | "Ihr neues Token";
        made_hint: "Copy it now. It is stored as a hash and cannot be shown again." | "Kopieren Sie es jetzt. Gespeichert ist nur ein Hash, darum kann es nicht mehr gezeigt werden.";
        used: "Last used" | "Zuletzt benutzt";
        never: "never" | "nie";
        revoke: "Revoke" | "Widerrufen";
        none: "There is none." | "Es gibt keines.";
        existing: "Tokens that exist" | "Vorhandene Tokens";
    }
}

words! {
    /// The authenticator app and the recovery codes.
    Totp {
        title: "Set up the second step" | "Zweiten Schritt einrichten";
        hint: "With a second step, a password that somebody has overheard is not enough. You need an authenticator app, on your telephone or in your password manager." | "Mit einem zweiten Schritt genügt ein abgeschautes Passwort nicht mehr. Sie brauchen eine Authenticator-App, auf dem Telefon oder im Passwortmanager.";
        begin: "Set up the app" | "App einrichten";
        scan: "Scan this picture with your app" | "Nehmen Sie dieses Bild mit Ihrer App auf";
        picture: "Picture for an authenticator app; the key below says the same." | "Bild für eine Authenticator-App; der Schlüssel darunter sagt dasselbe.";
        key: "Or type this key" | "Oder tippen Sie diesen Schlüssel ab";
        confirm: "Enter the six digits that the app shows now" | "Geben Sie die sechs Ziffern ein, die die App jetzt zeigt";
        submit: "Switch it on" | "Einschalten";
        wrong: "These digits are not right. Is the clock of your telephone?" | "Diese Ziffern stimmen nicht. Stimmt die Uhr Ihres Telefons?";
        later: "Not now" | "Nicht jetzt";
        codes: "Your recovery codes" | "Ihre Notfallcodes";
        codes_hint: "Each of them works once in place of the app, if you lose it. Keep them apart from your password. They are shown this once." | "Jeder davon gilt einmal anstelle der App, falls Sie sie verlieren. Bewahren Sie sie getrennt vom Passwort auf. Sie werden nur dieses eine Mal gezeigt.";
        kept: "I have kept them" | "Ich habe sie aufbewahrt";
    }
}
