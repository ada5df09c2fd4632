//! What requests are authorized with: the credentials of API 1.0 or of API 2.0, as the configuration
//! gives them.

use crate::base64;
use crate::config::fields::{Fault, Fields, Noted, string};
use crate::json::value::Json;
use crate::secret::Secret;

/// What requests are authorized with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Auth {
    /// API 1.0: each request is signed.
    Hmac(HmacKeys),
    /// API 2.0: an access token goes with each request.
    Oauth2(OauthClient),
}

impl Auth {
    pub(crate) fn read(mut fields: Fields<'_, '_>) -> Result<Self, Noted> {
        let kind = fields.required("type", |value| match string(value)?.as_str() {
            "hmac" => Ok(Kind::Hmac),
            "oauth2" => Ok(Kind::Oauth2),
            _ => {
                let remedy = "use \"hmac\" for API 1.0 or \"oauth2\" for API 2.0";
                Err(Fault::new("not a known kind of credentials", remedy))
            }
        });
        // Of what else should be there nothing can be said without it.
        match kind? {
            Kind::Hmac => read_hmac(fields),
            Kind::Oauth2 => read_oauth2(fields),
        }
    }

    /// Every secret, in each form in which it could be repeated.
    pub(crate) fn secrets(&self) -> Vec<String> {
        match self {
            Self::Hmac(keys) => {
                let secret_key = keys.secret_key.expose();
                let mut secrets = vec![
                    keys.access_key.expose().clone(),
                    keys.app_key.expose().clone(),
                    base64::encode_unpadded(secret_key),
                ];
                secrets.extend(String::from_utf8(secret_key.clone()));
                secrets
            }
            Self::Oauth2(client) => vec![
                client.client_secret.expose().clone(),
                client.form_secret(),
                // As HTTP's basic authorization would have it.
                base64::encode_unpadded(
                    format!("{}:{}", client.client_id, client.client_secret.expose()).as_bytes(),
                ),
            ],
        }
    }
}

/// The four keys of an API 1.0 application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HmacKeys {
    /// Names the key pair. Sent in `Authorization`.
    pub(crate) access_key: Secret<String>,
    /// Signs, once it is base64-decoded, as it is here. Never sent.
    pub(crate) secret_key: Secret<Vec<u8>>,
    /// Names the application. Sent in `x-mc-app-id`.
    pub(crate) app_id: String,
    /// Part of what is signed. Never sent.
    pub(crate) app_key: Secret<String>,
}

/// The credentials of an API 2.0 application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OauthClient {
    /// Names the application.
    pub(crate) client_id: String,
    /// Sent to the token endpoint, and nowhere else.
    pub(crate) client_secret: Secret<String>,
}

impl OauthClient {
    /// The body of a token request: a form (RFC 6749, section 4.4.2).
    pub(crate) fn token_form(&self) -> Vec<u8> {
        let client_id = form_encoded(&self.client_id);
        let client_secret = self.form_secret();
        format!("grant_type=client_credentials&client_id={client_id}&client_secret={client_secret}")
            .into_bytes()
    }

    /// The secret as it stands in a form.
    pub(crate) fn form_secret(&self) -> String {
        form_encoded(self.client_secret.expose())
    }
}

enum Kind {
    Hmac,
    Oauth2,
}

fn read_hmac(mut fields: Fields<'_, '_>) -> Result<Auth, Noted> {
    let access_key = fields.required("access_key", key);
    let secret_key = fields.required("secret_key", |value| {
        let text = key(value)?;
        let bytes = base64::decode(&text).unwrap_or_default();
        if bytes.is_empty() {
            return Err(Fault::new(
                "not base64",
                "copy the whole secret key as it was shown when it was made",
            ));
        }
        Ok(bytes)
    });
    let app_id = fields.required("app_id", key);
    let app_key = fields.required("app_key", key);
    fields.finish();
    Ok(Auth::Hmac(HmacKeys {
        access_key: Secret::new(access_key?),
        secret_key: Secret::new(secret_key?),
        app_id: app_id?,
        app_key: Secret::new(app_key?),
    }))
}

fn read_oauth2(mut fields: Fields<'_, '_>) -> Result<Auth, Noted> {
    let client_id = fields.required("client_id", key);
    let client_secret = fields.required("client_secret", key);
    fields.finish();
    Ok(Auth::Oauth2(OauthClient {
        client_id: client_id?,
        client_secret: Secret::new(client_secret?),
    }))
}

/// A key goes into a header, a form or a signature: visible ASCII only.
fn key(value: &Json<'_>) -> Result<String, Fault> {
    let text = string(value)?;
    if text.is_empty() {
        return Err(Fault::new("empty", "give the key; is the variable that holds it set?"));
    }
    if text.len() > KEY_BYTES_MAX {
        return Err(Fault::new(
            &format!("longer than {KEY_BYTES_MAX} bytes"),
            "check that it is the key and not a file",
        ));
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Fault::new(
            "holds a space, a control character or a character outside ASCII",
            "copy the key again, without line breaks around it",
        ));
    }
    Ok(text)
}

/// A value of a form. What a URL may hold unreserved stands as it is.
pub(crate) fn form_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push_str(&crate::hex::hex(&[byte]).to_ascii_uppercase());
        }
    }
    encoded
}

const KEY_BYTES_MAX: usize = 4_096;
