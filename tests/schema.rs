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

/// A part of the schema, and a configuration that has a place for it.
struct Place {
    /// `""` for the whole.
    path: String,
    schema: Value,
    around: Value,
}

/// Every object of the schema; of one that has alternatives, each of them.
fn objects() -> Vec<Place> {
    fn walk(path: &str, schema: &Value, around: &Value, found: &mut Vec<Place>) {
        for alternative in schema["oneOf"].as_array().into_iter().flatten() {
            let around = credentials(alternative["properties"]["type"]["const"].as_str().unwrap());
            walk(path, alternative, &around, found);
        }
        let Some(properties) = schema["properties"].as_object() else { return };
        let (schema, around) = (schema.clone(), around.clone());
        found.push(Place { path: path.to_owned(), schema, around: around.clone() });
        for (key, property) in properties {
            walk(&join(path, key), property, &around, found);
        }
    }
    let mut found = Vec::new();
    walk("", &schema(), &config(), &mut found);
    assert_eq!(found.len(), 4, "the whole, two kinds of credentials, and filters");
    found
}

/// A configuration with credentials of a kind.
fn credentials(kind: &str) -> Value {
    match kind {
        "hmac" => config(),
        "oauth2" => config_with(json!({"auth":
            {"type": "oauth2", "client_id": "test-client", "client_secret": "test-secret"}})),
        other => panic!("credentials of an unknown kind: {other}"),
    }
}

