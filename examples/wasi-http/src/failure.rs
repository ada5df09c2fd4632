//! Which error of the contract an error of WASI is, and how it is told.

use wasi::http::types::ErrorCode;

use crate::bindings::exports::polling_source::contract::http::HttpError;

/// The contract's error for one of the runtime's. `dialled` is host and port.
pub(crate) fn http_error(code: &ErrorCode, dialled: &str) -> HttpError {
    match code {
        ErrorCode::DnsTimeout | ErrorCode::DnsError(_) | ErrorCode::DestinationNotFound => {
            HttpError::Dns(format!(
                "the name in {dialled} is not resolved: {}; check it, and the runtime's name service",
                in_words(code)
            ))
        }
        ErrorCode::DestinationUnavailable
        | ErrorCode::DestinationIpUnroutable
        | ErrorCode::ConnectionRefused
        | ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionLimitReached => HttpError::Connect(format!(
            "no connection to {dialled}: {}; check host and port, and what the runtime may reach",
            in_words(code)
        )),
        ErrorCode::TlsProtocolError
        | ErrorCode::TlsCertificateError
        | ErrorCode::TlsAlertReceived(_) => HttpError::Tls(format!(
            "no TLS with {dialled}: {}; check the port, and which authorities the runtime trusts",
            in_words(code)
        )),
        ErrorCode::DestinationIpProhibited
        | ErrorCode::HttpRequestDenied
        | ErrorCode::HttpRequestMethodInvalid
        | ErrorCode::HttpRequestUriInvalid
        | ErrorCode::HttpRequestUriTooLong
        | ErrorCode::HttpRequestHeaderSectionSize(_)
        | ErrorCode::HttpRequestHeaderSize(_) => HttpError::Denied(format!(
            "the runtime does not send this to {dialled}: {}; see what it grants",
            in_words(code)
        )),
        ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout => {
            HttpError::Timeout(format!("no answer of {dialled} in time: {}", in_words(code)))
        }
        ErrorCode::HttpResponseHeaderSectionSize(_)
        | ErrorCode::HttpResponseHeaderSize(_)
        | ErrorCode::HttpResponseBodySize(_)
        | ErrorCode::HttpResponseTrailerSectionSize(_)
        | ErrorCode::HttpResponseTrailerSize(_) => HttpError::TooLarge(format!(
            "the response of {dialled} is larger than the runtime takes: {}",
            in_words(code)
        )),
        ErrorCode::ConnectionTerminated
        | ErrorCode::HttpRequestLengthRequired
        | ErrorCode::HttpRequestBodySize(_)
        | ErrorCode::HttpRequestTrailerSectionSize(_)
        | ErrorCode::HttpRequestTrailerSize(_)
        | ErrorCode::HttpResponseIncomplete
        | ErrorCode::HttpResponseTransferCoding(_)
        | ErrorCode::HttpResponseContentCoding(_)
        | ErrorCode::HttpUpgradeFailed
        | ErrorCode::HttpProtocolError
        | ErrorCode::LoopDetected
        | ErrorCode::ConfigurationError
        | ErrorCode::InternalError(_) => broke(dialled, &in_words(code)),
    }
}

/// An exchange that came to no end, for any other reason.
pub(crate) fn broke(dialled: &str, why: &str) -> HttpError {
    HttpError::Other(format!("the exchange with {dialled} broke: {}", on_one_line(why)))
}

