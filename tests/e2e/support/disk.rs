//! A small disk of a test's own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A tmpfs, mounted as long as this lives; also of a test that fails.
pub struct Disk(PathBuf);

impl Disk {
    /// Mounts one at `path`, which is made, with options as mount(8) has them.
    pub fn mount(path: &Path, options: &str) -> Self {
        fs::create_dir(path).expect("our own directory");
        run("mount -t tmpfs -o \"$2\" tmpfs \"$1\"", path, options);
        Self(path.to_path_buf())
    }

    /// Mounts it with other options.
    pub fn remount(&self, options: &str) {
        run("mount -o \"remount,$2\" \"$1\"", &self.0, options);
    }

    /// Takes all the room that is left.
    pub fn fill(&self) {
        run("cat /dev/zero >>\"$1/filler\" 2>/dev/null; true", &self.0, "");
    }

    /// Gives it back.
    pub fn make_room(&self) {
        fs::remove_file(self.0.join("filler")).expect("it was filled");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        run("umount -l \"$1\"", &self.0, "");
    }
}

fn run(command: &str, path: &Path, options: &str) {
    let status = Command::new("sh").args(["-c", command, "sh"]).arg(path).arg(options).status();
    assert!(status.expect("sh runs").success(), "{command} {options}");
}
