//! What strangers can make the running program keep.

use crate::engines::Engine;
use crate::support::Portal;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

struct Running {
    process: Child,
    port: u16,
    _portal: Portal,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Running {
    fn new() -> Self {
        let portal = Portal::new(Engine::Sqlite);
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let path = portal.path("portal.yaml");
        let settings = fs::read_to_string(&path).unwrap().replace(":8780", &format!(":{port}"));
        fs::write(&path, settings).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_mandatory-tls-portal"));
        let process = command.arg("--config").arg(&path).arg("serve").spawn().unwrap();
        let running = Self { process, port, _portal: portal };
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(start.elapsed() < Duration::from_secs(20), "the portal does not listen");
            thread::sleep(Duration::from_millis(10));
        }
        running
    }

    /// The status of the answer to a form.
    fn post(&self, path: &str, address: &str, form: &str) -> String {
        let mut connection = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let length = form.len();
        write!(
            connection,
            "POST {path} HTTP/1.1\r\nHost: portal.example\r\nX-Forwarded-For: {address}\r\nConnection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{form}"
        )
        .unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).unwrap_or_default().to_owned()
    }

    /// The memory that it has now, in MiB.
    fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
    }
}

#[test]
fn the_memory_of_passwords_is_given_back() {
    let running = Running::new();
    thread::scope(|scope| {
        for number in 0..100 {
            let running = &running;
            scope.spawn(move || {
                let address = format!("198.51.{number}.1");
                let form = format!("login=user{number}&password=wrong+wrong+wrong");
                assert_eq!(running.post("/sign-in", &address, &form), "422");
            });
        }
    });
    // Two at once take 38 MiB.
    assert!(running.memory() < 150, "{} MiB", running.memory());
}
