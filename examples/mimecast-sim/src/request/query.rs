//! The body of a request for logs, read strictly.

use serde_json::{Map, Value};

use crate::answer::refusal::Refusal;
use crate::date::parse_api_date;
use crate::world::filters::{Filters, Search, SearchField};

/// What a request asks for, page token aside. A page token is good for an equal query only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Query {
    pub(crate) filters: Filters,
    pub(crate) from: Option<i64>,
    pub(crate) to: Option<i64>,
    pub(crate) oldest_first: bool,
    pub(crate) page_size: Option<u32>,
}

/// Reads a body into a query and its page token.
pub(crate) fn parse(body: &[u8]) -> Result<(Query, Option<String>), Refusal> {
    let body: Value = serde_json::from_slice(body)
        .map_err(|error| Refusal::invalid("body", format!("the body is not JSON: {error}")))?;
    let mut body = Fields::of("body", Some(body))?;
    let mut meta = Fields::of("meta", body.take("meta"))?;
    let mut pagination = Fields::of("pagination", meta.take("pagination"))?;
    let mut data = Fields::of("data", first(body.take("data"))?)?;

    let query = Query {
        filters: Filters {
            tagged_malicious: data.boolean("taggedMalicious")?,
            search: search(&mut data)?,
            identifiers: data.texts("identifiers")?,
            actions: data.texts("actions")?,
        },
        from: data.date("from")?,
        to: data.date("to")?,
        oldest_first: data.boolean("oldestFirst")?.unwrap_or(false),
        page_size: pagination.page_size("pageSize")?,
    };
    let token = pagination.text("pageToken")?;
    if let (Some(from), Some(to)) = (query.from, query.to)
        && from > to
    {
        return Err(Refusal::invalid("from", "from is later than to"));
    }
    for fields in [body, meta, pagination, data] {
        fields.finish()?;
    }
    Ok((query, token))
}

/// `data` is a list of one object; left out or empty is an object without fields.
fn first(data: Option<Value>) -> Result<Option<Value>, Refusal> {
    match data {
        None => Ok(None),
        Some(Value::Array(mut list)) if list.len() <= 1 => Ok(list.pop()),
        Some(_) => Err(Refusal::invalid("data", "data is not a list of one object")),
    }
}

fn search(data: &mut Fields) -> Result<Option<Search>, Refusal> {
    let field = match data.text("searchField")? {
        None => None,
        Some(name) => Some(SearchField::named(&name).ok_or_else(|| {
            Refusal::invalid("searchField", format!("no such searchField: {name}"))
        })?),
    };
    match (field, data.text("query")?) {
        (None, None) => Ok(None),
        (field, Some(query)) => {
            Ok(Some(Search { field: field.unwrap_or(SearchField::All), query }))
        }
        (Some(_), None) => Err(Refusal::new(
            400,
            "err_validation_null",
            "query is required when searchField is given",
        )
        .on_field("query")),
    }
}

/// The fields of an object, taken out one by one, so that what is left over is not known.
struct Fields {
    name: &'static str,
    map: Map<String, Value>,
}

impl Fields {
    fn of(name: &'static str, value: Option<Value>) -> Result<Self, Refusal> {
        match value {
            None => Ok(Self { name, map: Map::new() }),
            Some(Value::Object(map)) => Ok(Self { name, map }),
            Some(_) => Err(Refusal::invalid(name, format!("{name} is not an object"))),
        }
    }

    fn take(&mut self, field: &str) -> Option<Value> {
        self.map.remove(field)
    }

    fn some(&mut self, field: &'static str) -> Result<Option<Value>, Refusal> {
        match self.take(field) {
            Some(Value::Null) => {
                Err(Refusal::new(400, "err_validation_null", format!("{field} is null"))
                    .on_field(field))
            }
            value => Ok(value),
        }
    }

    fn boolean(&mut self, field: &'static str) -> Result<Option<bool>, Refusal> {
        match self.some(field)? {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(value)),
            Some(_) => Err(Refusal::invalid(field, format!("{field} is not true or false"))),
        }
    }

    fn text(&mut self, field: &'static str) -> Result<Option<String>, Refusal> {
        self.some(field)?.map(|value| text(field, value)).transpose()
    }

    fn texts(&mut self, field: &'static str) -> Result<Vec<String>, Refusal> {
        match self.some(field)? {
            None => Ok(Vec::new()),
            Some(Value::Array(list)) => list.into_iter().map(|value| text(field, value)).collect(),
            Some(_) => Err(Refusal::invalid(field, format!("{field} is not a list"))),
        }
    }

    fn date(&mut self, field: &'static str) -> Result<Option<i64>, Refusal> {
        let Some(text) = self.text(field)? else { return Ok(None) };
        let date = parse_api_date(&text).ok_or_else(|| {
            Refusal::invalid(field, format!("{field} is not as 2015-11-16T14:49:18+0000"))
        })?;
        Ok(Some(date))
    }

    fn page_size(&mut self, field: &'static str) -> Result<Option<u32>, Refusal> {
        let Some(value) = self.some(field)? else { return Ok(None) };
        let size = value.as_u64().filter(|&size| size > 0).ok_or_else(|| {
            Refusal::invalid(field, format!("{field} is not a whole number of at least 1"))
        })?;
        Ok(Some(u32::try_from(size).unwrap_or(u32::MAX)))
    }

    fn finish(self) -> Result<(), Refusal> {
        match self.map.keys().next() {
            None => Ok(()),
            Some(unknown) => Err(Refusal::invalid(self.name, format!("unknown field: {unknown}"))),
        }
    }
}

fn text(field: &'static str, value: Value) -> Result<String, Refusal> {
    match value {
        Value::String(text) if text.trim().is_empty() => {
            Err(Refusal::new(400, "err_validation_blank", format!("{field} is blank"))
                .on_field(field))
        }
        Value::String(text) => Ok(text),
        _ => Err(Refusal::invalid(field, format!("{field} is not a string"))),
    }
}
