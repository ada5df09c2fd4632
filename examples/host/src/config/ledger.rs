//! The section `[ledger]`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use source_contract::environment::Lookup;

use crate::config::fault::Fault;
use crate::config::section::Section;
use crate::config::values::substituted;

/// A stream of NATS `JetStream` that keeps events and cursors, for any number of workers.
#[derive(Clone, Debug)]
pub(crate) struct NatsConfig {
    /// Addresses of servers of one cluster: one that answers tells of the others.
    pub(crate) servers: Vec<String>,
    pub(crate) credentials: Credentials,
    /// Roots that the servers' certificates are held against, instead of the machine's.
    pub(crate) ca_file: Option<PathBuf>,
    /// What the subjects of answers begin with.
    pub(crate) inbox_prefix: Option<String>,
    /// The stream's name, which its subjects begin with.
    pub(crate) stream: String,
    /// How many servers keep each message.
    pub(crate) replicas: u8,
    /// This worker's name among the others.
    pub(crate) worker: String,
    /// How long a worker that is not heard of keeps its sources.
    pub(crate) lease: Duration,
}

/// How a worker says who it is.
#[derive(Clone)]
pub(crate) enum Credentials {
    None,
    File(PathBuf),
    User { user: String, password: String },
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::File(_) => "File(..)",
            Self::User { .. } => "User(..)",
        })
    }
}

impl NatsConfig {
    /// Reads the section `[ledger]`.
    pub(super) fn read(
        mut ledger: Section,
        folder: &Path,
        environment: Lookup<'_>,
        faults: &mut Vec<Fault>,
    ) -> Option<Self> {
        let before = faults.len();
        match ledger.required_text("type", faults).as_deref() {
            Some("nats") | None => {}
            Some(_) => faults.push(ledger.fault("type", "is no type of ledger", "write \"nats\"")),
        }
        let servers = servers(&mut ledger, faults);
        let credentials = credentials(&mut ledger, folder, environment, faults);
        let ca_file = ledger.text("ca_file", faults).map(|path| folder.join(path));
        let inbox_prefix = ledger.text("inbox_prefix", faults);
        if inbox_prefix.as_deref().is_some_and(|prefix| !prefix.split('.').all(is_token)) {
            faults.push(ledger.fault("inbox_prefix", "is no subject", TOKEN_REMEDY));
        }
        let stream = ledger.required_text("stream", faults);
        if stream.as_deref().is_some_and(|stream| !is_token(stream)) {
            faults.push(ledger.fault("stream", "is no name for a stream", TOKEN_REMEDY));
        }
        let replicas = ledger.number("replicas", 1..=5, faults).unwrap_or(3);
        let worker = ledger.text("worker", faults);
        if worker.as_deref().is_some_and(|worker| !is_token(worker)) {
            faults.push(ledger.fault("worker", "is no name for a worker", TOKEN_REMEDY));
        }
        // The servers forget a worker by whole seconds.
        let lease_secs = ledger.number("lease_secs", 2..=3_600, faults).unwrap_or(10);
        ledger.finish(faults);
        if faults.len() > before {
            return None;
        }
        Some(Self {
            servers,
            credentials,
            ca_file,
            inbox_prefix,
            stream: stream?,
            replicas: u8::try_from(replicas).ok()?,
            worker: worker.unwrap_or_else(any_name),
            lease: Duration::from_secs(lease_secs),
        })
    }
}

impl fmt::Display for NatsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stream {} of NATS", self.stream)
    }
}

fn servers(ledger: &mut Section, faults: &mut Vec<Fault>) -> Vec<String> {
    let before = faults.len();
    let servers = ledger.texts("servers", faults);
    if servers.is_empty() && faults.len() == before {
        let remedy = "name one at least: servers = [\"nats://127.0.0.1:4222\"]";
        faults.push(ledger.fault("servers", "is missing", remedy));
    }
    for (key, server) in &servers {
        let address = url::Url::parse(server).ok();
        let fits = address.is_some_and(|address| {
            matches!(address.scheme(), "nats" | "tls")
                && address.has_host()
                && address.username().is_empty()
                && address.password().is_none()
        });
        if !fits {
            // The text may hold a password.
            let remedy = "write nats://host:port or tls://host:port, and who asks under `user`, \
                          `password` or `creds_file`";
            faults.push(ledger.fault(key, "is no address of a NATS server", remedy));
        }
    }
    servers.into_iter().map(|(_, server)| server).collect()
}