/// Every property that is no object itself.
fn leaves() -> Vec<Place> {
    let of_object = |Place { path, schema, around }: Place| {
        let properties = schema["properties"].as_object().unwrap().clone();
        properties.into_iter().map(move |(key, schema)| Place {
            path: join(&path, &key),
            schema,
            around: around.clone(),
        })
    };
    let leaves = objects().into_iter().flat_map(of_object);
    leaves.filter(|leaf| leaf.schema["type"] != "object").collect()
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

impl Place {
    /// A configuration with this value here, in which nothing else stands in its way.
    fn holding(&self, value: &Value) -> Value {
        let mut config = self.around.clone();
        match self.path.as_str() {
            "overlap_secs" => {
                put(&mut config, "window_max_secs", json!(2_592_000));
                put(&mut config, "quiet_max_secs", json!(2_592_000));
            }
            "window_max_secs" | "quiet_max_secs" => put(&mut config, "overlap_secs", json!(0)),
            "filters.search_field" => put(&mut config, "filters.query", json!("x")),
            _ => {}
        }
        put(&mut config, &self.path, value.clone());
        config
    }

    #[track_caller]
    fn accepts(&self, value: &Value) {
        let parsed = Config::parse(&self.holding(value).to_string());
        assert!(parsed.is_ok(), "{}: {parsed:?}", self.path);
    }

    #[track_caller]
    fn refuses(&self, value: &Value) {
        self.refuses_at(&self.path, value);
    }

    #[track_caller]
    fn refuses_at(&self, at: &str, value: &Value) {
        let config = self.holding(value);
        assert_eq!(paths(&faults(&config)), [at], "{config}");
    }
}

#[test]
fn the_parser_knows_just_the_keys_of_the_schema() {
    for Place { path, schema, around } in objects() {
        assert_eq!(schema["additionalProperties"], json!(false), "{path}");
        let mut config = around;
        put(&mut config, &join(&path, "no_such_key"), json!(1));
        let fault = faults(&config).remove(0);
        let known = fault.remedy.split_once("known here: ").unwrap().1;
        let mut known: Vec<_> = known.split(", ").collect();
        known.sort_unstable();
        let mut properties: Vec<_> = schema["properties"].as_object().unwrap().keys().collect();
        properties.sort_unstable();
        assert_eq!(known, properties, "{path}");
    }
}

#[test]
fn the_parser_requires_just_what_the_schema_requires() {
    for Place { path, schema, mut around } in objects() {
        put(&mut around, "filters", json!({"query": "x"}));
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        for key in schema["properties"].as_object().unwrap().keys() {
            let path = join(&path, key);
            let mut config = around.clone();
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
        for (key, needed) in schema["dependentRequired"].as_object().unwrap_or(&Map::new()) {
            let only = with(&join(&path, key), schema["properties"][key]["enum"][0].clone());
            assert!(!needed.as_array().unwrap().is_empty());
            assert_eq!(paths(&faults(&only)), [join(&path, key)]);
        }
    }
}

#[test]
fn the_defaults_of_the_schema_are_the_parsers() {
    let mut explicit = config();
    let mut count = 0;
    for Place { path, schema, .. } in leaves() {
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
    for leaf in leaves().iter().filter(|leaf| leaf.schema["type"] == "integer") {
        let schema = &leaf.schema;
        let (min, max) = (schema["minimum"].as_i64().unwrap(), schema["maximum"].as_i64().unwrap());
        for value in [min, max] {
            leaf.accepts(&json!(value));
        }
        for value in [min - 1, max + 1, i64::MIN, i64::MAX] {
            leaf.refuses(&json!(value));
        }
        leaf.refuses(&json!(u64::MAX));
        leaf.refuses(&json!(1.5));
        count += 1;
    }
    assert_eq!(count, 5);
}

#[test]
fn the_types_of_the_schema_are_the_parsers() {
    let samples =
        [json!(null), json!(true), json!(7), json!("7"), json!([]), json!({"a": 1}), json!(7.5)];
    for leaf in leaves() {
        let schema = &leaf.schema;
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
                leaf.refuses(sample);
            } else if !sample.is_string() {
                let sample =
                    if leaf.path.ends_with("_max_secs") { json!(86_400) } else { sample.clone() };
                leaf.accepts(&sample);
            }
        }
    }
}

#[test]
fn the_closed_lists_of_the_schema_are_the_parsers() {
    let mut count = 0;
    for leaf in leaves() {
        let Place { schema, .. } = &leaf;
        let choices = match (&schema["enum"], &schema["const"]) {
            (Value::Array(choices), _) => choices.clone(),
            (_, Value::String(only)) => vec![json!(only)],
            _ => continue,
        };
        for choice in &choices {
            leaf.accepts(choice);
            leaf.refuses(&json!(choice.as_str().unwrap().to_uppercase()));
        }
        leaf.refuses(&json!("something else"));
        leaf.refuses(&json!(""));
        let fault = faults(&leaf.holding(&json!("something else"))).remove(0);
        for choice in &choices {
            assert!(fault.remedy.contains(choice.as_str().unwrap()), "{fault:?}");
        }
        count += choices.len();
    }
    assert_eq!(count, 5 + 4 + 2);
}

#[test]
fn the_lengths_of_the_schema_are_the_parsers() {
    let mut count = 0;
    for leaf in leaves() {
        let Place { path, schema, .. } = &leaf;
        let (list, strings) = match schema["type"].as_str() {
            Some("array") => (true, &schema["items"]),
            _ => (false, schema),
        };
        let Some(max) = strings["maxLength"].as_u64() else { continue };
        let max = usize::try_from(max).unwrap();
        let value = |text: String| if list { json!([text]) } else { json!(text) };
        let at = if list { format!("{path}[0]") } else { path.clone() };
        assert_eq!(strings["minLength"], json!(1), "{path}");
        leaf.refuses_at(&at, &value(String::new()));
        if strings["contentEncoding"] != "base64" {
            leaf.accepts(&value("A".into()));
        }
        leaf.accepts(&value("A".repeat(max)));
        leaf.refuses_at(&at, &value("A".repeat(max + 1)));
        if list {
            let items_max = usize::try_from(schema["maxItems"].as_u64().unwrap()).unwrap();
            leaf.accepts(&json!(vec!["A"; items_max]));
            leaf.refuses(&json!(vec!["A"; items_max + 1]));
        }
        count += 1;
    }
    assert_eq!(count, 4 + 2 + 3);
}

#[test]
fn the_examples_of_the_schema_are_good() {
    let mut count = 0;
    for leaf in leaves() {
        for example in leaf.schema["examples"].as_array().into_iter().flatten() {
            leaf.accepts(example);
            count += 1;
        }
    }
    assert!(count >= 3);
    assert_eq!(schema()["$schema"], "https://json-schema.org/draft/2020-12/schema");
}

#[test]
fn secrets_are_marked_as_such_in_the_schema() {
    let is_secret = |leaf: &Place| leaf.schema["writeOnly"] == json!(true);
    let mut secrets: Vec<_> =
        leaves().into_iter().filter(is_secret).map(|leaf| leaf.path).collect();
    secrets.sort_unstable();
    assert_eq!(
        secrets,
        ["auth.access_key", "auth.app_key", "auth.client_secret", "auth.secret_key"]
    );
}
