//! Why the API refuses the credentials, and what a person must do about it.

use crate::config::auth::Auth;
use crate::reply::failure::Failure;

/// Why credentials are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// 401 without a code that says more.
    Unauthorized,
    /// The access token has run out, or is not known.
    AccessToken,
    /// The access key is not known, or not bound to the application; API 2.0: the client is not.
    Client,
    /// The signature does not fit.
    Signature,
    /// The application's id or key is not known.
    Application,
    /// The pair of access key and secret key has lapsed.
    Lapsed,
    /// The keys work, but not for these logs.
    Permission,
    /// The application does not have the product that these logs belong to.
    Product,
}

/// Dates are signed: any 401, and a refused signature, may come from a clock that is off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MayBeTheClock(pub(crate) bool);

impl Refusal {
    /// Whether a new access token may mend it. With API 2.0 the token endpoint alone judges the
    /// credentials; what else the API says of them is said of a token.
    pub(crate) const fn is_of_access_token(self) -> bool {
        match self {
            Self::Unauthorized
            | Self::AccessToken
            | Self::Client
            | Self::Signature
            | Self::Application => true,
            Self::Lapsed | Self::Permission | Self::Product => false,
        }
    }

    /// A stable name for it, and what happened and what a person must do about it.
    pub(crate) const fn code_and_advice(self, auth: &Auth) -> (&'static str, &'static str) {
        match (self, auth) {
            (Self::Unauthorized, Auth::Hmac(_)) => (
                "keys_refused",
                "the API refuses the keys (401): check access_key, secret_key, app_id and app_key, \
                 and that base_url is of the account's region",
            ),
            (Self::Client, Auth::Hmac(_)) => (
                "access_key_unknown",
                "the API at this base_url does not know the access_key for this application: \
                 base_url is of another region than the account's, or access_key or app_id is wrong",
            ),
            (Self::Signature, Auth::Hmac(_)) => (
                "signature_refused",
                "the API refuses the signature: check that secret_key belongs to access_key and \
                 app_key to app_id, each copied whole",
            ),
            (Self::Application, Auth::Hmac(_)) => (
                "application_unknown",
                "the API does not know the application: check app_id and app_key, and that the \
                 application is enabled (a new one takes up to 30 minutes)",
            ),
            (Self::AccessToken, Auth::Hmac(_)) => (
                "wrong_api",
                "the API at this base_url wants an access token, as API 2.0 does: give a base_url \
                 of API 1.0 in the account's region, or credentials of the type \"oauth2\"",
            ),
            (
                Self::Unauthorized
                | Self::AccessToken
                | Self::Client
                | Self::Signature
                | Self::Application,
                Auth::Oauth2(_),
            ) => (
                "client_refused",
                "the token endpoint refuses client_id and client_secret: check both, each copied \
                 whole, that the application is enabled, and that base_url, should it name a \
                 region, names the account's",
            ),
            (Self::Lapsed, Auth::Hmac(_)) => (
                "keys_lapsed",
                "the pair of access_key and secret_key has lapsed (418): make a new pair for the \
                 application's user; an authentication profile whose TTL is \"Never Expires\" \
                 keeps it from lapsing",
            ),
            (Self::Lapsed, Auth::Oauth2(_)) => (
                "keys_lapsed",
                "the credentials have lapsed (418): make new ones for the application",
            ),
            (Self::Permission, Auth::Hmac(_)) => (
                "permission_missing",
                "the keys are good but may not read these logs (403): give their user the role \
                 permission \"Monitoring | Impersonation Protection | Read\"",
            ),
            (Self::Permission, Auth::Oauth2(_)) => (
                "permission_missing",
                "the credentials are good but may not read these logs (403): give the \
                 application's role the permission \"Monitoring | Impersonation Protection | \
                 Read\"",
            ),
            (Self::Product, _) => (
                "product_missing",
                "the credentials are good but the application lacks the product of these logs \
                 (app_forbidden): add \"Security Events\" to the application's products",
            ),
        }
    }
}

/// What a status and a failure say of the credentials.
pub(super) fn refusal(status: u16, failure: Option<&Failure>) -> Option<Refusal> {
    failure.and_then(|failure| refusal_of(&failure.code)).or(match status {
        401 => Some(Refusal::Unauthorized),
        403 => Some(Refusal::Permission),
        418 => Some(Refusal::Lapsed),
        _ => None,
    })
}

/// What a failure of this code says of the credentials.
pub(super) fn refusal_of(code: &str) -> Option<Refusal> {
    match code {
        "err_xdk_binding_expired" => Some(Refusal::Lapsed),
        "err_xdk_client_unauthorized" => Some(Refusal::Client),
        "err_xdk_invalid_signature" => Some(Refusal::Signature),
        "err_developer_key" => Some(Refusal::Application),
        "app_forbidden" => Some(Refusal::Product),
        "token_expired" | "token_verification_failed" | "Unauthorized Request" => {
            Some(Refusal::AccessToken)
        }
        _ => None,
    }
}
