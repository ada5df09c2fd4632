//! What credentials are good for.

use crate::answer::refusal::{Refusal, Shape};

/// What the credentials are good for: the keys of API 1.0 and the client of API 2.0 alike, unless a
/// case says otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// Everything.
    #[default]
    Good,
    /// The access and secret key have lapsed: 418. API 2.0 knows no such thing, and goes on.
    Lapsed,
    /// They are valid, their role may not read these logs: 403.
    NotPermitted,
    /// The application lacks the product: 403 `app_forbidden`. API 1.0 knows no such thing, and goes
    /// on.
    NoProduct,
    /// Their account lives in another region: nobody here knows the keys, the client or its tokens.
    OtherRegion,
}

/// How a request shows who sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// API 1.0.
    Signature,
    /// API 2.0.
    Bearer,
}

impl Standing {
    /// Whether anything is known of the credentials.
    pub(crate) fn is_known(self) -> bool {
        self != Self::OtherRegion
    }

    /// What becomes of a request for logs whose credentials are known and right.
    pub(crate) fn permit(self, scheme: Scheme) -> Result<(), Refusal> {
        match (self, scheme) {
            (Self::Lapsed, Scheme::Signature) => {
                Err(Refusal::new(418, "err_xdk_binding_expired", "0018 Binding Expired"))
            }
            (Self::NotPermitted, _) => Err(Refusal::new(
                403,
                "err_xdk_forbidden",
                "0002 the role lacks Monitoring | Impersonation Protection | Read",
            )),
            (Self::NoProduct, Scheme::Bearer) => Err(Refusal::new(
                403,
                "app_forbidden",
                "the product Security Events is not assigned to the application",
            )
            .shaped(Shape::Gateway)),
            _ => Ok(()),
        }
    }
}
