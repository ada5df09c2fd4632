//! Why an exchange came to no response: the case of the contract, and a text to act on.

use std::error::Error as StdError;
use std::io;

use rustls::CertificateError;
use source_contract::response::BEYOND_BOUNDS;
use url::{Host, Url};

use crate::bindings::HttpError;
use crate::egress::EgressError;
use crate::machine::shortage::Shortage;

/// Tells the contract's cases apart by what lies at the bottom of the client's error. A server may
/// have asked for a certificate.
pub(super) fn http_error(error: &reqwest::Error, dialled: &str, was_asked: bool) -> HttpError {
    let is_cut = |cause: &Cause| kind(cause) == Some(io::ErrorKind::UnexpectedEof);
    let text = if !error.is_connect() && causes(error).any(is_cut) {
        "the other side hung up".to_owned()
    } else {
        in_words(error)
    };
    for cause in causes(error) {
        if let Some(shortage) = cause.downcast_ref().and_then(Shortage::of) {
            let remedy = shortage.remedy();
            return HttpError::Connect(format!("no connection to {dialled}: {text}; {remedy}"));
        }
        if cause.to_string() == HYPERS_TOO_LARGE {
            return HttpError::TooLarge(BEYOND_BOUNDS.to_owned());
        }
        match cause.downcast_ref::<EgressError>() {
            Some(EgressError::Denied(why)) => return HttpError::Denied(why.clone()),
            Some(EgressError::Dns(why)) => return HttpError::Dns(why.clone()),
            None => {}
        }
        if was_asked && is_turned_away(cause, error.is_connect()) {
            return HttpError::Tls(format!("no TLS with {dialled}: {NO_CERTIFICATE} ({text})"));
        }
        if error.is_connect()
            && let Some(why) = no_tls(cause, &text, error.url())
        {
            return HttpError::Tls(format!("no TLS with {dialled}: {why}"));
        }
    }
    if error.is_timeout() {
        HttpError::Timeout(format!("no answer of {dialled} in time: {text}"))
    } else if error.is_connect() {
        HttpError::Connect(format!(
            "no connection to {dialled}: {text}; \
             check host and port, and whether this machine needs a `proxy` to get there"
        ))
    } else if was_asked {
        // A server that lets others in, too, may have taken the request.
        HttpError::Other(format!(
            "the exchange with {dialled} broke: {text}; it may be that {NO_CERTIFICATE}"
        ))
    } else {
        HttpError::Other(format!("the exchange with {dialled} broke: {text}"))
    }
}

/// Whether a server that asked for a certificate breaks off for the want of it: with an alert, which
/// may come after the handshake, or without a word within it.
fn is_turned_away(cause: &Cause, is_connect: bool) -> bool {
    if let Some(error) = cause.downcast_ref() {
        return matches!(error, rustls::Error::AlertReceived(_));
    }
    is_connect
        && matches!(
            kind(cause),
            Some(
                io::ErrorKind::UnexpectedEof
                    | io::ErrorKind::ConnectionReset
                    | io::ErrorKind::ConnectionAborted
                    | io::ErrorKind::BrokenPipe
            )
        )
}

/// Why TLS did not let a connection come about, and what to do about it; none if it was not TLS.
fn no_tls(cause: &Cause, text: &str, url: Option<&Url>) -> Option<String> {
    use CertificateError as Bad;
    let remedy = match cause.downcast_ref::<rustls::Error>() {
        Some(rustls::Error::InvalidCertificate(Bad::UnknownIssuer)) => {
            "if a private authority issued it, name that authority's PEM file as `ca_file`"
        }
        Some(rustls::Error::InvalidCertificate(
            Bad::Expired
            | Bad::ExpiredContext { .. }
            | Bad::NotValidYet
            | Bad::NotValidYetContext { .. },
        )) => "check this machine's clock, then ask for the certificate to be renewed",
        Some(rustls::Error::InvalidCertificate(
            Bad::NotValidForName | Bad::NotValidForNameContext { .. },
        )) => "check the host: the certificate is another's",
        Some(rustls::Error::InvalidCertificate(Bad::Other(other)))
            if other.to_string() == AUTHORITY_AS_SERVER =>
        {
            return Some(authority_as_server(url));
        }
        Some(rustls::Error::InvalidCertificate(_)) => {
            "`ca_file` names roots to trust beside those of the machine"
        }
        Some(_) => "check the port: does it speak TLS?",
        None => {
            // No TCP handshake ends like this: the other side hung up within that of TLS.
            if kind(cause) != Some(io::ErrorKind::UnexpectedEof) {
                return None;
            }
            "check the port: does it speak TLS?"
        }
    };
    Some(format!("{text}; {remedy}"))
}

/// A certificate that somebody signed for the server itself, as `openssl` does it by default.
fn authority_as_server(url: Option<&Url>) -> String {
    let (host, kind) = match url.and_then(Url::host) {
        Some(Host::Domain(name)) => (name.to_owned(), "DNS"),
        Some(Host::Ipv4(address)) => (address.to_string(), "IP"),
        Some(Host::Ipv6(address)) => (address.to_string(), "IP"),
        None => ("HOST".to_owned(), "DNS"),
    };
    format!(
        "the server shows an authority's certificate (CA:TRUE) as its own; give it another, and \
         name that one as `ca_file`: openssl req -x509 -newkey rsa:2048 -nodes -days 825 \
         -keyout key.pem -out cert.pem -subj /CN={host} -addext subjectAltName={kind}:{host} \
         -addext basicConstraints=critical,CA:FALSE"
    )
}

fn kind(cause: &Cause) -> Option<io::ErrorKind> {
    cause.downcast_ref::<io::Error>().map(io::Error::kind)
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
pub(super) fn in_words(error: &reqwest::Error) -> String {
    causes(error)
        .skip(1)
        .last()
        .map_or_else(|| "the request could not be made".to_owned(), ToString::to_string)
}

/// Of a response whose headers are beyond their bounds, in hyper's words: the case behind them is not to be had.
const HYPERS_TOO_LARGE: &str = "message head is too large";
/// An error within an error.
type Cause = dyn StdError + 'static;

const NO_CERTIFICATE: &str =
    "the server asks for a client certificate, and this host has none; have it do without";
/// What is said of a certificate that may sign others, and may not be a server's own.
const AUTHORITY_AS_SERVER: &str = "CaUsedAsEndEntity";
