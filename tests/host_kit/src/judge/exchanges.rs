//! What became of exchanges: what the guest got, and what the server saw.

use probe_source::told;
use serde_json::Value;

use super::requests::short;
use crate::output::Output;
use crate::run::Places;
use crate::scenario::{Exchange, Told};
use crate::server::request::Request;

/// All that went wrong in these exchanges.
pub fn judge(
    exchanges: &[Exchange],
    places: &Places,
    output: &Output,
    seen: &[Request],
) -> Vec<String> {
    let mut faults = Vec::new();
    for (index, exchange) in exchanges.iter().enumerate() {
        let url = exchange.request["url"].as_str().unwrap_or_default();
        let method = exchange.request["method"].as_str().unwrap_or_default();
        let at = format!("exchange {index}, {method} {}", short(url));
        let id = format!("{index}-0");
        let told: Vec<&Value> =
            output.events.iter().filter(|event| event["probe"] == *id).collect();
        match told[..] {
            [told] => {
                faults
                    .extend(differences(&exchange.told, told).map(|what| format!("{at}: {what}")));
            }
            [] => faults.push(format!("{at}: no event tells of it")),
            _ => faults.push(format!("{at}: {} events tell of it", told.len())),
        }
    }
    if let Some(line) = output.strange.first() {
        faults.push(format!("a line is no event: {line}"));
    }
    faults.extend(unlike(exchanges, places, seen));
    faults
}

fn differences(wanted: &Told, told: &Value) -> impl Iterator<Item = String> {
    let got = || match told["failure"].as_str() {
        Some(case) => format!("`{case}`"),
        None => format!("status {} and {} bytes", told["reply"]["status"], told["reply"]["bytes"]),
    };
    let mut found = Vec::new();
    match wanted {
        Told::Failure(cases) => {
            if !cases.iter().any(|case| told["failure"] == **case) {
                found.push(format!("must be `{}`, is {}", cases.join("` or `"), got()));
            }
        }
        Told::Reply { status, headers, body } => {
            let reply = &told["reply"];
            let is_body = reply["bytes"] == body.len() && reply["hash"] == *told::hash(body);
            if reply["status"] != *status || !is_body {
                let bytes = body.len();
                let but = if reply["bytes"] == bytes { ", of another content" } else { "" };
                found.push(format!("must be status {status} and {bytes} bytes, is {}{but}", got()));
            }
            for (name, _) in headers {
                let wanted: Vec<&str> =
                    headers.iter().filter(|(named, _)| named == name).map(|(_, v)| *v).collect();
                let got = values(reply, name);
                if got != wanted {
                    found.push(format!("header {name} must be {wanted:?}, is {got:?}"));
                }
            }
        }
    }
    found.dedup();
    found.into_iter()
}

fn values<'a>(reply: &'a Value, name: &str) -> Vec<&'a str> {
    let headers = reply["headers"].as_array().into_iter().flatten();
    let named =
        headers.filter(|pair| pair[0].as_str().is_some_and(|n| n.eq_ignore_ascii_case(name)));
    named.filter_map(|pair| pair[1].as_str()).collect()
}

/// What the server saw, one after the other, against what it should have seen.
fn unlike(exchanges: &[Exchange], places: &Places, seen: &[Request]) -> Vec<String> {
    let wanted: Vec<&Exchange> =
        exchanges.iter().flat_map(|each| std::iter::repeat_n(each, each.seen)).collect();
    let wanted_lines: Vec<String> = wanted.iter().map(|each| line(each, places)).collect();
    let seen_lines: Vec<String> =
        seen.iter().map(|request| format!("{} {}", request.method, request.target)).collect();
    if wanted_lines != seen_lines {
        let at = wanted_lines.iter().zip(&seen_lines).take_while(|(a, b)| a == b).count();
        let of = |lines: &[String]| lines.get(at).map_or("nothing".to_owned(), |line| short(line));
        return vec![format!(
            "request {at} must be {}, is {} ({} requests must come, {} came)",
            of(&wanted_lines),
            of(&seen_lines),
            wanted_lines.len(),
            seen_lines.len()
        )];
    }
    let mut faults = Vec::new();
    for (index, (wanted, seen_here)) in wanted.iter().zip(seen).enumerate() {
        let mut fault = |what: String| {
            faults.push(format!("request {index}, {}: {what}", short(&wanted_lines[index])));
        };
        altered(wanted, seen_here).into_iter().for_each(&mut fault);
        if let (Some(within), Some(next)) = (&wanted.within, seen.get(index + 1)) {
            let ms = next.at.duration_since(seen_here.at).as_millis();
            if !within.contains(&u64::try_from(ms).unwrap_or(u64::MAX)) {
                let (least, most) = (within.start(), within.end());
                fault(format!("must take {least} ms to {most} ms, took {ms} ms"));
            }
        }
    }
    faults
}

/// The request line that must be seen, without the version.
fn line(exchange: &Exchange, places: &Places) -> String {
    let url = places.fill(exchange.request["url"].as_str().unwrap_or_default());
    let target = url.splitn(4, '/').nth(3).unwrap_or_default();
    format!("{} /{target}", exchange.request["method"].as_str().unwrap_or_default())
}

/// How a request that was seen is not the one that the guest sent.
fn altered(wanted: &Exchange, seen: &Request) -> Vec<String> {
    let mut found = Vec::new();
    let headers = wanted.request["headers"].as_array().into_iter().flatten();
    let headers: Vec<(&str, &str)> =
        headers.filter_map(|pair| Some((pair[0].as_str()?, pair[1].as_str()?))).collect();
    for (name, _) in &headers {
        let all: Vec<&str> = headers
            .iter()
            .filter(|(named, _)| named.eq_ignore_ascii_case(name))
            .map(|(_, value)| *value)
            .collect();
        // They may be put together into one, as HTTP has it.
        if seen.values(name).collect::<Vec<_>>().join(", ") != all.join(", ") {
            let got: Vec<&str> = seen.values(name).collect();
            found.push(format!("header {name} must be {all:?}, is {got:?}"));
        }
    }
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization"))
        && seen.values("authorization").next().is_some()
    {
        found.push("`authorization` is none of the guest's, and was sent".to_owned());
    }
    let is_body = match &wanted.request["body"] {
        Value::String(text) => seen.body == text.as_bytes(),
        bytes => seen.body.len() as u64 == bytes.as_u64().unwrap_or(0),
    };
    if !is_body {
        found.push(format!("its body is another, of {} bytes", seen.body.len()));
    }
    found.dedup();
    found
}