fn credentials(
    ledger: &mut Section,
    folder: &Path,
    environment: Lookup<'_>,
    faults: &mut Vec<Fault>,
) -> Credentials {
    let file = ledger.text("creds_file", faults).map(|path| folder.join(path));
    let mut value = |key| {
        let text = ledger.text(key, faults)?;
        substituted(&text, &ledger.path(key), environment, &mut Vec::new(), faults)
    };
    let (user, password) = (value("user"), value("password"));
    match (file, user, password) {
        (None, None, None) => Credentials::None,
        (Some(file), None, None) => {
            if !file.is_file() {
                let message = format!("there is no file {}", file.display());
                let remedy = "correct the path; it starts at the configuration's folder";
                faults.push(ledger.fault("creds_file", &message, remedy));
            }
            Credentials::File(file)
        }
        (None, Some(user), Some(password)) => Credentials::User { user, password },
        (Some(_), ..) => {
            let message = "stands beside `user` or `password`";
            faults.push(ledger.fault("creds_file", message, "leave one of them out"));
            Credentials::None
        }
        (None, user, _) => {
            let key = if user.is_some() { "password" } else { "user" };
            // It may be there, and be at fault itself.
            if !faults.iter().any(|fault| fault.path == ledger.path(key)) {
                faults.push(ledger.fault(key, "is missing", "set both `user` and `password`"));
            }
            Credentials::None
        }
    }
}

/// Whether a text can be a token of a subject, and a key of a bucket, as it is.
fn is_token(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_part)
}

/// The machine's name, and something by chance: two workers may run on one machine. This process has one, however
/// often its configuration is read.
fn any_name() -> String {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(draw_name).clone()
}

fn draw_name() -> String {
    let host = nix::unistd::gethostname().unwrap_or_default();
    let mut name: String = host.to_string_lossy().chars().take(NAME_BYTES_MAX / 2).collect();
    name = name.replace(|c: char| !c.is_ascii_alphanumeric() && c != '-', "-");
    let chance = getrandom::u32().unwrap_or_else(|_| std::process::id());
    format!("{name}-{chance:08x}")
}

const NAME_BYTES_MAX: usize = 64;
const TOKEN_REMEDY: &str = "use 1 to 64 letters, digits, `_` and `-`";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn read(table: &str) -> Result<NatsConfig, Vec<String>> {
        let mut faults = Vec::new();
        let section = Section::new("ledger.", table.parse().unwrap());
        let environment = |name: &str| (name == "PASS").then(|| "s3cret".into());
        let config = NatsConfig::read(section, Path::new("/"), &environment, &mut faults);
        config.ok_or_else(|| faults.iter().map(ToString::to_string).collect())
    }

    const LEAST: &str = "type = \"nats\"\nservers = [\"nats://a:4222\"]\nstream = \"S\"\n";

    #[test]
    fn what_is_left_out_has_a_value() {
        let config = read(LEAST).unwrap();
        assert_eq!((config.replicas, config.lease), (3, Duration::from_secs(10)));
        assert!(is_token(&config.worker), "{}", config.worker);
        assert_eq!(config.worker, read(LEAST).unwrap().worker);
        assert_ne!(draw_name(), draw_name());
    }

    #[test]
    fn a_password_comes_from_the_environment_and_is_not_shown() {
        let config = read(&format!("{LEAST}user = \"u\"\npassword = \"${{PASS}}\"")).unwrap();
        assert!(
            matches!(&config.credentials, Credentials::User { password, .. } if password == "s3cret")
        );
        assert!(!format!("{config:?}").contains("s3cret"));
    }

    #[test]
    fn each_fault_is_told_under_its_key() {
        for (more, key) in [
            ("replicas = 6", "ledger.replicas"),
            ("replicas = \"3\"", "ledger.replicas"),
            ("lease_secs = 1", "ledger.lease_secs"),
            ("worker = \"a.b\"", "ledger.worker"),
            ("user = \"u\"", "ledger.password"),
            ("password = \"p\"", "ledger.user"),
            ("user = \"u\"\npassword = \"${NONE}\"", "ledger.password"),
            ("creds_file = \"/none\"", "ledger.creds_file"),
            ("creds_file = \"/none\"\nuser = \"u\"\npassword = \"p\"", "ledger.creds_file"),
            ("inbox_prefix = \"a.>\"", "ledger.inbox_prefix"),
            ("other = 1", "ledger.other"),
        ] {
            let faults = read(&format!("{LEAST}{more}")).unwrap_err();
            assert_eq!(faults.len(), 1, "{faults:?}");
            assert!(faults[0].starts_with(&format!("{key}: ")), "{more}: {faults:?}");
        }
        for (table, key) in [
            ("", "ledger.type"),
            ("type = \"kafka\"\nservers = [\"nats://a\"]\nstream = \"S\"", "ledger.type"),
            ("type = \"nats\"\nstream = \"S\"", "ledger.servers"),
            (
                "type = \"nats\"\nservers = [\"nats://u:s3cret@a\"]\nstream = \"S\"",
                "ledger.servers[0]",
            ),
            ("type = \"nats\"\nservers = [\"a:4222\"]\nstream = \"S\"", "ledger.servers[0]"),
            ("type = \"nats\"\nservers = [\"nats://a\"]\nstream = \"a.b\"", "ledger.stream"),
        ] {
            let faults = read(table).unwrap_err();
            assert!(faults.iter().any(|fault| fault.starts_with(key)), "{table}: {faults:?}");
            assert!(!faults.concat().contains("s3cret"), "{faults:?}");
        }
    }
}
