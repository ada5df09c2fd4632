//! The stream and the bucket: made if they are missing, and refused by name if they are not fit.

use std::time::Duration;

use serde_json::{Value, json};

use crate::config::NatsConfig;
use crate::ledger::nats::connection::{Connection, Unanswered};
use crate::ledger::nats::identity::Identity;
use crate::ledger::nats::room::{Room, room};
use crate::ledger::nats::subject::Subjects;

/// Why a stream cannot be used.
pub(crate) enum Unusable {
    /// It may be used later: no server leads it now.
    Later(String),
    /// Not before somebody mends it: each thing that is wrong, with what mends it.
    Never(Vec<String>),
}

/// Sees that the servers are new enough, and that stream and bucket are there and fit. Gives what the stream is
/// told from others by.
pub(crate) async fn prepare(
    connection: &Connection,
    config: &NatsConfig,
) -> Result<Option<Identity>, Unusable> {
    check_version(connection)?;
    let [stream, bucket] = wanted(config);
    let found = have(connection, &stream).await?;
    have(connection, &bucket).await?;
    Ok(Identity::of(&found))
}

/// What is found of a stream and a bucket that are fit, as far as they are there.
pub(crate) enum Seen {
    Fit,
    /// They are, and one of them is nearly full.
    NearlyFull(String),
    /// The first of the two that is missing.
    Missing(String),
}

/// The same of what is there, and makes nothing. One that is full takes nothing now.
pub(crate) async fn look(connection: &Connection, config: &NatsConfig) -> Result<Seen, Unusable> {
    check_version(connection)?;
    let [stream, bucket] = wanted(config);
    let ask = async |wanted: &Value| ask(connection, "INFO", name(wanted), &Value::Null).await;
    let found = [ask(&stream).await, ask(&bucket).await];
    let is_missing = |found: &Result<Value, Unanswered>| {
        matches!(found, Err(Unanswered::Refused { code: NOT_FOUND, .. }))
    };
    if is_missing(&found[0]) && found[1].is_ok() {
        return Err(Unusable::Never(vec![gone(&config.stream)]));
    }
    let mut seen = Seen::Fit;
    for (wanted, found) in [stream, bucket].iter().zip(found) {
        let name = name(wanted);
        if is_missing(&found) {
            return Ok(Seen::Missing(name.to_owned()));
        }
        match room(name, &judge(name, found, wanted)?) {
            Room::Enough => {}
            Room::Little(why) => seen = Seen::NearlyFull(why),
            Room::None(why) => return Err(Unusable::Later(why)),
        }
    }
    Ok(seen)
}

/// Workers make both, and none of them takes one away.
fn gone(stream: &str) -> String {
    format!(
        "stream {stream} is gone, and its bucket is there: restore it from a copy, or have it made anew and start the \
         workers again, which collect all that their APIs still have"
    )
}

fn check_version(connection: &Connection) -> Result<(), Unusable> {
    let server = connection.server();
    if !is_new_enough(&server.version) {
        return Err(Unusable::Never(vec![too_old(&server.server_name, &server.version)]));
    }
    Ok(())
}

/// The settings of stream and bucket.
fn wanted(config: &NatsConfig) -> [Value; 2] {
    let stream = &config.stream;
    let events_and_cursors = json!({
        "name": stream,
        "description": "events and cursors of source-host",
        "subjects": Subjects::of(stream).all(),
        "retention": "limits",
        "storage": "file",
        "discard": "new",
        "num_replicas": config.replicas,
        "allow_atomic": true,
        "allow_direct": true,
        "allow_rollup_hdrs": true,
        "allow_msg_ttl": true,
    });
    let workers = json!({
        "name": bucket(stream),
        "description": "workers of source-host",
        "subjects": [format!("$KV.{stream}.>")],
        "retention": "limits",
        "storage": "file",
        "discard": "new",
        "num_replicas": config.replicas,
        "max_msgs_per_subject": 1,
        "allow_direct": true,
        "allow_rollup_hdrs": true,
        "allow_msg_ttl": true,
        "deny_delete": true,
    });
    [events_and_cursors, workers]
}

/// The stream in which the workers are kept.
pub(crate) fn bucket(stream: &str) -> String {
    format!("KV_{stream}")
}

/// Makes a stream unless it is there; then it has to be as wanted. Gives what its leader says of it.
async fn have(connection: &Connection, wanted: &Value) -> Result<Value, Unusable> {
    let name = name(wanted);
    let ask = async |what: &str, question| ask(connection, what, name, question).await;
    let found = match ask("INFO", &Value::Null).await {
        Err(Unanswered::Refused { code: NOT_FOUND, .. }) => match ask("CREATE", wanted).await {
            Ok(made) => {
                tracing::info!(stream = name, "made the stream");
                Ok(made)
            }
            // Another worker was faster.
            Err(Unanswered::Refused { code: NAME_IN_USE, .. }) => ask("INFO", &Value::Null).await,
            Err(why) => Err(why),
        },
        found => found,
    };
    judge(name, found, wanted)
}

