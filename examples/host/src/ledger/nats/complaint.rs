//! What mends that of which a server complains.

/// A complaint, with what mends it if that is known.
pub(super) fn with_remedy(complaint: &str) -> String {
    match remedy(complaint) {
        Some(remedy) => format!("{complaint}; {remedy}"),
        None => complaint.to_owned(),
    }
}

/// What mends it, if that is known.
pub(super) fn remedy(complaint: &str) -> Option<&'static str> {
    let complaint = complaint.to_lowercase();
    if complaint.contains("authorization violation") || complaint.contains("authentication") {
        return Some(
            "the credentials are refused; correct `creds_file`, or `user` and `password`, and start the host again: it \
             reads them at its start alone",
        );
    }
    let forbidden = complaint.split_once("permissions violation for ")?.1;
    Some(if forbidden.contains("$js.api.stream.create.") {
        "this user may not make it: make it by hand (examples/nats/README.md)"
    } else if forbidden.starts_with("subscription ") {
        // To nothing else than answers a host subscribes.
        "set `ledger.inbox_prefix` to what this user may subscribe to"
    } else {
        "this user lacks a permission; a worker needs those in examples/nats/permissions.conf"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_forbidden_is_told_with_what_mends_it() {
        let of = "nats: Permissions Violation for ";
        for (complaint, remedy) in [
            ("Publish to \"$JS.API.STREAM.CREATE.SOURCES\"", "make it by hand"),
            ("Publish to \"$JS.API.STREAM.CREATE.KV_SOURCES\"", "make it by hand"),
            ("Subscription to \"_INBOX.x7Qd2\"", "`ledger.inbox_prefix`"),
            ("Subscription to \"answers.x7Qd2\"", "`ledger.inbox_prefix`"),
            ("Publish to \"SOURCES.event.12.acme.mail\"", "permissions.conf"),
            ("Publish to \"$JS.API.STREAM.INFO.SOURCES\"", "permissions.conf"),
        ] {
            let told = with_remedy(&format!("{of}{complaint}"));
            assert!(told.starts_with(&format!("{of}{complaint}; ")), "{told}");
            assert!(told.contains(remedy), "{told}");
        }
        assert_eq!(with_remedy("nats: Stale Connection"), "nats: Stale Connection");
    }
}
