//! What credentials are good for that are right in themselves, by either kind of authorization.
//!
//! Seen to fail when: a lapsed key lapses the client too; a missing product is told to API 1.0 or
//! in the API's own shape; a standing is asked of one kind alone; another region knows the keys,
//! the client, or a token that was given before; an unknown key is told apart from another region.

use mimecast_sim::{Keys, Options, Running, Standing};
use serde_json::json;

use crate::client::{Call, Reply, ask, ask_token, ask_with, empty_world, token};

/// The same request by API 1.0 and by API 2.0.
fn both(sim: &Running, token: &str) -> [Reply; 2] {
    [ask(sim, &json!({})), ask_with(sim, token, &json!({}))]
}

#[test]
fn lapsed_keys_answer_418_and_leave_the_client_alone() {
    let sim = Options { standing: Standing::Lapsed, ..empty_world() }.start().unwrap();
    let [by_keys, by_token] = both(&sim, &token(&sim));
    assert_eq!((by_keys.status, by_keys.code().as_str()), (418, "err_xdk_binding_expired"));
    assert_eq!(by_token.status, 200);
}

#[test]
fn a_missing_permission_is_403_in_the_words_of_the_api_for_both() {
    let sim = Options { standing: Standing::NotPermitted, ..empty_world() }.start().unwrap();
    for reply in both(&sim, &token(&sim)) {
        assert_eq!((reply.status, reply.code().as_str()), (403, "err_xdk_forbidden"));
    }
}

#[test]
fn a_missing_product_is_403_in_the_words_of_the_gateway_for_api_2_alone() {
    let sim = Options { standing: Standing::NoProduct, ..empty_world() }.start().unwrap();
    let [by_keys, by_token] = both(&sim, &token(&sim));
    assert_eq!(by_keys.status, 200);
    assert_eq!((by_token.status, by_token.gateway_code().as_str()), (403, "app_forbidden"));
}

#[test]
fn another_region_knows_neither_the_keys_nor_the_client_nor_its_tokens() {
    let sim = empty_world().start().unwrap();
    let token = token(&sim);
    let keys = Keys { access_key: "unknown".to_owned(), ..Keys::default() };
    let unknown = Call { keys, ..Call::new(&json!({})) }.send(&sim);

    sim.set_standing(Standing::OtherRegion);
    let [by_keys, by_token] = both(&sim, &token);
    assert_eq!((by_keys.status, by_keys.text()), (401, unknown.text()));
    assert_eq!((by_token.status, by_token.gateway_code().as_str()), (401, "token_expired"));
    let refused = ask_token(&sim);
    assert_eq!((refused.status, refused.gateway_code().as_str()), (401, "invalid_client"));
}

#[test]
fn a_standing_can_change_while_the_server_runs() {
    let sim = Options { standing: Standing::NotPermitted, ..empty_world() }.start().unwrap();
    let token = token(&sim);
    sim.set_standing(Standing::Good);
    assert_eq!(both(&sim, &token).map(|reply| reply.status), [200, 200]);
    sim.set_standing(Standing::NotPermitted);
    assert_eq!(both(&sim, &token).map(|reply| reply.status), [403, 403]);
}
