//! The JSON Schema of the configuration says the same as the parser: it is walked, so that neither
//! can drift.
#![allow(clippy::unwrap_used)]

mod fake;

use fake::{config, config_with, faults, paths, put, with};
use mimecast_ttp_source::{Config, SCHEMA};
use serde_json::{Map, Value, json};

fn schema() -> Value {
    serde_json::from_str(SCHEMA).unwrap()
}

/// Every object of the schema with its path, `""` for the whole.
fn objects() -> Vec<(String, Value)> {
    fn walk(path: &str, schema: &Value, found: &mut Vec<(String, Value)>) {
        let Some(properties) = schema["properties"].as_object() else { return };
        found.push((path.to_owned(), schema.clone()));
        for (key, property) in properties {
            walk(&join(path, key), property, found);
        }
    }
    let mut found = Vec::new();
    walk("", &schema(), &mut found);
    assert_eq!(found.len(), 3, "the whole, auth and filters");
    found
}

/// Every property that is no object itself, with its path.
fn leaves() -> Vec<(String, Value)> {
    let of_object = |(path, object): (String, Value)| {
        let properties = object["properties"].as_object().unwrap().clone();
        properties.into_iter().map(move |(key, schema)| (join(&path, &key), schema))
    };
    let leaves = objects().into_iter().flat_map(of_object);
    leaves.filter(|(_, schema)| schema["properties"].is_null()).collect()
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// A configuration in which each value of the path can be tried by itself.
fn around(path: &str) -> Value {
    let mut config = config();
    match path {
        "overlap_secs" => {
            put(&mut config, "window_max_secs", json!(2_592_000));
            put(&mut config, "quiet_max_secs", json!(2_592_000));
        }
        "window_max_secs" | "quiet_max_secs" => put(&mut config, "overlap_secs", json!(0)),
        "filters.search_field" => put(&mut config, "filters.query", json!("x")),
        _ => {}
    }
    config
}

#[track_caller]
fn accepts(path: &str, value: &Value) {
    let mut config = around(path);
    put(&mut config, path, value.clone());
    let parsed = Config::parse(&config.to_string());
    assert!(parsed.is_ok(), "{path}: {parsed:?}");
}

#[track_caller]
fn refuses(path: &str, at: &str, value: &Value) {
    let mut config = around(path);
    put(&mut config, path, value.clone());
    assert_eq!(paths(&faults(&config)), [at], "{config}");
}

#[test]
fn the_parser_knows_just_the_keys_of_the_schema() {
    for (path, object) in objects() {
        assert_eq!(object["additionalProperties"], json!(false), "{path}");
        let fault = faults(&with(&join(&path, "no_such_key"), json!(1))).remove(0);
        let known = fault.remedy.split_once("known here: ").unwrap().1;
        let mut known: Vec<_> = known.split(", ").collect();
        known.sort_unstable();
        let mut properties: Vec<_> = object["properties"].as_object().unwrap().keys().collect();
        properties.sort_unstable();
        assert_eq!(known, properties, "{path}");
    }
}

#[test]
fn the_parser_requires_just_what_the_schema_requires() {
    let whole: Value = config_with(json!({"filters": {"query": "x"}}));
    for (path, object) in objects() {
        let required = object["required"].as_array().cloned().unwrap_or_default();
        for key in object["properties"].as_object().unwrap().keys() {
            let path = join(&path, key);
            let mut config = whole.clone();
            let parent = path.rsplit_once('.').map_or("", |(parent, _)| parent);
            let parent = parent.split('.').filter(|key| !key.is_empty());
            let parent = parent.fold(&mut config, |object, key| &mut object[key]);
            parent.as_object_mut().unwrap().remove(key);
            if required.contains(&json!(key)) {
                assert_eq!(paths(&faults(&config)), [path]);
            } else {
                Config::parse(&config.to_string()).expect(&path);
            }
        }
        for (key, needed) in object["dependentRequired"].as_object().unwrap_or(&Map::new()) {
            let only = with(
                &join(&path, key),
                schema()["properties"][&path]["properties"][key]["enum"][0].clone(),
            );
            assert!(!needed.as_array().unwrap().is_empty());
            assert_eq!(paths(&faults(&only)), [join(&path, key)]);
        }
    }
}

#[test]
fn the_defaults_of_the_schema_are_the_parsers() {
    let mut explicit = config();
    let mut count = 0;
    for (path, schema) in leaves() {
        if let Some(default) = schema.get("default") {
            put(&mut explicit, &path, default.clone());
            count += 1;
        }
    }
    assert!(count > 8);
    assert_eq!(Config::parse(&explicit.to_string()), Config::parse(&config().to_string()));
}

#[test]
fn the_bounds_of_the_schema_are_the_parsers() {
    let mut count = 0;
    for (path, schema) in leaves().iter().filter(|(_, schema)| schema["type"] == "integer") {
        let (min, max) = (schema["minimum"].as_i64().unwrap(), schema["maximum"].as_i64().unwrap());
        for value in [min, max] {
            accepts(path, &json!(value));
        }
        for value in [min - 1, max + 1, i64::MIN, i64::MAX] {
            refuses(path, path, &json!(value));
        }
        refuses(path, path, &json!(u64::MAX));
        refuses(path, path, &json!(1.5));
        count += 1;
    }
    assert_eq!(count, 5);
}

#[test]
fn the_types_of_the_schema_are_the_parsers() {
    let samples =
        [json!(null), json!(true), json!(7), json!("7"), json!([]), json!({"a": 1}), json!(7.5)];
    for (path, schema) in leaves() {
        for sample in &samples {
            let fits = match schema["type"].as_str() {
                Some("integer") => sample.is_i64(),
                Some("boolean") => sample.is_boolean(),
                Some("array") => sample.is_array(),
                Some("string") => sample.is_string(),
                other => {
                    assert!(
                        other.is_none()
                            && (schema["enum"].is_array() || schema["const"].is_string())
                    );
                    false
                }
            };
            // What strings may say is tried elsewhere.
            if !fits {
                refuses(&path, &path, sample);
            } else if !sample.is_string() {
                let sample =
                    if path.ends_with("_max_secs") { json!(86_400) } else { sample.clone() };
                accepts(&path, &sample);
            }
        }
    }
}

#[test]
fn the_closed_lists_of_the_schema_are_the_parsers() {
    let mut count = 0;
    for (path, schema) in leaves() {
        let choices = match (&schema["enum"], &schema["const"]) {
            (Value::Array(choices), _) => choices.clone(),
            (_, Value::String(only)) => vec![json!(only)],
            _ => continue,
        };
        for choice in &choices {
            accepts(&path, choice);
            refuses(&path, &path, &json!(choice.as_str().unwrap().to_uppercase()));
        }
        refuses(&path, &path, &json!("something else"));
        refuses(&path, &path, &json!(""));
        let fault = faults(&with(&path, json!("something else"))).remove(0);
        for choice in &choices {
            assert!(fault.remedy.contains(choice.as_str().unwrap()), "{fault:?}");
        }
        count += choices.len();
    }
    assert_eq!(count, 5 + 1 + 1);
}

#[test]
fn the_lengths_of_the_schema_are_the_parsers() {
    let mut count = 0;
    for (path, schema) in leaves() {
        let (list, strings) = match schema["type"].as_str() {
            Some("array") => (true, &schema["items"]),
            _ => (false, &schema),
        };
        let Some(max) = strings["maxLength"].as_u64() else { continue };
        let max = usize::try_from(max).unwrap();
        let value = |text: String| if list { json!([text]) } else { json!(text) };
        let at = if list { format!("{path}[0]") } else { path.clone() };
        assert_eq!(strings["minLength"], json!(1), "{path}");
        refuses(&path, &at, &value(String::new()));
        if strings["contentEncoding"] != "base64" {
            accepts(&path, &value("A".into()));
        }
        accepts(&path, &value("A".repeat(max)));
        refuses(&path, &at, &value("A".repeat(max + 1)));
        if list {
            let items_max = usize::try_from(schema["maxItems"].as_u64().unwrap()).unwrap();
            accepts(&path, &json!(vec!["A"; items_max]));
            refuses(&path, &path, &json!(vec!["A"; items_max + 1]));
        }
        count += 1;
    }
    assert_eq!(count, 4 + 3);
}

#[test]
fn the_examples_of_the_schema_are_good() {
    let mut count = 0;
    for (path, schema) in leaves() {
        for example in schema["examples"].as_array().into_iter().flatten() {
            accepts(&path, example);
            count += 1;
        }
    }
    assert!(count >= 3);
    assert_eq!(schema()["$schema"], "https://json-schema.org/draft/2020-12/schema");
}

#[test]
fn secrets_are_marked_as_such_in_the_schema() {
    let keys = &schema()["properties"]["auth"]["properties"];
    for key in ["access_key", "secret_key", "app_key"] {
        assert_eq!(keys[key]["writeOnly"], json!(true), "{key}");
    }
}
