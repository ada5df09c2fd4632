//! Which values of a configuration the source's own schema marks as secret: those that are `writeOnly`,
//! or of the format `password`.

use std::collections::BTreeSet;

use serde_json::Value;

/// The values of a configuration that its JSON Schema marks. A schema that cannot be read marks
/// nothing; the error says that it is larger than what is looked at.
pub fn secrets(schema: &str, config: &str) -> Result<Vec<String>, String> {
    check_size(schema)?;
    Ok(match (serde_json::from_str(schema), serde_json::from_str(config)) {
        (Ok(schema), Ok(config)) => marked(&schema, &config),
        _ => Vec::new(),
    })
}

/// Whether a schema is not too large to be looked at. The error says how large it is.
pub fn check_size(schema: &str) -> Result<(), String> {
    let bytes = schema.len();
    if bytes <= SCHEMA_BYTES_MAX {
        return Ok(());
    }
    Err(format!("its schema has {bytes} bytes; at most {SCHEMA_BYTES_MAX} are allowed"))
}

/// The schema is a component's: what it says is followed for so many steps and no further.
fn marked(schema: &Value, config: &Value) -> Vec<String> {
    let (taken, secrets) = (BTreeSet::new(), Vec::new());
    let mut search = Search { root: schema, steps_left: STEPS_MAX, taken, secrets };
    search.look(schema, config, 0);
    search.secrets
}

struct Search<'a> {
    root: &'a Value,
    steps_left: u32,
    /// Values that were taken already: a mark may be met many times.
    taken: BTreeSet<*const Value>,
    secrets: Vec<String>,
}

impl<'a> Search<'a> {
    /// Looks for marks in a schema of this value. Whether the value fits is not judged: a mark in one
    /// of several alternatives is one.
    fn look(&mut self, schema: &'a Value, value: &Value, depth: u32) {
        // Whatever it is, it is a step: lists of what is no schema have no end either.
        self.steps_left = self.steps_left.saturating_sub(1);
        if !schema.is_object() || self.steps_left == 0 || depth > DEPTH_MAX {
            return;
        }
        let depth = depth + 1;
        if schema["writeOnly"] == true || schema["format"] == "password" {
            self.take(value);
            return;
        }
        let link = schema["$ref"].as_str().and_then(|link| link.strip_prefix('#'));
        let link = link.filter(|link| link.len() <= LINK_BYTES_MAX);
        if let Some(schema) = link.and_then(|link| self.root.pointer(link)) {
            self.look(schema, value, depth);
        }
        for key in ["allOf", "anyOf", "oneOf"] {
            for schema in schema[key].as_array().into_iter().flatten() {
                self.look(schema, value, depth);
            }
        }
        for schema in ["if", "then", "else"].into_iter().filter_map(|key| schema.get(key)) {
            self.look(schema, value, depth);
        }
        for schema in members(&schema["dependentSchemas"]) {
            self.look(schema, value, depth);
        }
        for (key, value) in value.as_object().into_iter().flatten() {
            let own = [schema["properties"].get(key), schema.get("additionalProperties")];
            let patterns = members(&schema["patternProperties"]);
            for schema in own.into_iter().flatten().chain(patterns) {
                self.look(schema, value, depth);
            }
        }
        for (index, value) in value.as_array().into_iter().flatten().enumerate() {
            let own = [schema["prefixItems"].get(index), schema.get("items")];
            for schema in own.into_iter().flatten() {
                self.look(schema, value, depth);
            }
        }
    }

    /// Everything in a value that could be a secret.
    fn take(&mut self, value: &Value) {
        if !self.taken.insert(value) {
            return;
        }
        match value {
            Value::String(text) => self.secrets.push(text.clone()),
            Value::Number(number) => self.secrets.push(number.to_string()),
            Value::Array(values) => values.iter().for_each(|value| self.take(value)),
            Value::Object(_) => members(value).for_each(|value| self.take(value)),
            Value::Null | Value::Bool(_) => {}
        }
    }
}

fn members(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_object().into_iter().flat_map(serde_json::Map::values)
}

/// Schemas that are looked at for one configuration.
const STEPS_MAX: u32 = 100_000;
const DEPTH_MAX: u32 = 64;
const LINK_BYTES_MAX: usize = 1_024;
/// The largest schema of a source, in bytes.
const SCHEMA_BYTES_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_marked_is_found_wherever_it_stands() {
        let schema = json!({
            "properties": {
                "plain": {"type": "string"},
                "marked": {"writeOnly": true},
                "nested": {"oneOf": [
                    {"properties": {"type": {"const": "other"}}},
                    {"properties": {"deep": {"format": "password"}}},
                ]},
                "linked": {"$ref": "#/$defs/a~1b"},
                "list": {"items": {"properties": {"one": {"writeOnly": true}}}},
                "pair": {"prefixItems": [{}, {"writeOnly": true}]},
                "named": {"additionalProperties": {"$ref": "#/$defs/a~1b"}},
                "whole": {"writeOnly": true},
                "open": {"writeOnly": false},
            },
            "$defs": {"a/b": {"allOf": [{"writeOnly": true}]}},
        });
        let config = json!({
            "plain": "p", "marked": "s1", "nested": {"type": "t", "deep": "s2"}, "linked": "s3",
            "list": [{"one": "s4", "two": "u"}, {"one": "s5"}], "pair": ["q", "s6"],
            "named": {"any": "s7"}, "whole": {"a": ["s8", 9], "b": true, "c": null}, "open": "o",
        });
        let mut found = marked(&schema, &config);
        found.sort();
        assert_eq!(found, ["9", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8"]);
    }

    #[test]
    fn a_schema_that_cannot_be_read_marks_nothing_and_one_that_is_too_large_is_refused() {
        let marks = r#"{"properties": {"a": {"writeOnly": true}}}"#;
        let config = r#"{"a": "s1"}"#;
        assert_eq!(secrets(marks, config), Ok(vec!["s1".to_owned()]));
        for unread in ["", "{", "no schema"] {
            assert_eq!(secrets(unread, config), Ok(Vec::new()), "{unread}");
        }
        let padded = |bytes: usize| format!("{marks}{}", " ".repeat(bytes - marks.len()));
        assert!(secrets(&padded(SCHEMA_BYTES_MAX), config).is_ok());
        assert!(secrets(&padded(SCHEMA_BYTES_MAX + 1), config).is_err());
    }

    #[test]
    fn a_schema_without_measure_comes_to_its_end() {
        let round = json!({
            "allOf": [{"$ref": "#"}, {"$ref": "#"}],
            "items": {"$ref": "#"},
            "additionalProperties": {"$ref": "#"},
        });
        let config = json!([[[[["a", "b"], "c"], "d"], "e"], "f"]);
        assert!(marked(&round, &config).is_empty());
        // Nor do lists of what is no schema, gone through again and again.
        let wide = vec![json!({"$ref": "#"}), json!({"$ref": "#"})].into_iter();
        let wide = json!({"allOf": wide.chain(vec![json!(0); 100_000]).collect::<Vec<_>>()});
        let begun = std::time::Instant::now();
        assert!(marked(&wide, &config).is_empty());
        assert!(begun.elapsed() < std::time::Duration::from_secs(5), "{:?}", begun.elapsed());
        for odd in [json!(true), json!([1]), json!("x"), json!({"properties": 1, "$ref": "#/%zz"})]
        {
            assert!(marked(&odd, &config).is_empty());
        }
    }
}
