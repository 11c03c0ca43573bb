//! Files that look as if they were part of a policy, and are not, or not for long.

use super::candidate::View;
use crate::yaml::Problems;
use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};
use std::path::Path;

/// Whether a file of this name was probably meant to match a pattern that it does not match: it has other
/// letter case, or another of the endings that YAML and editors have. Copies that editors and package
/// managers leave behind (`a.yaml~`, `a.yaml.dpkg-old`) are not meant.
pub(super) fn is_near(pattern: &glob::Pattern, name: &str, options: glob::MatchOptions) -> bool {
    let options = glob::MatchOptions { case_sensitive: false, ..options };
    let matches = |name: &str| pattern.matches_with(name, options);
    let stem = |ending: &str| {
        let (stem, found) = name.rsplit_once('.')?;
        found.eq_ignore_ascii_case(ending).then_some(stem)
    };
    matches(name)
        || stem("yml").is_some_and(|stem| matches(&format!("{stem}.yaml")))
        || stem("yaml").is_some_and(|stem| matches(&format!("{stem}.yml")))
        || stem("txt").is_some_and(matches)
}

/// Warns of a file that is a mount point of its own, as `docker run --volume FILE:FILE` and Kubernetes'
/// `subPath` make them: it stays the file that was there when it was mounted.
pub(super) fn warn_of_mount(problems: &mut Problems, path: &Path, view: &View<'_>) {
    if !view.is_file(path) {
        return;
    }
    let Ok(found) = statx(CWD, path, AtFlags::empty(), StatxFlags::NLINK) else { return };
    if !found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT) {
        return;
    }
    let message = if found.stx_nlink == 0 {
        "this file is a mount point of its own, and was replaced where it comes from: this is the old one"
    } else {
        "this file is a mount point of its own: once it is replaced where it comes from (by an editor, \
         by sed -i, by a program), the old one stays here"
    };
    problems.warn_file(message, "mount the directory that it lies in");
}

#[cfg(test)]
mod tests {
    use super::super::{Loaded, load};
    use std::fs;

    /// What is warned of in a policy with this include, beside these files.
    fn warned(include: &str, files: &[&str]) -> Vec<String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("policy.yaml");
        fs::write(&path, format!("include: {include}\n")).unwrap();
        fs::create_dir(directory.path().join("d")).unwrap();
        for name in files {
            fs::write(directory.path().join(name), "[]\n").unwrap();
        }
        let Loaded { policy, warnings, .. } = load(&path);
        policy.unwrap_or_else(|problems| panic!("{problems}"));
        let here = format!("{}/", directory.path().display());
        let said = warnings.shown().into_iter();
        said.map(|problem| problem.message.replace(&here, "")).collect()
    }

    #[test]
    fn files_that_lie_beside_included_ones_and_are_not_read_are_told_of() {
        let names = ["d/a.yaml", "d/c.YAML", "d/customers.yml", "d/g.yaml.txt"];
        assert_eq!(
            warned("d/*.yaml", &names),
            [
                "3 files look as if they were included, and are not read: c.YAML, customers.yml, g.yaml.txt"
            ]
        );
        let one = ["customers.yml is not read: it does not match this pattern"];
        assert_eq!(warned("d/*.yaml", &["d/a.yaml", "d/customers.yml"]), one);
        // Where nothing else is there, this says more than that nothing is.
        assert_eq!(warned("d/*.yaml", &["d/customers.yml"]), one);
        assert_eq!(
            warned("'d/*.yml'", &["d/a.yml", "d/b.yaml"]),
            ["b.yaml is not read: it does not match this pattern"]
        );
    }

    #[test]
    fn a_directory_in_the_place_of_a_list_is_told_of() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("policy.yaml");
        fs::write(&path, "include: d/*.yaml\n").unwrap();
        fs::create_dir_all(directory.path().join("d/customers.yaml")).unwrap();
        fs::create_dir(directory.path().join("d/old")).unwrap();
        fs::write(directory.path().join("d/a.yaml"), "[]\n").unwrap();
        let said: Vec<_> = load(&path)
            .warnings
            .shown()
            .into_iter()
            .map(|problem| problem.message.clone())
            .collect();
        assert_eq!(said, ["customers.yaml is not read: it is a directory"]);
    }

    #[test]
    fn what_is_put_aside_or_read_by_another_pattern_is_not_told_of() {
        let aside = [
            "d/a.yaml",
            "d/.d.yml",
            "d/b.yaml.disabled",
            "d/e.yaml~",
            "d/f.yaml.dpkg-old",
            "d/h.yaml.bak",
            "d/g",
            "d/README",
        ];
        assert_eq!(warned("d/*.yaml", &aside), [""; 0]);
        assert_eq!(warned("['d/*.yaml', 'd/*.yml']", &["d/a.yaml", "d/b.yml"]), [""; 0]);
        assert_eq!(warned("[d/a.yaml]", &["d/a.yaml", "d/b.yml"]), [""; 0]);
        // The settings and the policy itself.
        assert_eq!(warned("'*.yml'", &["a.yml", "milter.yaml"]), [""; 0]);
    }
}
