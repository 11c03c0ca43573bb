//! The settings of the portal, which is a program of its own.

use super::common::{is_loopback, required, scheme_and_rest};
use super::sign_in::{self, ProviderSettings};
use super::socket::{self, Listen, SocketSpec};
use crate::yaml::{Decoder, Node, Problems, Value};
use crate::{document, files};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// The settings of the portal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortalSettings {
    /// Whether to take the sockets that systemd passes.
    pub systemd: bool,
    /// The sockets to bind and listen on.
    pub listen: Vec<Listen>,
    /// Where people reach the portal, without a slash at the end. Links are made with it alone.
    pub base_url: String,
    /// Where the database is: a file of SQLite, or a connection string of PostgreSQL.
    pub database: Database,
    /// The settings of the milter, which name policy, ledger and status file.
    pub milter: PathBuf,
    /// The file of the policy that the portal writes.
    pub file: PathBuf,
    /// How the service is called in pages and authenticators.
    pub name: String,
    /// Whom its users can ask: a mail address or a link.
    pub support: Option<String>,
    /// The OpenID providers by which people can sign in.
    pub sign_in: Vec<ProviderSettings>,
    /// Whether they can with passwords of the portal's own.
    pub passwords: bool,
}

/// Where the database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// SQLite, in this file.
    Sqlite(PathBuf),
    /// PostgreSQL, behind this connection string.
    Postgres(String),
}

impl PortalSettings {
    /// Reads the settings at `path`.
    ///
    /// # Errors
    ///
    /// All that is wrong with the file, with places.
    pub fn load(path: &Path) -> Result<Self, Problems> {
        let mut problems = Problems::new();
        let octets = files::read_limited(path);
        let settings =
            document::read(path, octets, &mut problems, |decoder, root| read(decoder, root, path));
        match settings {
            Some(settings) if problems.is_empty() => Ok(settings),
            _ => Err(problems),
        }
    }

    /// Whether browsers reach the portal over HTTPS; else it is only for this machine.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.base_url.starts_with("https://")
    }
}

fn read(decoder: &mut Decoder<'_>, root: Option<Node<'_>>, path: &Path) -> Option<PortalSettings> {
    let Some(root) = root.filter(|root| !matches!(root.value, Value::Null)) else {
        let help = "they name at least `base_url`, `database` and `file`";
        decoder.problems.add_file("the settings are empty", help);
        return None;
    };
    let mut fields = decoder.fields(root, "the settings")?;
    let base = path.parent().unwrap_or(Path::new(""));
    let (systemd, listen) = match fields.take("listen") {
        Some(node) => {
            let (systemd, listen) = socket::read_all(decoder, node);
            check_private(decoder, node, &listen);
            (systemd, listen)
        }
        None => required(decoder, &fields, "listen", "listen: inet:127.0.0.1:8780"),
    };
    let base_url = match fields.take("base_url") {
        Some(node) => decoder.parsed(node, "`base_url`", base_url).unwrap_or_default(),
        None => required(decoder, &fields, "base_url", "base_url: https://portal.example.org"),
    };
    let database = match fields.take("database") {
        Some(node) => decoder.text(node, "`database`").map(|text| database(text, base)),
        None => {
            let help = "database: /var/lib/mandatory-tls-portal/portal.sqlite";
            required(decoder, &fields, "database", help)
        }
    };
    let file = match fields.take("file") {
        Some(node) => decoder.text(node, "`file`").map(|text| base.join(text)),
        None => {
            let help = "file: /var/lib/mandatory-tls-portal/policy/portal.yaml";
            required(decoder, &fields, "file", help)
        }
    };
    let milter = fields.text(decoder, "milter").unwrap_or("milter.yaml");
    let name = fields.text(decoder, "name").unwrap_or("Mandatory TLS").to_owned();
    let support = fields.text(decoder, "support").map(str::to_owned);
    let sign_in = fields.take("sign_in");
    let sign_in = sign_in.map(|node| sign_in::read_all(decoder, node, base)).unwrap_or_default();
    let passwords = fields.truth(decoder, "passwords").unwrap_or(true);
    if !passwords && !fields.mentions(&["sign_in"]) {
        let help = "name a provider under `sign_in`, or leave `passwords` out";
        decoder.problems.add(fields.span(), "without passwords nobody could sign in", help);
    }
    decoder.finish(fields);
    Some(PortalSettings {
        systemd,
        listen,
        base_url,
        database: database?,
        milter: base.join(milter),
        file: file?,
        name,
        support,
        sign_in,
        passwords,
    })
}

