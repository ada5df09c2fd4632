//! The body of a get-logs request, every field of the vendor's page on the endpoint.

use serde::Serialize;

use crate::config::filters::Filters;
use crate::timestamp::Second;

/// The path of the endpoint, in API 1.0 and API 2.0 alike.
pub(crate) const PATH: &str = "/api/ttp/impersonation/get-logs";

/// What is asked for. `from` and `to` are always sent: the API's own defaults drop yesterday's rows
/// after midnight.
pub(crate) struct LogsRequest<'a> {
    pub(crate) page_size: u32,
    pub(crate) page_token: Option<&'a str>,
    pub(crate) oldest_first: bool,
    pub(crate) from: Second,
    pub(crate) to: Second,
    pub(crate) filters: &'a Filters,
}

impl LogsRequest<'_> {
    pub(crate) fn to_json(&self) -> Vec<u8> {
        let Self { filters, .. } = self;
        let body = Body {
            meta: Meta {
                pagination: Pagination { page_size: self.page_size, page_token: self.page_token },
            },
            data: [Data {
                oldest_first: self.oldest_first,
                from: self.from.api_date(),
                to: self.to.api_date(),
                tagged_malicious: filters.tagged_malicious,
                search_field: filters.search_field.map(crate::config::filters::SearchField::name),
                query: filters.query.as_deref(),
                identifiers: &filters.identifiers,
                actions: &filters.actions,
            }],
        };
        serde_json::to_vec(&body)
            .unwrap_or_else(|_| unreachable!("strings, numbers and lists of them always serialize"))
    }
}

#[derive(Serialize)]
struct Body<'a> {
    meta: Meta<'a>,
    data: [Data<'a>; 1],
}

#[derive(Serialize)]
struct Meta<'a> {
    pagination: Pagination<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Pagination<'a> {
    page_size: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    page_token: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    oldest_first: bool,
    from: String,
    to: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tagged_malicious: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    search_field: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    query: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    identifiers: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    actions: &'a [String],
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::filters::SearchField;

    #[test]
    fn every_field_is_sent_by_the_name_that_the_api_gives_it() {
        let filters = Filters {
            tagged_malicious: Some(true),
            search_field: Some(SearchField::SenderAddress),
            query: Some("in\"voice".into()),
            identifiers: vec!["newly_observed_domain".into()],
            actions: vec!["hold".into(), "none".into()],
        };
        let request = LogsRequest {
            page_size: 500,
            page_token: Some("token"),
            oldest_first: true,
            from: Second::new(1_793_491_200),
            to: Second::new(1_793_494_800),
            filters: &filters,
        };
        assert_eq!(
            String::from_utf8(request.to_json()).unwrap(),
            concat!(
                r#"{"meta":{"pagination":{"pageSize":500,"pageToken":"token"}},"#,
                r#""data":[{"oldestFirst":true,"from":"2026-11-01T00:00:00+0000","#,
                r#""to":"2026-11-01T01:00:00+0000","taggedMalicious":true,"#,
                r#""searchField":"senderAddress","query":"in\"voice","#,
                r#""identifiers":["newly_observed_domain"],"actions":["hold","none"]}]}"#
            )
        );
    }

    #[test]
    fn what_is_not_asked_for_is_left_out() {
        let request = LogsRequest {
            page_size: 1,
            page_token: None,
            oldest_first: false,
            from: Second::new(0),
            to: Second::new(1),
            filters: &Filters::default(),
        };
        assert_eq!(
            String::from_utf8(request.to_json()).unwrap(),
            concat!(
                r#"{"meta":{"pagination":{"pageSize":1}},"data":[{"oldestFirst":false,"#,
                r#""from":"1970-01-01T00:00:00+0000","to":"1970-01-01T00:00:01+0000"}]}"#
            )
        );
    }
}
