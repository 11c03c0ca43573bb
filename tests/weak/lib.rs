//! Empty: this crate only names the source of OpenSSL 1.1.1 (see Cargo.toml).
