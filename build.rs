//! How the program that is packaged is linked (`--profile dist`).

use std::{env, path::Path, process::Command};

/// Where its functions lie.
const LAYOUT: &str = "packaging/layout.ld";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={LAYOUT}");
    if !is_packaged() {
        return;
    }
    let top = env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    println!("cargo::rustc-link-arg-bins=-Wl,-T,{top}/{LAYOUT}");
    // Addresses that the loader fills in take a few bits in place of 24 octets each, in pages that stay in memory. A
    // program that is linked so does not start on an older glibc, which says so ("GLIBC_ABI_DT_RELR not found").
    if is_native() && glibc().is_some_and(|version| version >= (2, 36)) {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// Cargo tells the profile by the path alone.
fn is_packaged() -> bool {
    let out = env::var_os("OUT_DIR").unwrap_or_default();
    Path::new(&out).components().any(|component| component.as_os_str() == "dist")
}

/// Whether the program will run on a machine like this one.
fn is_native() -> bool {
    env::var_os("HOST").is_some_and(|host| env::var_os("TARGET") == Some(host))
}

/// The version of this machine's glibc, where that is its C library.
fn glibc() -> Option<(u32, u32)> {
    let output = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (major, minor) = text.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.split('.').next()?.parse().ok()?))
}