/// What the runtime says, by WASI's own names.
fn in_words(code: &ErrorCode) -> String {
    let (name, more) = match code {
        ErrorCode::DnsTimeout => ("DNS-timeout", None),
        ErrorCode::DnsError(payload) => ("DNS-error", payload.rcode.clone()),
        ErrorCode::DestinationNotFound => ("destination-not-found", None),
        ErrorCode::DestinationUnavailable => ("destination-unavailable", None),
        ErrorCode::DestinationIpProhibited => ("destination-IP-prohibited", None),
        ErrorCode::DestinationIpUnroutable => ("destination-IP-unroutable", None),
        ErrorCode::ConnectionRefused => ("connection-refused", None),
        ErrorCode::ConnectionTerminated => ("connection-terminated", None),
        ErrorCode::ConnectionTimeout => ("connection-timeout", None),
        ErrorCode::ConnectionReadTimeout => ("connection-read-timeout", None),
        ErrorCode::ConnectionWriteTimeout => ("connection-write-timeout", None),
        ErrorCode::ConnectionLimitReached => ("connection-limit-reached", None),
        ErrorCode::TlsProtocolError => ("TLS-protocol-error", None),
        ErrorCode::TlsCertificateError => ("TLS-certificate-error", None),
        ErrorCode::TlsAlertReceived(payload) => {
            ("TLS-alert-received", payload.alert_message.clone())
        }
        ErrorCode::HttpRequestDenied => ("HTTP-request-denied", None),
        ErrorCode::HttpRequestLengthRequired => ("HTTP-request-length-required", None),
        ErrorCode::HttpRequestBodySize(_) => ("HTTP-request-body-size", None),
        ErrorCode::HttpRequestMethodInvalid => ("HTTP-request-method-invalid", None),
        ErrorCode::HttpRequestUriInvalid => ("HTTP-request-URI-invalid", None),
        ErrorCode::HttpRequestUriTooLong => ("HTTP-request-URI-too-long", None),
        ErrorCode::HttpRequestHeaderSectionSize(_) => ("HTTP-request-header-section-size", None),
        ErrorCode::HttpRequestHeaderSize(_) => ("HTTP-request-header-size", None),
        ErrorCode::HttpRequestTrailerSectionSize(_) => ("HTTP-request-trailer-section-size", None),
        ErrorCode::HttpRequestTrailerSize(_) => ("HTTP-request-trailer-size", None),
        ErrorCode::HttpResponseIncomplete => ("HTTP-response-incomplete", None),
        ErrorCode::HttpResponseHeaderSectionSize(_) => ("HTTP-response-header-section-size", None),
        ErrorCode::HttpResponseHeaderSize(_) => ("HTTP-response-header-size", None),
        ErrorCode::HttpResponseBodySize(_) => ("HTTP-response-body-size", None),
        ErrorCode::HttpResponseTrailerSectionSize(_) => {
            ("HTTP-response-trailer-section-size", None)
        }
        ErrorCode::HttpResponseTrailerSize(_) => ("HTTP-response-trailer-size", None),
        ErrorCode::HttpResponseTransferCoding(_) => ("HTTP-response-transfer-coding", None),
        ErrorCode::HttpResponseContentCoding(_) => ("HTTP-response-content-coding", None),
        ErrorCode::HttpResponseTimeout => ("HTTP-response-timeout", None),
        ErrorCode::HttpUpgradeFailed => ("HTTP-upgrade-failed", None),
        ErrorCode::HttpProtocolError => ("HTTP-protocol-error", None),
        ErrorCode::LoopDetected => ("loop-detected", None),
        ErrorCode::ConfigurationError => ("configuration-error", None),
        ErrorCode::InternalError(why) => ("internal-error", why.clone()),
    };
    match more {
        Some(more) if !more.is_empty() => format!("{name} ({})", on_one_line(&more)),
        _ => name.to_owned(),
    }
}

/// A runtime's own words, short and without control characters.
fn on_one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(TOLD_CHARS_MAX).collect()
}

const TOLD_CHARS_MAX: usize = 200;

#[cfg(test)]
mod tests {
    use wasi::http::types::{DnsErrorPayload, FieldSizePayload, TlsAlertReceivedPayload};

    use super::*;

    fn case(code: &ErrorCode) -> (&'static str, String) {
        match http_error(code, "api.example:443") {
            HttpError::Denied(text) => ("denied", text),
            HttpError::Dns(text) => ("dns", text),
            HttpError::Connect(text) => ("connect", text),
            HttpError::Tls(text) => ("tls", text),
            HttpError::Timeout(text) => ("timeout", text),
            HttpError::TooLarge(text) => ("too-large", text),
            HttpError::Other(text) => ("other", text),
        }
    }

