//! API 1.0 signatures ("MC", HMAC-SHA1) in three stages, so that a failure names its stage.
//!
//! The stages and their order are the vendor's, from its notes on authorization of API 1.0.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use uuid::Uuid;

use crate::base64;
use crate::config::auth::HmacKeys;
use crate::timestamp::Second;

/// Stage one: what is signed. The path only, no host and no query; the body is not signed.
fn string_to_sign(date: &str, request_id: &str, path: &str, app_key: &str) -> String {
    format!("{date}:{request_id}:{path}:{app_key}")
}

/// Stage two: base64 of the HMAC-SHA1 of it under the decoded secret key.
fn signature(secret_key: &[u8], string_to_sign: &str) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret_key).expect("HMAC takes keys of any length");
    mac.update(string_to_sign.as_bytes());
    base64::encode(&mac.finalize().into_bytes())
}

/// Stage three: the value of `Authorization`.
fn authorization(access_key: &str, signature: &str) -> String {
    format!("MC {access_key}:{signature}")
}

/// All headers that authorize one request. `request_id` must be fresh for every request, repeated
/// ones included.
pub(crate) fn headers(
    keys: &HmacKeys,
    path: &str,
    date: Second,
    request_id: Uuid,
) -> Vec<(&'static str, String)> {
    let date = date.header_date();
    let request_id = request_id.to_string();
    let to_sign = string_to_sign(&date, &request_id, path, keys.app_key.expose());
    let signature = signature(keys.secret_key.expose(), &to_sign);
    vec![
        ("authorization", authorization(keys.access_key.expose(), &signature)),
        ("x-mc-app-id", keys.app_id.clone()),
        ("x-mc-date", date),
        ("x-mc-req-id", request_id),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    // Computed with `openssl dgst -sha1 -mac HMAC`, which shares no code with this crate:
    //   printf '%s' "$TO_SIGN" | openssl dgst -sha1 -mac HMAC -macopt hexkey:000102...13 -binary | base64
    const DATE: &str = "Tue, 24 Nov 2015 12:50:11 UTC";
    const REQUEST_ID: &str = "8c2f0a5e-6d1b-4f3a-9e47-0b1c2d3e4f50";
    const PATH: &str = "/api/ttp/impersonation/get-logs";
    const TO_SIGN: &str = "Tue, 24 Nov 2015 12:50:11 UTC:8c2f0a5e-6d1b-4f3a-9e47-0b1c2d3e4f50:\
        /api/ttp/impersonation/get-logs:app-key";
    const SIGNATURE: &str = "VNURWn6FfohvmImMN5QaRWKeJBQ=";

    fn keys() -> HmacKeys {
        HmacKeys {
            access_key: Secret::new("access".into()),
            secret_key: Secret::new((0..20).collect()),
            app_id: "app-id".into(),
            app_key: Secret::new("app-key".into()),
        }
    }

    #[test]
    fn stage_one_string_to_sign() {
        assert_eq!(string_to_sign(DATE, REQUEST_ID, PATH, "app-key"), TO_SIGN);
    }

    #[test]
    fn stage_two_signature() {
        assert_eq!(signature(&(0..20).collect::<Vec<u8>>(), TO_SIGN), SIGNATURE);
    }

    #[test]
    fn stage_two_signature_of_rfc_2202_case_2() {
        let signature = signature(b"Jefe", "what do ya want for nothing?");
        assert_eq!(signature, "7/zfauXrL6LSdBbV8YTfnCWafHk=");
    }

    #[test]
    fn stage_three_header() {
        assert_eq!(authorization("access", SIGNATURE), format!("MC access:{SIGNATURE}"));
    }

    #[test]
    fn headers_carry_what_was_signed() {
        let request_id = Uuid::parse_str(REQUEST_ID).unwrap();
        let headers = headers(&keys(), PATH, Second::new(1_448_369_411), request_id);
        assert_eq!(
            headers,
            [
                ("authorization", format!("MC access:{SIGNATURE}")),
                ("x-mc-app-id", "app-id".into()),
                ("x-mc-date", DATE.into()),
                ("x-mc-req-id", REQUEST_ID.into()),
            ]
        );
    }

    #[test]
    fn debug_of_keys_shows_no_secret() {
        let shown = format!("{:?}", keys());
        assert_eq!(
            shown,
            "HmacKeys { access_key: [redacted], secret_key: [redacted], app_id: \"app-id\", \
             app_key: [redacted] }"
        );
    }
}
