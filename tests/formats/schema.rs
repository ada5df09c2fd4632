//! What the two schemas ask of an event, read from the schemas themselves (`schemas/`): each fault of
//! an event is told, with its path. The vendor's own parts, `unmapped` and `mimecast`, are free.

use std::collections::BTreeMap;
use std::net::IpAddr;

use regex::bytes::Regex;
use serde_json::Value;

/// The parts of OCSF that the formats use.
pub(crate) struct Ocsf {
    schema: Value,
    /// Of the types that have one.
    patterns: BTreeMap<String, Regex>,
}

/// A walk over one event.
struct Walk<'a> {
    ocsf: &'a Ocsf,
    /// The profiles that the event lists.
    profiles: Vec<&'a str>,
    faults: Vec<String>,
}

impl Ocsf {
    pub(crate) fn new() -> Self {
        Self::of(serde_json::from_str(include_str!("schemas/ocsf-1.5.0-subset.json")).unwrap())
    }

    pub(crate) fn of(schema: Value) -> Self {
        let types = schema["types"].as_object().unwrap();
        let patterns = types.iter().filter_map(|(name, kind)| {
            // Its classes of characters are those of ASCII.
            Some((name.clone(), Regex::new(&format!("(?-u){}", kind["regex"].as_str()?)).unwrap()))
        });
        Self { patterns: patterns.collect(), schema }
    }

    /// Whether the pattern of a type takes a text.
    pub(crate) fn takes(&self, kind: &str, text: &str) -> bool {
        self.patterns.get(kind).is_none_or(|pattern| pattern.is_match(text.as_bytes()))
    }

    /// What is wrong with an event.
    pub(crate) fn faults(&self, event: &Value) -> Vec<String> {
        let classes = self.schema["classes"].as_object().unwrap();
        let Some(class) = classes.values().find(|class| class["uid"] == event["class_uid"]) else {
            return vec![format!("class_uid: {} is no class", event["class_uid"])];
        };
        let profiles = event["metadata"]["profiles"].as_array();
        let profiles = profiles.into_iter().flatten().filter_map(Value::as_str).collect();
        let mut walk = Walk { ocsf: self, profiles, faults: Vec::new() };
        let of_class = class["profiles"].as_array().unwrap();
        for profile in walk.profiles.clone() {
            if !of_class.iter().any(|own| own == profile) {
                walk.fault("metadata.profiles", &format!("{profile} is none of the class"));
            }
        }
        let type_uid = event["activity_id"]
            .as_i64()
            .map(|activity| class["uid"].as_i64().unwrap() * 100 + activity);
        if event["type_uid"].as_i64() != type_uid {
            walk.fault("type_uid", "it is not class_uid * 100 + activity_id");
        }
        if event["metadata"]["version"] != self.schema["version"] {
            walk.fault("metadata.version", "it is not the schema's");
        }
        walk.object("", class, event);
        walk.faults
    }
}

impl Walk<'_> {
    fn fault(&mut self, path: &str, fault: &str) {
        self.faults.push(format!("{path}: {fault}"));
    }

    /// `kind` is a class or an object of the schema.
    fn object(&mut self, path: &str, kind: &Value, value: &Value) {
        let Some(members) = value.as_object() else { return self.fault(path, "it is no object") };
        let attributes = kind["attributes"].as_object().unwrap();
        for (name, value) in members {
            let path = join(path, name);
            match attributes.get(name) {
                None => self.fault(&path, "it is unknown"),
                Some(attribute) if !self.counts(attribute) => {
                    self.fault(&path, "its profile is not listed");
                }
                Some(attribute) => self.attribute(&path, attribute, value),
            }
            let caption = name.strip_suffix("_id").filter(|name| attributes.contains_key(*name));
            if *value == OTHER && caption.is_some_and(|name| !members.contains_key(name)) {
                self.fault(&path, "it is Other, and does not say what");
            }
        }
        for (name, attribute) in attributes {
            let is_required = attribute["requirement"] == "required" && self.counts(attribute);
            if is_required && !members.contains_key(name) {
                self.fault(&join(path, name), "it is required");
            }
        }
        for (rule, names) in kind["constraints"].as_object().into_iter().flatten() {
            let names = names.as_array().unwrap().iter().map(|name| name.as_str().unwrap());
            let there = names.filter(|name| members.contains_key(*name)).count();
            let holds = match rule.as_str() {
                "at_least_one" => there >= 1,
                "just_one" => there == 1,
                _ => panic!("there is a new kind of constraint: {rule}"),
            };
            if !holds {
                self.fault(path, &format!("{rule} does not hold"));
            }
        }
    }

    /// Attributes of a profile count where the event lists it.
    fn counts(&self, attribute: &Value) -> bool {
        attribute["profile"].as_str().is_none_or(|profile| self.profiles.contains(&profile))
    }

    fn attribute(&mut self, path: &str, attribute: &Value, value: &Value) {
        if attribute["is_array"] != true {
            return self.value(path, attribute, value);
        }
        let Some(values) = value.as_array() else { return self.fault(path, "it is no array") };
        for (index, value) in values.iter().enumerate() {
            self.value(&format!("{path}[{index}]"), attribute, value);
        }
    }

    fn value(&mut self, path: &str, attribute: &Value, value: &Value) {
        let kind = attribute["type"].as_str().unwrap();
        let schema = &self.ocsf.schema;
        if kind == "object" {
            // Free, but an object.
            if !value.is_object() {
                self.fault(path, "it is no object");
            }
        } else if let Some(object) = schema["objects"].get(kind) {
            self.object(path, object, value);
        } else if schema["types"].get(kind).is_some() {
            self.scalar(path, kind, value);
        } else {
            self.fault(path, &format!("the subset has no {kind}"));
        }
        let id = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if attribute["enum"].as_object().is_some_and(|ids| !ids.contains_key(&id)) {
            self.fault(path, &format!("{value} is none of its values"));
        }
    }

    fn scalar(&mut self, path: &str, kind: &str, value: &Value) {
        let rules = &self.ocsf.schema["types"][kind];
        let is_of_type = match rules["type"].as_str().unwrap_or(kind) {
            "string_t" => value.is_string(),
            "integer_t" | "long_t" => value.is_i64(),
            "float_t" => value.is_number(),
            "boolean_t" => value.is_boolean(),
            "json_t" => true,
            base => panic!("there is a new type: {base}"),
        };
        if !is_of_type {
            return self.fault(path, &format!("{value} is no {kind}"));
        }
        let [least, most] = [0, 1].map(|index| rules["range"][index].as_i64());
        let number = value.as_i64();
        if least.is_some() && (number < least || number > most) {
            self.fault(path, &format!("{value} is out of its range"));
        }
        let text = value.as_str().unwrap_or_default();
        let len = u64::try_from(text.chars().count()).unwrap();
        if rules["max_len"].as_u64().is_some_and(|most| len > most) {
            self.fault(path, "it is too long");
        }
        if value.is_string() && !self.ocsf.takes(kind, text) {
            self.fault(path, &format!("{value} does not match the pattern of {kind}"));
        }
    }
}

