//! Times as texts.

/// A time in RFC 3339, with as many digits of the second as it needs.
pub(crate) fn rfc3339(unix_ns: u64) -> Option<String> {
    time::OffsetDateTime::from_unix_timestamp_nanos(unix_ns.into())
        .ok()?
        .format(&time::format_description::well_known::Rfc3339)
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_of_an_event_has_a_text() {
        assert!(rfc3339(u64::MAX).is_some());
        assert_eq!(rfc3339(0).as_deref(), Some("1970-01-01T00:00:00Z"));
    }
}
