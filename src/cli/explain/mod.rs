//! `mandatory-tls explain`: the verdict for a recipient and a session, step by step.
//!
//! It builds a case as the milter does and asks the same `judge`. What is shown comes from
//! [`policy::explanation`], as text and as JSON; a line of a batch holds its conclusion only.

mod output;

use super::eyes::INSTALLED;
use super::{status, which_policy};
use clap::ValueEnum;
use config::policy_file::{
    self, Question, WriteError, WrittenCase, WrittenDeliveryTest, WrittenTest,
};
use jiff::Timestamp;
use policy::explanation::{Conclusion, ExplainedDelivery, Explanation};
use policy::hop::NextHop;
use policy::{Policy, judge};
use std::{
    io::{self, BufRead, Write},
    path::PathBuf,
    process::ExitCode,
};

const AFTER_HELP: &str = "\
Without --tls-version, --cipher and --unknown-tls the session is plaintext. Versions and ciphers \
are written as MTAs write them: TLSv1.3, ECDHE-RSA-AES256-GCM-SHA384.

With --as-test, the case is printed with today's verdict, to be put under `tests` in the policy: a change that \
would give it another verdict is then refused. With --batch, all cases are.

With --batch, each line of standard input is a JSON object with the keys rcpt, sender, client, \
authenticated, tls_version, cipher, cipher_bits, cert_subject, cert_issuer, unknown_tls, require, \
at; all but rcpt may be left out. Each is answered by a line: {\"verdict\": \"accept\" | \"would-refuse\" | \"refuse\", \
\"reason\": ..., \"domain\": ..., \"reply\": ...}, or {\"error\": ...}. With --format json, the answer \
to a single case has also what is in sight (\"in_sight\") and what each entry says (\"findings\").

Examples:
  mandatory-tls explain --rcpt user@example.com
  mandatory-tls explain --deliver \"[mx.example.com]:25\"
  mandatory-tls explain --policy policy.yaml --rcpt user@example.com --sender a@b.example \\
      --client 192.0.2.1 --tls-version TLSv1.2 --cipher ECDHE-RSA-AES256-GCM-SHA384";

/// Arguments of `explain`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// The settings, which name the policy to judge by
    #[arg(long, value_name = "FILE", default_value = INSTALLED, conflicts_with = "policy")]
    config: PathBuf,
    /// The policy to judge by, in place of that of the settings
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Judge one case a line, given as JSON on standard input
    #[arg(long, conflicts_with_all = ["rcpt", "format"])]
    batch: bool,
    /// Print the case with the verdict of today, as an item of `tests` of the policy
    #[arg(long, conflicts_with = "format")]
    as_test: bool,
    /// Show what Postfix is answered for this next hop, in place of the verdict on a recipient
    ///
    /// Written as transport_maps or relayhost has it: "[mx.example.org]:25"; else it is the recipient's domain.
    #[arg(long, value_name = "NEXTHOP", conflicts_with_all = [
        "rcpt", "batch", "sender", "client", "authenticated", "tls_version", "cipher", "bits", "cert_subject",
        "unknown_tls", "require",
    ])]
    deliver: Option<String>,
    /// The form of the answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    case: CaseArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Steps for people
    Text,
    /// One JSON object: the verdict, all that is in sight, and what each entry says
    Json,
}

#[derive(Debug, clap::Args)]
struct CaseArgs {
    /// The recipient, as the argument of RCPT TO
    #[arg(long, value_name = "ADDRESS", required_unless_present_any = ["batch", "deliver"])]
    rcpt: Option<String>,
    /// The envelope sender; without it, the null sender
    #[arg(long, value_name = "ADDRESS")]
    sender: Option<String>,
    /// The client's address
    #[arg(long, value_name = "IP")]
    client: Option<String>,
    /// The client has authenticated (SMTP AUTH)
    #[arg(long)]
    authenticated: bool,
    /// The TLS version, as {tls_version} gives it
    #[arg(long, value_name = "VERSION")]
    tls_version: Option<String>,
    /// The cipher suite, as {cipher} gives it
    #[arg(long, value_name = "NAME")]
    cipher: Option<String>,
    /// The cipher's bits, as {cipher_bits} gives them
    #[arg(long, value_name = "NUMBER")]
    bits: Option<String>,
    /// The subject of the client's certificate, verified: its common name
    #[arg(long, value_name = "NAME")]
    cert_subject: Option<String>,
    /// The issuer of the client's certificate: its common name
    #[arg(long, value_name = "NAME", requires = "cert_subject")]
    cert_issuer: Option<String>,
    /// The MTA does not tell of TLS
    #[arg(long, conflicts_with_all = ["tls_version", "cipher", "bits"])]
    unknown_tls: bool,
    /// Judge by this requirement in place of each entry's own
    #[arg(long, value_name = "NAME")]
    require: Option<String>,
    /// The time of the judgement, as 2027-01-01 or 2027-01-01T08:00:00+01:00; without it, now
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
}

