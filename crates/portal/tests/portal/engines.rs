//! Both engines: a file of SQLite for each test, and a database for each in a PostgreSQL of the tests'
//! own, which ends with them.

use portal::store::{Place, Store};
use std::{
    fs,
    io::{BufRead, BufReader, Read},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    },
};

/// Where a test has its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    /// An empty database.
    pub fn place(self, directory: &Path) -> Place {
        match self {
            Self::Sqlite => Place::Sqlite(directory.join("portal.sqlite")),
            Self::Postgres => Place::Postgres(CLUSTER.new_database()),
        }
    }

    pub fn store(self, directory: &Path) -> Store {
        Store::open(&self.place(directory)).unwrap()
    }
}

/// Runs each test on both engines.
#[macro_export]
macro_rules! on_both_engines {
    ($($(#[$attribute:meta])* fn $name:ident($portal:ident: $type:ty) $body:block)*) => { $(
        mod $name {
            use super::*;

            fn test($portal: $type) $body

            #[test]
            fn on_sqlite() {
                test(<$type>::new($crate::engines::Engine::Sqlite));
            }

            #[test]
            fn on_postgresql() {
                test(<$type>::new($crate::engines::Engine::Postgres));
            }
        }
    )* };
}

struct Cluster {
    directory: PathBuf,
    next: AtomicU32,
    _server: Child,
    /// The server ends when this is closed, which it is when the tests end, however they end.
    _life: ChildStdin,
}

static CLUSTER: LazyLock<Cluster> = LazyLock::new(Cluster::start);

/// Debian's.
const PROGRAMS: &str = "/usr/lib/postgresql/15/bin";

/// Makes a cluster in the directory $1 and serves it on a Unix socket there, until standard input ends.
/// Nobody but its own user reaches the directory.
const SCRIPT: &str = r#"
set -eu
bin=$1 dir=$2
cd "$dir"
"$bin/initdb" -D data -U portal -A trust -E UTF8 --no-sync --locale=C.UTF-8 >initdb.log 2>&1 || { cat initdb.log; exit 1; }
"$bin/postgres" -D data -k "$dir" -c listen_addresses= -c fsync=off -c max_connections=200 >server.log 2>&1 &
server=$!
until "$bin/pg_isready" -q -h "$dir"; do kill -0 $server || { cat server.log; exit 1; }; done
echo ready
read -r _ || :
kill -QUIT $server
wait $server || :
rm -rf "$dir"
"#;

impl Cluster {
    fn start() -> Self {
        let programs = Path::new(PROGRAMS);
        assert!(programs.is_dir(), "there is no {PROGRAMS}: run tests/install first");
        // A short path: that of a Unix socket has 107 octets at most.
        let directory = tempfile::Builder::new().prefix("pg").tempdir_in("/tmp").unwrap().keep();
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
        // PostgreSQL does not run as root.
        let is_root = nix::unistd::Uid::effective().is_root();
        let mut command = if is_root {
            let user = nix::unistd::User::from_name("nobody").unwrap().unwrap();
            std::os::unix::fs::chown(&directory, Some(user.uid.as_raw()), Some(user.gid.as_raw()))
                .unwrap();
            let mut command = Command::new("setpriv");
            command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups", "bash"]);
            command
        } else {
            Command::new("bash")
        };
        command.args(["-c", SCRIPT, "postgresql"]).arg(programs).arg(&directory);
        let mut server = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let life = server.stdin.take().unwrap();
        let mut said = BufReader::new(server.stdout.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        if line != "ready\n" {
            said.read_to_string(&mut line).unwrap();
            panic!("PostgreSQL does not start: {line}");
        }
        Self { directory, next: AtomicU32::new(0), _server: server, _life: life }
    }

    fn new_database(&self) -> String {
        let name = format!("portal{}", self.next.fetch_add(1, Ordering::Relaxed));
        let server = format!("host={} user=portal", self.directory.display());
        let mut client =
            postgres::Client::connect(&format!("{server} dbname=postgres"), postgres::NoTls)
                .unwrap();
        client.batch_execute(&format!("CREATE DATABASE {name}")).unwrap();
        format!("{server} dbname={name}")
    }
}
