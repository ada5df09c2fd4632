//! Why an exchange came to no response: the case of the contract, and a text to act on.

use std::error::Error as StdError;
use std::io;

use rustls::CertificateError;

use crate::bindings::HttpError;
use crate::egress::EgressError;
use crate::shortage::Shortage;

/// Tells the contract's cases apart by what lies at the bottom of the client's error.
pub(super) fn http_error(error: &reqwest::Error, dialled: &str) -> HttpError {
    let text = told(error);
    for cause in causes(error) {
        if let Some(shortage) = cause.downcast_ref().and_then(Shortage::of) {
            let remedy = shortage.remedy();
            return HttpError::Connect(format!("no connection to {dialled}: {text}; {remedy}"));
        }
        match cause.downcast_ref::<EgressError>() {
            Some(EgressError::Denied(why)) => return HttpError::Denied(why.clone()),
            Some(EgressError::Dns(why)) => return HttpError::Dns(why.clone()),
            None => {}
        }
        if error.is_connect()
            && let Some(remedy) = tls_remedy(cause)
        {
            return HttpError::Tls(format!("no TLS with {dialled}: {text}; {remedy}"));
        }
    }
    if error.is_timeout() {
        HttpError::Timeout(format!("no answer of {dialled} in time: {text}"))
    } else if error.is_connect() {
        HttpError::Connect(format!(
            "no connection to {dialled}: {text}; \
             check host and port, and whether this machine needs a `proxy` to get there"
        ))
    } else {
        HttpError::Other(format!("the exchange with {dialled} broke: {text}"))
    }
}

/// What to do about a connection that TLS did not let come about; none if it was not TLS.
fn tls_remedy(cause: &Cause) -> Option<&'static str> {
    use CertificateError as Bad;
    match cause.downcast_ref::<rustls::Error>() {
        Some(rustls::Error::InvalidCertificate(Bad::UnknownIssuer)) => {
            Some("if a private authority issued it, name that authority's PEM file as `ca_file`")
        }
        Some(rustls::Error::InvalidCertificate(
            Bad::Expired
            | Bad::ExpiredContext { .. }
            | Bad::NotValidYet
            | Bad::NotValidYetContext { .. },
        )) => Some("check this machine's clock, then ask for the certificate to be renewed"),
        Some(rustls::Error::InvalidCertificate(
            Bad::NotValidForName | Bad::NotValidForNameContext { .. },
        )) => Some("check the host: the certificate is another's"),
        Some(rustls::Error::InvalidCertificate(_)) => {
            Some("`ca_file` names roots to trust beside those of the machine")
        }
        Some(_) => Some("check the port: does it speak TLS?"),
        None => {
            // No TCP handshake ends like this: the other side hung up within that of TLS.
            let kind = cause.downcast_ref::<io::Error>().map(io::Error::kind);
            (kind == Some(io::ErrorKind::UnexpectedEof))
                .then_some("check the port: does it speak TLS?")
        }
    }
}

/// The error and all that it rests on. An I/O error hides the one that it was made from.
fn causes<'a>(error: &'a Cause) -> impl Iterator<Item = &'a Cause> {
    std::iter::successors(Some(error), |&error: &&'a Cause| {
        let within = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        match within {
            Some(within) => Some(within as &Cause),
            None => error.source(),
        }
    })
}

/// The bottom of an error, in words. Upper layers repeat the URL, whose query may hold a secret.
pub(super) fn told(error: &reqwest::Error) -> String {
    causes(error)
        .skip(1)
        .last()
        .map_or_else(|| "the request could not be made".to_owned(), ToString::to_string)
}

/// An error within an error.
type Cause = dyn StdError + 'static;
