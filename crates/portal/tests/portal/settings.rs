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
    fs::write(&path, "x: 1\n").unwrap();
    let problems = PortalSettings::load(&path).unwrap_err().to_string();
    let keys = problems.split("there are: ").nth(1).unwrap().lines().next().unwrap();
    let guide = fs::read_to_string(top("docs/guide/portal.md")).unwrap();
    let table: String = guide.lines().filter(|line| line.starts_with('|')).collect();
    assert_eq!(keys.split(", ").count(), 7, "{keys}");
    for key in keys.split(", ") {
        assert!(table.contains(&format!("`{key}`")), "{key}");
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
