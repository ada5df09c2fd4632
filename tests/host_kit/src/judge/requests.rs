//! What holds for each request, whatever the scenario.

use std::time::Duration;

use crate::server::request::Request;

/// All that is wrong with these requests to a server at `address`.
pub fn judge(seen: &[Request], address: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for (index, request) in seen.iter().enumerate() {
        let mut fault = |what: String| {
            faults.push(format!(
                "request {index}, {} {}: {what}",
                request.method,
                short(&request.target)
            ));
        };
        for name in ONCE {
            let count = request.values(name).count();
            if count > 1 {
                fault(format!("`{name}` is there {count} times"));
            }
        }
        for name in NEVER {
            if request.values(name).next().is_some() {
                fault(format!("`{name}` is none of the guest's, and was sent"));
            }
        }
        if request.values("host").ne([address]) {
            fault("`host` is not the server's".to_owned());
        }
        let mut codings = request.values("accept-encoding").flat_map(|value| value.split(','));
        if !codings.any(|coding| coding.split(';').next().is_some_and(|name| name.trim() == "gzip"))
        {
            fault("gzip is not asked for".to_owned());
        }
    }
    let overlap = |pair: &[Request]| pair[0].over.is_none_or(|over| over > pair[1].at + SLACK);
    let is_page = |request: &Request| request.target.starts_with("/page/");
    if seen.windows(2).any(|pair| pair.iter().all(is_page) && overlap(pair)) {
        faults.push("two polls overlap".to_owned());
    }
    faults
}

/// A target that can be read.
pub(crate) fn short(target: &str) -> String {
    let short: String = target.chars().take(60).flat_map(char::escape_debug).collect();
    if target.chars().count() > 60 { short + "..." } else { short }
}

/// The server's own: the end of an exchange is noted a little after it.
const SLACK: Duration = Duration::from_millis(500);
/// Two of any of them would let a request mean two things.
const ONCE: [&str; 8] = [
    "host",
    "content-length",
    "transfer-encoding",
    "accept-encoding",
    "user-agent",
    "connection",
    "authorization",
    "content-type",
];
/// No scenario has the guest set any of them: they would be credentials, a memory or a wish of the host's own.
const NEVER: [&str; 9] = [
    "cookie",
    "proxy-authorization",
    "proxy-connection",
    "expect",
    "upgrade",
    "range",
    "if-none-match",
    "if-modified-since",
    "referer",
];