fn name(wanted: &Value) -> &str {
    wanted["name"].as_str().unwrap_or_default()
}

async fn ask(
    connection: &Connection,
    what: &str,
    name: &str,
    question: &Value,
) -> Result<Value, Unanswered> {
    connection.api(&format!("STREAM.{what}.{name}"), question, ASK_FOR_MAX).await
}

/// Holds what a leader says of a stream against what is wanted.
fn judge(name: &str, found: Result<Value, Unanswered>, wanted: &Value) -> Result<Value, Unusable> {
    match found {
        Ok(found) => {
            let config = &found["config"];
            let by = config["metadata"]["_nats.ver"].as_str().unwrap_or_default();
            let mut faults = faults(name, config, wanted);
            if !by.is_empty() && !is_new_enough(by) {
                faults.push(too_old("that leads it", by));
            }
            if faults.is_empty() { Ok(found) } else { Err(Unusable::Never(faults)) }
        }
        Err(Unanswered::Refused {
            code: code @ (10_005 | 10_052 | 10_065 | 10_074 | 10_185),
            why,
        }) => Err(Unusable::Never(vec![format!(
            "stream {name} cannot be made: {why} ({code}); {}",
            remedy(code)
        )])),
        Err(why) => Err(Unusable::Later(format!("stream {name}: {why}"))),
    }
}

fn remedy(code: u64) -> &'static str {
    match code {
        10_005 | 10_074 => "start as many servers as `ledger.replicas` says, or ask for fewer",
        10_065 => "another stream has some of its subjects; give this one another name",
        _ => "make it by hand, as the manual says",
    }
}

/// What is wrong with a stream that is there. A setting that loses events or cursors is; what else somebody
/// chose is theirs.
fn faults(name: &str, found: &Value, wanted: &Value) -> Vec<String> {
    let mut faults = Faults { stream: name, found, told: Vec::new() };
    let limited = |setting: &str| found[setting].as_i64().is_some_and(|most| most > 0);
    if name.starts_with("KV_") {
        let is_fit = found["max_msgs_per_subject"].as_i64() == Some(1);
        faults.editable(is_fit, "max_msgs_per_subject", "1", "--max-msgs-per-subject=1");
    } else {
        faults.editable(found["allow_atomic"] == true, "allow_atomic", "true", "--allow-batch");
        let wants = "without limit: it takes events away";
        let is_fit = !limited("max_msgs_per_subject");
        faults.editable(is_fit, "max_msgs_per_subject", wants, "--max-msgs-per-subject=-1");
        let wants = "\"new\" beside a limit: the oldest are cursors, too";
        let is_fit = found["discard"] == "new" || !(limited("max_bytes") || limited("max_msgs"));
        faults.editable(is_fit, "discard", wants, "--discard=new");
    }
    for (setting, option) in [
        ("allow_direct", "--allow-direct"),
        ("allow_rollup_hdrs", "--allow-rollup"),
        ("allow_msg_ttl", "--allow-msg-ttl"),
    ] {
        faults.editable(found[setting] == true, setting, "true", option);
    }
    let replicas = |config: &Value| config["num_replicas"].as_u64().unwrap_or(0);
    let (has, wants) = (replicas(found), replicas(wanted));
    let option = format!("--replicas={wants}");
    faults.editable(has >= wants, "num_replicas", &format!("{wants} or more"), &option);
    faults.subjects(wanted);
    faults.fixed(found["storage"] == "file", "storage", "\"file\"");
    let wants = "\"limits\": others take away what was read";
    faults.fixed(found["retention"] == "limits", "retention", wants);
    for setting in ["no_ack", "sealed", "deny_purge"] {
        faults.fixed(found[setting] != true, setting, "false");
    }
    for setting in ["mirror", "sources", "subject_transform"] {
        faults.fixed(found[setting].is_null(), setting, "left out");
    }
    faults.fixed(found["persist_mode"] != "async", "persist_mode", "\"default\"");
    faults.told
}

/// The faults of one stream.
struct Faults<'a> {
    stream: &'a str,
    found: &'a Value,
    told: Vec<String>,
}

