//! The stream and the bucket: made if they are missing, and refused by name if they are not fit.

use std::time::Duration;

use serde_json::{Value, json};

use crate::config::NatsConfig;
use crate::ledger::nats::connection::{Connection, Unanswered};
use crate::ledger::nats::subject::Subjects;

/// Why a stream cannot be used.
pub(crate) enum Unusable {
    /// It may be used later: no server leads it now.
    Later(String),
    /// Not before somebody mends it: each thing that is wrong, with what mends it.
    Never(Vec<String>),
}

/// Sees that the servers are new enough, and that stream and bucket are there and fit.
pub(crate) async fn prepare(connection: &Connection, config: &NatsConfig) -> Result<(), Unusable> {
    let server = connection.server();
    if !is_new_enough(&server.version) {
        return Err(Unusable::Never(vec![too_old(&server.server_name, &server.version)]));
    }
    let stream = &config.stream;
    let subjects = Subjects::of(stream).all();
    let wanted = json!({
        "name": stream,
        "description": "events and cursors of source-host",
        "subjects": subjects,
        "retention": "limits",
        "storage": "file",
        "discard": "new",
        "num_replicas": config.replicas,
        "allow_atomic": true,
        "allow_direct": true,
        "allow_rollup_hdrs": true,
        "allow_msg_ttl": true,
    });
    have(connection, stream, &wanted).await?;
    let bucket = bucket(stream);
    let wanted = json!({
        "name": bucket,
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
    have(connection, &bucket, &wanted).await
}

/// The stream in which the workers are kept.
pub(crate) fn bucket(stream: &str) -> String {
    format!("KV_{stream}")
}

/// Makes a stream unless it is there; then it has to be as wanted.
async fn have(connection: &Connection, name: &str, wanted: &Value) -> Result<(), Unusable> {
    let ask = async |what: &str, question: &Value| {
        connection.api(&format!("STREAM.{what}.{name}"), question, ASK_FOR_MAX).await
    };
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
    match found {
        Ok(found) => {
            let config = &found["config"];
            let by = config["metadata"]["_nats.ver"].as_str().unwrap_or_default();
            let mut faults = faults(name, config, wanted);
            if !by.is_empty() && !is_new_enough(by) {
                faults.push(too_old("that leads it", by));
            }
            if faults.is_empty() { Ok(()) } else { Err(Unusable::Never(faults)) }
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
    let mut faults = Vec::new();
    let mut fault = |setting: &str, is: &Value, wants: &str, remedy: &str| {
        let is = if is.is_null() { "not set".to_owned() } else { is.to_string() };
        faults.push(format!("stream {name}: {setting} is {is}, and has to be {wants}; {remedy}"));
    };
    let edit = |option: &str| format!("nats stream edit {name} {option}");
    let anew = "make another stream: this cannot be changed";
    if name.starts_with("KV_") {
        if found["max_msgs_per_subject"].as_i64() != Some(1) {
            fault(
                "max_msgs_per_subject",
                &found["max_msgs_per_subject"],
                "1",
                &edit("--max-msgs-per-subject=1"),
            );
        }
    } else {
        for (setting, option) in [("allow_atomic", "--allow-batch")] {
            if found[setting] != Value::Bool(true) {
                fault(setting, &found[setting], "true", &edit(option));
            }
        }
        if found["max_msgs_per_subject"].as_i64().is_some_and(|most| most > 0) {
            let remedy = edit("--max-msgs-per-subject=-1");
            fault(
                "max_msgs_per_subject",
                &found["max_msgs_per_subject"],
                "without limit: it takes events away",
                &remedy,
            );
        }
        let bound = ["max_bytes", "max_msgs"]
            .iter()
            .any(|bound| found[*bound].as_i64().is_some_and(|most| most > 0));
        if bound && found["discard"] != "new" {
            let remedy = edit("--discard=new");
            fault(
                "discard",
                &found["discard"],
                "\"new\" beside a limit: the old ones are cursors, too",
                &remedy,
            );
        }
    }
    for (setting, option) in [
        ("allow_direct", "--allow-direct"),
        ("allow_rollup_hdrs", "--allow-rollup"),
        ("allow_msg_ttl", "--allow-msg-ttl"),
    ] {
        if found[setting] != Value::Bool(true) {
            fault(setting, &found[setting], "true", &edit(option));
        }
    }
    if found["storage"] != "file" {
        fault("storage", &found["storage"], "\"file\"", anew);
    }
    if found["retention"] != "limits" {
        fault("retention", &found["retention"], "\"limits\": others take away what was read", anew);
    }
    let replicas = found["num_replicas"].as_u64().unwrap_or(0);
    let wanted_replicas = wanted["num_replicas"].as_u64().unwrap_or(0);
    if replicas < wanted_replicas {
        let remedy = edit(&format!("--replicas={wanted_replicas}"));
        fault(
            "num_replicas",
            &found["num_replicas"],
            &format!("{wanted_replicas} or more"),
            &remedy,
        );
    }
    let has: Vec<&str> =
        found["subjects"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for subject in wanted["subjects"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !has.contains(&subject)
            && !has
                .contains(&format!("{}.>", subject.split('.').next().unwrap_or_default()).as_str())
        {
            let remedy =
                edit(&format!("--subjects={}", [has.join(","), subject.to_owned()].join(",")));
            fault(
                "subjects",
                &found["subjects"],
                &format!("such that {subject} is among them"),
                &remedy,
            );
        }
    }
    for setting in ["no_ack", "sealed", "deny_purge"] {
        if found[setting] == Value::Bool(true) {
            fault(setting, &found[setting], "false", anew);
        }
    }
    for setting in ["mirror", "sources", "subject_transform"] {
        if !found[setting].is_null() {
            fault(setting, &Value::String("set".to_owned()), "left out", anew);
        }
    }
    if found["persist_mode"] == "async" {
        fault("persist_mode", &found["persist_mode"], "\"default\"", anew);
    }
    faults
}

fn too_old(server: &str, version: &str) -> String {
    let version = source_contract::printable::printable(version);
    let server = source_contract::printable::printable(server);
    format!(
        "the NATS server {server} has version {version}, which knows no atomic batches, or stores parts of them; \
         {VERSION_MIN} or newer is wanted on each server of the cluster"
    )
}

/// Older ones store a batch's messages one by one, or a part of them when another server comes to lead.
fn is_new_enough(version: &str) -> bool {
    let numbers = |version: &str| -> Vec<u32> {
        let release = version.split(['-', '+']).next().unwrap_or_default();
        release.split('.').map(|number| number.parse().unwrap_or(0)).collect()
    };
    numbers(version) >= numbers(VERSION_MIN)
}

const VERSION_MIN: &str = "2.12.2";
const NOT_FOUND: u64 = 10_059;
const NAME_IN_USE: u64 = 10_058;
const ASK_FOR_MAX: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_apart_by_number() {
        for version in ["2.12.2", "2.12.10", "2.15.1", "3.0.0", "2.14.0-RC.1"] {
            assert!(is_new_enough(version), "{version}");
        }
        for version in ["2.12.1", "2.9.10", "2.11.11", "", "1.99.99"] {
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
