//! Files of the policy that an administrator sees and the service does not.
//!
//! The unit has a sandbox: there is nothing under /home for it, and its /tmp is its own. A link from
//! /etc into there works in every test by hand.

use super::sockets::systemd_runs;
use crate::command;
use config::policy_file::Sources;
use config::yaml::shown_path;
use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

/// A directive of the packaged unit, and the directories that it hides.
type Hiding = (&'static str, &'static [&'static str]);

const HIDING: [Hiding; 2] =
    [("ProtectHome", &["/home", "/root", "/run/user"]), ("PrivateTmp", &["/tmp", "/var/tmp"])];

/// Says which files lie where the service does not see them: itself, or what a link leads to.
pub(super) fn told(config: &Path, sources: &Sources) -> Vec<String> {
    let hiding: Vec<Hiding> =
        HIDING.into_iter().filter(|(directive, _)| !is_off(directive)).collect();
    among(&hiding, config, sources.files())
}

/// Whether the service was told to do without. Where it cannot be asked, it is as the package has it.
fn is_off(directive: &str) -> bool {
    let arguments =
        ["show".into(), format!("--property={directive}").into(), "mandatory-tls".into()];
    systemd_runs()
        && command::run(OsStr::new("systemctl"), &arguments)
            .is_ok_and(|written| written.output.trim() == format!("{directive}=no"))
}

fn among<'p>(
    hiding: &[Hiding],
    config: &Path,
    files: impl Iterator<Item = &'p Path>,
) -> Vec<String> {
    let directive_of = |path: &Path| {
        hiding.iter().find_map(|(directive, directories)| {
            directories.iter().any(|directory| path.starts_with(directory)).then_some(*directive)
        })
    };
    // Settings that lie there themselves are not those of the service: somebody tries something.
    if fs::canonicalize(config).is_ok_and(|config| directive_of(&config).is_some()) {
        return Vec::new();
    }
    let hidden = files.filter_map(|path| {
        let target = fs::canonicalize(path).ok().or_else(|| target_of(path))?;
        let directive = directive_of(&target)?;
        Some(format!(
            "{} lies in {}, where the service does not see it ({directive}= in its unit)",
            shown_path(path),
            shown_path(target.parent().unwrap_or(Path::new("/")))
        ))
    });
    hidden.collect()
}

/// Where a link leads to that leads to nothing.
fn target_of(link: &Path) -> Option<PathBuf> {
    let directory = fs::canonicalize(link.parent()?).ok()?;
    let target = directory.join(fs::read_link(link).ok()?);
    let above = target.parent().and_then(|above| fs::canonicalize(above).ok());
    Some(above.zip(target.file_name()).map_or(target.clone(), |(above, name)| above.join(name)))
}

/// What to do about it.
pub(super) const REMEDY: &str =
    "put the file itself in its place, or where the service sees it (/etc, /srv, /var/lib)";

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_link_into_what_the_sandbox_hides_is_told_of() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| fs::canonicalize(directory.path()).unwrap().join(name);
        let home: &'static str = at("home").to_str().unwrap().to_owned().leak();
        let directories: &'static [&'static str] = vec![home].leak();
        let hiding = [("ProtectHome", directories)];
        for name in ["home", "etc"] {
            fs::create_dir(at(name)).unwrap();
        }
        for name in ["home/list.yaml", "home/milter.yaml", "etc/milter.yaml", "etc/a.yaml"] {
            fs::write(at(name), "").unwrap();
        }
        symlink(at("home/list.yaml"), at("etc/b.yaml")).unwrap();
        symlink(at("etc/b.yaml"), at("etc/c.yaml")).unwrap();
        symlink(at("home"), at("etc/d")).unwrap();
        symlink(at("home/gone.yaml"), at("etc/gone.yaml")).unwrap();
        symlink("../home/away/gone.yaml", at("etc/away.yaml")).unwrap();
        let told = |config: &str, file: &str| {
            let path = at(file);
            among(&hiding, &at(config), [path.as_path()].into_iter())
        };
        for hidden in
            ["etc/b.yaml", "etc/c.yaml", "etc/d/list.yaml", "home/list.yaml", "etc/gone.yaml"]
        {
            let said = told("etc/milter.yaml", hidden);
            assert!(said.len() == 1 && said[0].contains("ProtectHome="), "{hidden}: {said:?}");
            assert_eq!(told("home/milter.yaml", hidden), [""; 0]);
        }
        let sly = "home/x\nerror: \u{1b}[2J";
        fs::create_dir(at(sly)).unwrap();
        fs::write(at(sly).join("list.yaml"), "").unwrap();
        symlink(at(sly).join("list.yaml"), at("etc/e\n.yaml")).unwrap();
        let said = told("etc/milter.yaml", "etc/e\n.yaml");
        assert!(!said[0].contains(char::is_control), "{said:?}");
        assert_eq!(told("etc/milter.yaml", "etc/a.yaml"), [""; 0]);
        assert_eq!(told("etc/milter.yaml", "etc/missing.yaml"), [""; 0]);
    }
}