    fn size() -> FieldSizePayload {
        FieldSizePayload { field_name: Some("x-secret".to_owned()), field_size: Some(1) }
    }

    #[test]
    fn every_error_of_wasi_has_its_case() {
        let dns = DnsErrorPayload { rcode: Some("NXDOMAIN".to_owned()), info_code: None };
        let alert = TlsAlertReceivedPayload {
            alert_id: Some(48),
            alert_message: Some("unknown CA".to_owned()),
        };
        for (wanted, codes) in [
            (
                "denied",
                vec![
                    ErrorCode::HttpRequestDenied,
                    ErrorCode::DestinationIpProhibited,
                    ErrorCode::HttpRequestMethodInvalid,
                    ErrorCode::HttpRequestUriInvalid,
                    ErrorCode::HttpRequestUriTooLong,
                    ErrorCode::HttpRequestHeaderSectionSize(None),
                    ErrorCode::HttpRequestHeaderSize(Some(size())),
                ],
            ),
            (
                "dns",
                vec![
                    ErrorCode::DnsTimeout,
                    ErrorCode::DnsError(dns),
                    ErrorCode::DestinationNotFound,
                ],
            ),
            (
                "connect",
                vec![
                    ErrorCode::DestinationUnavailable,
                    ErrorCode::DestinationIpUnroutable,
                    ErrorCode::ConnectionRefused,
                    ErrorCode::ConnectionTimeout,
                    ErrorCode::ConnectionLimitReached,
                ],
            ),
            (
                "tls",
                vec![
                    ErrorCode::TlsProtocolError,
                    ErrorCode::TlsCertificateError,
                    ErrorCode::TlsAlertReceived(alert),
                ],
            ),
            (
                "timeout",
                vec![
                    ErrorCode::ConnectionReadTimeout,
                    ErrorCode::ConnectionWriteTimeout,
                    ErrorCode::HttpResponseTimeout,
                ],
            ),
            (
                "too-large",
                vec![
                    ErrorCode::HttpResponseHeaderSectionSize(Some(9)),
                    ErrorCode::HttpResponseHeaderSize(size()),
                    ErrorCode::HttpResponseBodySize(Some(9)),
                    ErrorCode::HttpResponseTrailerSectionSize(None),
                    ErrorCode::HttpResponseTrailerSize(size()),
                ],
            ),
            (
                "other",
                vec![
                    ErrorCode::ConnectionTerminated,
                    ErrorCode::HttpRequestLengthRequired,
                    ErrorCode::HttpRequestBodySize(None),
                    ErrorCode::HttpRequestTrailerSectionSize(None),
                    ErrorCode::HttpRequestTrailerSize(size()),
                    ErrorCode::HttpResponseIncomplete,
                    ErrorCode::HttpResponseTransferCoding(None),
                    ErrorCode::HttpResponseContentCoding(Some("br".to_owned())),
                    ErrorCode::HttpUpgradeFailed,
                    ErrorCode::HttpProtocolError,
                    ErrorCode::LoopDetected,
                    ErrorCode::ConfigurationError,
                    ErrorCode::InternalError(None),
                ],
            ),
        ] {
            for code in codes {
                let (case, text) = case(&code);
                assert_eq!(case, wanted, "{code:?}");
                assert!(text.contains("api.example:443"), "{text}");
                assert!(!text.contains("x-secret"), "{text}");
            }
        }
    }

    #[test]
    fn what_the_runtime_says_is_told_on_one_line_and_not_at_length() {
        let why = format!("one\ntwo\u{1b}[31m{}", "x".repeat(10_000));
        let (_, text) = case(&ErrorCode::InternalError(Some(why)));
        assert!(text.contains("internal-error (one two [31mx"), "{text}");
        assert!(text.len() < 400 && !text.contains(char::is_control), "{text}");
    }
}
