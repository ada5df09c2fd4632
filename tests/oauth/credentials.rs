//! Other credentials: the position is kept, and no token is used for what it was not given for.

use mimecast_ttp_source::Request;
use serde_json::{Value, json};

use crate::fake::{T, config, ids, page, row};
use crate::instance::{Instance, empty, grant, oauth2};

#[test]
fn the_position_is_kept_from_api_1_to_api_2_and_over_new_keys() {
    let rows = |names: &[&str], next| {
        let rows: Vec<_> = names.iter().map(|name| row(name, T + 1)).collect();
        page(&rows, 6, next)
    };
    let mut instance = Instance::new(config());
    instance.poll([rows(&["a", "b"], Some("p2"))]).unwrap();
    let cursor = instance.cursor.clone().unwrap();
    instance.config = oauth2();
    let batch = instance.poll([grant("t", 1_799), rows(&["b", "c"], Some("p3"))]).unwrap();
    assert_eq!(ids(&batch), ["c"]);
    assert_eq!(page_token(&instance.sent[1]), json!("p2"));
    instance.config["auth"]["client_secret"] = json!("another");
    let batch = instance.poll([grant("u", 1_799), rows(&["d"], Some("p4"))]).unwrap();
    assert_eq!((ids(&batch), page_token(&instance.sent[1])), (vec!["d"], json!("p3")));
    let by_api_2 = instance.cursor.clone();
    // The same way with API 1.0 alone leads to the same cursor, to the byte.
    let mut alone = Instance { cursor: Some(cursor), ..Instance::new(config()) };
    alone.poll([rows(&["b", "c"], Some("p3"))]).unwrap();
    alone.poll([rows(&["d"], Some("p4"))]).unwrap();
    assert_eq!(alone.cursor, by_api_2);
    instance.config = config();
    let batch = instance.poll([rows(&["e"], Some("p5"))]).unwrap();
    assert_eq!((ids(&batch), page_token(&instance.sent[0])), (vec!["e"], json!("p4")));
}

fn page_token(request: &Request) -> Value {
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    body["meta"]["pagination"]["pageToken"].clone()
}

#[test]
fn a_token_is_used_for_the_credentials_and_the_api_that_it_was_given_for() {
    for (key, value) in [
        ("/auth/client_id", "client-2"),
        ("/auth/client_secret", "another"),
        ("/base_url", "https://uk-api.example"),
    ] {
        let mut instance = Instance::with_token();
        *instance.config.pointer_mut(key).unwrap() = json!(value);
        instance.poll([grant("other", 1_799), empty()]).unwrap();
        assert_eq!(instance.asked(), ["token", "Bearer other"], "{key}");
    }
    let mut instance = Instance::with_token();
    instance.config["page_size"] = json!(7);
    instance.poll([empty()]).unwrap();
    assert_eq!(instance.asked(), ["Bearer old"]);
}