pub(super) fn run(args: &Args) -> ExitCode {
    // Also where a test of the policy is broken: this shows why.
    let loaded = which_policy::path(args.policy.as_ref(), &args.config)
        .and_then(|path| policy_file::load_untested(&path).policy);
    let policy = match loaded {
        Ok(policy) => policy,
        Err(problems) => {
            eprintln!("{problems}");
            return status::CONFIG.into();
        }
    };
    let done = match &args.deliver {
        Some(next_hop) => second_hop(&policy, next_hop, args),
        None if args.batch => batch(&policy, args),
        None => single(&policy, args),
    };
    match done {
        Ok(code) => code,
        // The reader of the output has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            status::UNAVAILABLE.into()
        }
    }
}

impl CaseArgs {
    /// The case, in the keys of a batch.
    fn written(&self) -> WrittenCase {
        WrittenCase {
            rcpt: self.rcpt.clone().unwrap_or_default(),
            sender: self.sender.clone(),
            client: self.client.clone(),
            authenticated: self.authenticated,
            tls_version: self.tls_version.clone(),
            cipher: self.cipher.clone(),
            cipher_bits: self.bits.clone(),
            cert_subject: self.cert_subject.clone(),
            cert_issuer: self.cert_issuer.clone(),
            unknown_tls: self.unknown_tls,
            require: self.require.clone(),
            at: self.at.clone(),
        }
    }
}

/// Now, in whole seconds.
fn this_second() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// Reads a case; the error is a sentence.
fn question(policy: &Policy, case: &WrittenCase, now: Timestamp) -> Result<Question, String> {
    let named = |name: &str| policy.requirement(name).cloned();
    case.question(named, now).map_err(|error| error.to_string())
}

/// A test that expects what the policy says today; the error is a sentence.
fn as_test(policy: &Policy, case: WrittenCase, now: Timestamp) -> Result<String, String> {
    let question = question(policy, &case, now)?;
    let test = WrittenTest::of(policy, case, &question, now);
    test.to_yaml().map_err(|error: WriteError| error.to_string())
}

/// That the arguments cannot be meant.
fn usage(error: &str) -> io::Result<ExitCode> {
    eprintln!("error: {error}");
    Ok(status::USAGE.into())
}

fn single(policy: &Policy, args: &Args) -> io::Result<ExitCode> {
    let (case, now) = (args.case.written(), this_second());
    let mut out = io::stdout().lock();
    if args.as_test {
        return match as_test(policy, case, now) {
            Ok(test) => write!(out, "{test}").map(|()| ExitCode::SUCCESS),
            Err(error) => usage(&error),
        };
    }
    let question = match question(policy, &case, now) {
        Ok(question) => question,
        Err(error) => return usage(&error),
    };
    let explanation = Explanation::new(policy, &question.case());
    match args.format {
        Format::Text => output::steps(&mut out, &case, &question, &explanation)?,
        Format::Json => output::object(&mut out, &explanation)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The answer for a next hop.
fn second_hop(policy: &Policy, text: &str, args: &Args) -> io::Result<ExitCode> {
    let next_hop = text
        .parse::<NextHop>()
        .map_err(|error| format!("`{}` is not a next hop: {error}", text.escape_debug()));
    let at = args.case.at.clone();
    let now = || at.as_deref().map_or_else(|| Ok(this_second()), policy_file::time);
    let (next_hop, now) = match next_hop.and_then(|next_hop| Ok((next_hop, now()?))) {
        Ok(question) => question,
        Err(error) => return usage(&error),
    };
    let mut out = io::stdout().lock();
    if args.as_test {
        return match WrittenDeliveryTest::of(policy, &next_hop, at, now).to_yaml() {
            Ok(test) => write!(out, "{test}").map(|()| ExitCode::SUCCESS),
            Err(error) => usage(&error.to_string()),
        };
    }
    let explained = ExplainedDelivery::new(policy, &next_hop, now);
    match args.format {
        Format::Text => {
            write!(out, "next hop    {}\nat          {now}\n\n{explained}", explained.next_hop)?;
        }
        Format::Json => output::object(&mut out, &explained)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn batch(policy: &Policy, args: &Args) -> io::Result<ExitCode> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut code = ExitCode::SUCCESS;
    for line in io::stdin().lock().lines() {
        let (line, now) = (line?, this_second());
        let case = serde_json::from_str::<WrittenCase>(&line)
            .map_err(|error| format!("not a case: {error}"));
        let done = if args.as_test {
            case.and_then(|case| as_test(policy, case, now)).map(|test| write!(out, "{test}"))
        } else {
            case.and_then(|case| question(policy, &case, now)).map(|question| {
                let case = question.case();
                output::object(&mut out, &Conclusion::new(&case, &judge(policy, &case)))
            })
        };
        match done {
            Ok(written) => written?,
            Err(error) => {
                code = status::DATA.into();
                if args.as_test {
                    eprintln!("error: {error}");
                } else {
                    writeln!(out, "{}", serde_json::json!({ "error": error }))?;
                }
            }
        }
    }
    out.flush()?;
    Ok(code)
}