/// Refuses sockets that other machines can reach: passwords would come in the clear.
fn check_private(decoder: &mut Decoder<'_>, node: Node<'_>, listen: &[Listen]) {
    for socket in listen {
        if let SocketSpec::Inet(host, _) = &socket.socket
            && host != "localhost"
            && !host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        {
            let message = format!("{} can be reached from other machines", socket.socket);
            let help = "the portal speaks no TLS itself: listen on 127.0.0.1, or on a Unix socket, behind nginx \
                 or Caddy";
            decoder.problems.add(node.span, message, help);
        }
    }
}

/// Where people reach the portal.
fn base_url(text: &str) -> Result<String, &'static str> {
    let text = text.strip_suffix('/').unwrap_or(text);
    let Some((https, rest)) = scheme_and_rest(text) else {
        return Err("`base_url` is written as https://portal.example.org");
    };
    if rest.is_empty()
        || rest.contains(['/', '?', '#', '@', '\\'])
        || !rest.bytes().all(|b| b.is_ascii_graphic())
    {
        return Err(
            "`base_url` is a scheme and a host, and a port where it is not the usual one: the portal has \
             a name of its own",
        );
    }
    if !https && !is_loopback(rest) {
        return Err("over http:// passwords would cross the network in the clear: write https://");
    }
    Ok(text.to_ascii_lowercase())
}

fn database(text: &str, base: &Path) -> Database {
    if text.starts_with("postgresql://") || text.starts_with("postgres://") || text.contains('=') {
        return Database::Postgres(text.to_owned());
    }
    Database::Sqlite(base.join(text.strip_prefix("sqlite:").unwrap_or(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_made_with_an_https_address_or_one_of_this_machine() {
        for (text, read) in [
            ("https://portal.example.org", "https://portal.example.org"),
            ("https://Portal.example.org/", "https://portal.example.org"),
            ("https://portal.example.org:8443", "https://portal.example.org:8443"),
            ("http://127.0.0.1:8780", "http://127.0.0.1:8780"),
            ("http://localhost:1/", "http://localhost:1"),
            ("http://[::1]:8780", "http://[::1]:8780"),
        ] {
            assert_eq!(base_url(text).as_deref(), Ok(read), "{text}");
        }
        for text in [
            "portal.example.org",
            "http://portal.example.org",
            "http://127.0.0.1.example.org",
            "http://127.0.0.1@example.org",
            "https://",
            "https://portal.example.org/mail",
            "https://portal.example.org?a",
            "https://portal.example.org#a",
            "https://user@portal.example.org",
            "https://portal.example.org\nSet-Cookie:a",
            "ftp://portal.example.org",
            "javascript:alert(1)",
        ] {
            base_url(text).expect_err(text);
        }
    }

    fn loaded(text: &str) -> Result<PortalSettings, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("portal.yaml");
        std::fs::write(&path, text).unwrap();
        PortalSettings::load(&path).map_err(|problems| problems.to_string())
    }

    #[test]
    fn the_portal_listens_where_only_this_machine_reaches_it() {
        let with = |listen: &str| {
            loaded(&format!(
                "listen: {listen}\nbase_url: https://portal.example.org\ndatabase: p.sqlite\nfile: f.yaml\n"
            ))
        };
        for listen in ["inet:127.0.0.1:8780", "inet:[::1]:1", "unix:/run/p.sock", "systemd"] {
            with(listen).unwrap_or_else(|problems| panic!("{listen}: {problems}"));
        }
        for listen in
            ["inet:0.0.0.0:80", "inet:[::]:80", "inet:192.0.2.1:80", "inet:portal.example.org:80"]
        {
            let problems = with(listen).unwrap_err();
            assert!(problems.contains("can be reached from other machines"), "{problems}");
        }
    }

    #[test]
    fn all_that_is_missing_is_told_at_once() {
        let problems = loaded("name: Example Mail\nwebsite: x\n").unwrap_err();
        for key in ["listen", "base_url", "database", "file"] {
            assert!(problems.contains(&format!("do not say `{key}`")), "{problems}");
        }
        assert!(problems.contains("there is no key `website` here"), "{problems}");
    }
}
