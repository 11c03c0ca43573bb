//! The settings that are shipped, and what the guide says of them.

use config::settings::{Database, PortalSettings};
use std::{fs, path::Path};

fn top(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)
}

#[test]
fn the_shipped_settings_are_for_this_machine_alone_and_fit_the_units() {
    let settings = PortalSettings::load(&top("conf/portal.yaml")).unwrap();
    assert!(!settings.is_https() && !settings.systemd);
    assert_eq!(settings.listen[0].socket.to_string(), "inet:127.0.0.1:8780");
    assert_eq!(settings.base_url, "http://127.0.0.1:8780");
    let database = "/var/lib/mandatory-tls-portal/portal.sqlite";
    assert_eq!(settings.database, Database::Sqlite(database.into()));
    let read = |name: &str| fs::read_to_string(top(name)).unwrap();
    let unit = read("packaging/systemd/mandatory-tls-portal.service");
    assert!(unit.contains("StateDirectory=mandatory-tls-portal\n"));
    let directory = settings.file.parent().unwrap().display().to_string();
    assert!(read("packaging/systemd/mandatory-tls-portal.tmpfiles").contains(&directory));
    assert!(read("packaging/debian/mandatory-tls-portal.postinst").contains(&directory));
}

#[test]
fn the_guide_has_every_key_of_the_settings() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("portal.yaml");
    let guide = fs::read_to_string(top("docs/guide/portal.md")).unwrap();
    let table: String = guide.lines().filter(|line| line.starts_with('|')).collect();
    for (text, count) in [("x: 1\n", 9), ("sign_in: { x: 1 }\n", 5)] {
        fs::write(&path, text).unwrap();
        let problems = PortalSettings::load(&path).unwrap_err().to_string();
        let mut lists = problems.lines().filter_map(|line| line.split("there are: ").nth(1));
        let keys = lists.find(|keys| keys.split(", ").count() == count);
        for key in keys.unwrap_or_else(|| panic!("{problems}")).split(", ") {
            assert!(table.contains(&format!("`{key}`")), "{key}");
        }
    }
}

#[test]
fn a_database_on_another_host_is_refused_however_it_is_named() {
    use portal::store::{Place, Store};
    for parameters in [
        "host=203.0.113.5",
        "host=db.example.org",
        "host=localhost hostaddr=203.0.113.5",
        "host=localhost,localhost hostaddr=127.0.0.1,203.0.113.5",
        "hostaddr=203.0.113.5",
        "postgresql://localhost/x?hostaddr=203.0.113.5",
    ] {
        let refused = Store::open(&Place::Postgres(parameters.into())).unwrap_err().to_string();
        assert!(refused.contains("on another host"), "{parameters}: {refused}");
    }
}

#[test]
fn what_is_wrong_with_a_provider_is_told_with_its_remedy() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("portal.yaml");
    let load = |more: &str| {
        let text = format!(
            "listen: inet:127.0.0.1:8780\nbase_url: http://127.0.0.1:8780\ndatabase: x\nfile: y\n{more}\n"
        );
        fs::write(&path, text).unwrap();
        PortalSettings::load(&path).map_err(|problems| problems.to_string())
    };
    let one = "sign_in: { issuer: https://sso.example.org/realms/staff, client_id: portal }";
    let settings = load(one).unwrap();
    assert_eq!((&*settings.sign_in[0].id, &*settings.sign_in[0].name), ("oidc", "Single sign-on"));
    assert!(settings.passwords && settings.sign_in[0].client_secret_file.is_none());
    let settings = load(&format!("{one}\npasswords: false")).unwrap();
    assert!(!settings.passwords);
    for (more, why) in [
        ("passwords: false", "without passwords nobody could sign in"),
        ("sign_in:", "`sign_in` has no value"),
        ("sign_in: { client_id: x }", "the settings do not say `issuer`"),
        ("sign_in: { issuer: https://a.example }", "the settings do not say `client_id`"),
        ("sign_in: { issuer: http://sso.example.org, client_id: x }", "write https://"),
        ("sign_in: { issuer: https://a.example, client_id: x, id: A/B }", "`id` is a word"),
        (
            "sign_in: { issuer: https://a.example, client_id: x, secret: y }",
            "there is no key `secret`",
        ),
        (
            "sign_in: [{ issuer: https://a.example, client_id: x }, { issuer: https://b.example, client_id: x }]",
            "there are two providers with the id `oidc`",
        ),
        (
            "sign_in: [{ issuer: https://a.example, client_id: x }, { id: b, issuer: https://a.example, client_id: y }]",
            "there are two providers with this issuer",
        ),
    ] {
        let problems = load(more).unwrap_err();
        assert!(problems.contains(why), "{more}: {problems}");
    }
}