/// The field sets of ECS that the format uses.
pub(crate) struct Ecs {
    schema: Value,
    date: Regex,
}

impl Ecs {
    pub(crate) fn new() -> Self {
        let schema = serde_json::from_str(include_str!("schemas/ecs-8.11-subset.json")).unwrap();
        Self { schema, date: Regex::new(&format!("(?-u){DATE}")).unwrap() }
    }

    /// What is wrong with an event.
    pub(crate) fn faults(&self, event: &Value) -> Vec<String> {
        let mut faults = Vec::new();
        if event["ecs"]["version"] != self.schema["version"] {
            faults.push("ecs.version: it is not the schema's".to_owned());
        }
        for (name, value) in event.as_object().unwrap() {
            if name != "mimecast" {
                self.walk(name, value, &mut faults);
            } else if !value.is_object() {
                faults.push("mimecast: it is no object".to_owned());
            }
        }
        faults
    }

    fn walk(&self, path: &str, value: &Value, faults: &mut Vec<String>) {
        let fields = self.schema["fields"].as_object().unwrap();
        let is_set = fields
            .keys()
            .any(|name| name.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')));
        match (value.as_object(), fields.get(path)) {
            (Some(members), None) if is_set => {
                for (name, value) in members {
                    if name.contains('.') {
                        faults.push(format!("{path}: {name} is not nested"));
                    } else {
                        self.walk(&join(path, name), value, faults);
                    }
                }
            }
            (_, Some(field)) => self.field(path, field, value, faults),
            (_, None) => faults.push(format!("{path}: it is unknown")),
        }
    }

    fn field(&self, path: &str, field: &Value, value: &Value, faults: &mut Vec<String>) {
        let is_list = field["normalize"].as_array().is_some_and(|n| n.iter().any(|n| n == "array"));
        let values = match (is_list, value) {
            (true, Value::Array(values)) => values.as_slice(),
            (true, _) => return faults.push(format!("{path}: it is no array")),
            (false, value) => std::slice::from_ref(value),
        };
        let allowed = field["allowed_values"].as_array();
        for value in values {
            if !self.is_of_type(field["type"].as_str().unwrap(), value) {
                faults.push(format!("{path}: {value} is no {}", field["type"]));
            } else if allowed.is_some_and(|allowed| !allowed.contains(value)) {
                faults.push(format!("{path}: {value} is none of its values"));
            }
        }
    }

    fn is_of_type(&self, kind: &str, value: &Value) -> bool {
        let text = value.as_str();
        match kind {
            "keyword" | "constant_keyword" | "wildcard" | "match_only_text" => text.is_some(),
            "date" => text.is_some_and(|text| self.date.is_match(text.as_bytes())),
            "ip" => text.is_some_and(|text| text.parse::<IpAddr>().is_ok()),
            "long" => value.is_i64(),
            "float" => value.is_number(),
            "object" => value.is_object(),
            "geo_point" => value.is_object() || value.is_string(),
            kind => panic!("there is a new type: {kind}"),
        }
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// The id that every enumeration has for what it does not have.
const OTHER: i64 = 99;
/// What Elasticsearch takes for a field of type `date` by default (`strict_date_optional_time`), as
/// far as points in time go.
const DATE: &str = concat!(
    r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d",
    r"(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3]):?[0-5]\d)$"
);