impl Faults<'_> {
    /// Of a setting that can be changed.
    fn editable(&mut self, is_fit: bool, setting: &str, wants: &str, option: &str) {
        let remedy = format!("nats stream edit {} {option}", self.stream);
        self.add(is_fit, setting, wants, &remedy);
    }

    /// Of one that cannot.
    fn fixed(&mut self, is_fit: bool, setting: &str, wants: &str) {
        self.add(is_fit, setting, wants, "make another stream: this cannot be changed");
    }

    fn subjects(&mut self, wanted: &Value) {
        let of = |config: &Value| -> Vec<String> {
            let subjects = config["subjects"].as_array().into_iter().flatten();
            subjects.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let has = of(self.found);
        for subject in of(wanted) {
            let all = format!("{}.>", subject.split('.').next().unwrap_or_default());
            let is_fit = has.contains(&subject) || has.contains(&all);
            let option = format!("--subjects={},{subject}", has.join(","));
            self.editable(
                is_fit,
                "subjects",
                &format!("such that {subject} is among them"),
                &option,
            );
        }
    }

    fn add(&mut self, is_fit: bool, setting: &str, wants: &str, remedy: &str) {
        if is_fit {
            return;
        }
        let is = match &self.found[setting] {
            Value::Null => "not set".to_owned(),
            Value::Object(_) => "set".to_owned(),
            is => is.to_string(),
        };
        let stream = self.stream;
        self.told
            .push(format!("stream {stream}: {setting} is {is}, and has to be {wants}; {remedy}"));
    }
}

fn too_old(server: &str, version: &str) -> String {
    let version = source_contract::printable::printable(version);
    let server = source_contract::printable::printable(server);
    format!(
        "the NATS server {server} has version {version}, which knows no atomic batches, stores parts of them, or forgets cursors; \
         {VERSION_MIN} or newer is wanted on each server of the cluster"
    )
}

/// Older ones store a batch's messages one by one, or a part of them when another server comes to lead (before
/// 2.12.2), or may forget a cursor when they are started again (2.12.7 to 2.12.10, nats-server#8285).
fn is_new_enough(version: &str) -> bool {
    let numbers = |version: &str| -> Vec<u32> {
        let release = version.split(['-', '+']).next().unwrap_or_default();
        release.split('.').map(|number| number.parse().unwrap_or(0)).collect()
    };
    numbers(version) >= numbers(VERSION_MIN)
}

const VERSION_MIN: &str = "2.12.11";
const NOT_FOUND: u64 = 10_059;
const NAME_IN_USE: u64 = 10_058;
const ASK_FOR_MAX: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_apart_by_number() {
        for version in ["2.12.11", "2.12.20", "2.15.1", "3.0.0", "2.14.0-RC.1"] {
            assert!(is_new_enough(version), "{version}");
        }
        for version in ["2.12.1", "2.12.7", "2.12.10", "2.9.10", "2.11.11", "", "1.99.99"] {
            assert!(!is_new_enough(version), "{version}");
        }
    }

    fn fit() -> Value {
        json!({
            "name": "S", "subjects": ["S.event.>", "S.cursor.>"], "retention": "limits", "storage": "file",
            "discard": "old", "num_replicas": 3, "max_bytes": -1, "max_msgs": -1, "max_msgs_per_subject": -1,
            "allow_atomic": true, "allow_direct": true, "allow_rollup_hdrs": true, "allow_msg_ttl": true,
            "max_age": 86_400_000_000_000_u64, "deny_purge": false,
        })
    }

    #[test]
    fn what_is_fit_is_taken_whatever_else_it_has() {
        assert_eq!(faults("S", &fit(), &fit()), Vec::<String>::new());
    }

    #[test]
    fn each_setting_that_loses_something_is_named_with_what_mends_it() {
        for (setting, value) in [
            ("allow_atomic", json!(false)),
            ("allow_direct", json!(null)),
            ("allow_rollup_hdrs", json!(false)),
            ("allow_msg_ttl", json!(false)),
            ("storage", json!("memory")),
            ("retention", json!("workqueue")),
            ("num_replicas", json!(1)),
            ("subjects", json!(["S.event.>"])),
            ("max_msgs_per_subject", json!(5)),
            ("no_ack", json!(true)),
            ("deny_purge", json!(true)),
            ("mirror", json!({"name": "T"})),
            ("persist_mode", json!("async")),
        ] {
            let mut found = fit();
            found[setting] = value;
            let faults = faults("S", &found, &fit());
            assert_eq!(faults.len(), 1, "{setting}: {faults:?}");
            assert!(faults[0].starts_with(&format!("stream S: {setting} is ")), "{faults:?}");
            assert!(faults[0].contains("; "), "{faults:?}");
        }
        let mut found = fit();
        found["max_bytes"] = json!(1_000_000);
        assert!(faults("S", &found, &fit())[0].starts_with("stream S: discard is \"old\""));
        found["discard"] = json!("new");
        assert_eq!(faults("S", &found, &fit()), Vec::<String>::new());
    }
}
