//! What became of pages: what was written out, what was asked for, and when.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Witness;
use crate::output::Output;
use crate::scenario::Pages;

/// Whether all events are there.
pub fn is_complete(pages: &Pages, output: &Output) -> bool {
    missing(pages, output).next().is_none()
}

/// The events that are not there, with the page that they are of.
pub fn missing<'a>(
    pages: &'a Pages,
    output: &'a Output,
) -> impl Iterator<Item = (usize, String)> + 'a {
    let there: BTreeSet<&str> = output.ids().collect();
    expected(pages).filter(move |(_, id)| !there.contains(&**id))
}

/// The events that must be there in the end: what the last poll of each page gives.
fn expected(pages: &Pages) -> impl Iterator<Item = (usize, String)> + '_ {
    pages.pages.iter().enumerate().flat_map(|(page, answers)| {
        let batch = answers.last().map_or(&Value::Null, |answer| &answer["batch"]);
        let count = batch["events"].as_u64().unwrap_or(0);
        (0..count).map(move |index| (page, format!("{page}-{index}")))
    })
}

/// All that went wrong with these pages.
pub fn judge(pages: &Pages, output: &Output, witness: &Witness) -> Vec<String> {
    let mut faults = Vec::new();
    let missing: Vec<String> = missing(pages, output).map(|(_, id)| id).collect();
    if let Some(first) = missing.first() {
        faults.push(format!("{} events are missing, {first} among them", missing.len()));
    }
    faults.extend(surplus(pages, output));
    faults.extend(lines(pages, output));
    let other = asked(pages, witness);
    if other.is_empty() {
        // Times between other requests than those say nothing.
        faults.extend(gaps(pages, witness));
    }
    faults.extend(other);
    if let Some(page) = pages.fresh {
        let of_page =
            |event: &&Value| page_of(event["probe"].as_str().unwrap_or_default()) == Some(page);
        if output.events.iter().filter(of_page).any(|event| event["call"] != 0) {
            faults.push(format!("page {page} came from an instance that had failed before"));
        }
    }
    faults
}

/// The page of an event.
fn page_of(id: &str) -> Option<usize> {
    id.split('-').next()?.parse().ok()
}

/// Events that should not be there, or not as often.
fn surplus(pages: &Pages, output: &Output) -> Vec<String> {
    let mut faults = Vec::new();
    let wanted: BTreeSet<String> = expected(pages).map(|(_, id)| id).collect();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for id in output.ids() {
        *counts.entry(id).or_default() += 1;
    }
    if let Some((id, _)) = counts.iter().find(|(id, _)| !wanted.contains(**id)) {
        faults.push(format!("event {id} is of a batch that must not be delivered"));
    }
    // How often each page came again, as the one of its events that came most often has it.
    let mut again: BTreeMap<Option<usize>, usize> = BTreeMap::new();
    for (id, count) in &counts {
        let most = again.entry(page_of(id)).or_default();
        *most = (*most).max(count - 1);
    }
    let (again, kills): (usize, usize) = (again.values().sum(), pages.kills.len());
    if again > kills {
        faults.push(format!("pages came again {again} times, after {kills} kills"));
    }
    faults
}

fn lines(pages: &Pages, output: &Output) -> Vec<String> {
    let mut faults = Vec::new();
    if let Some(line) = output.strange.get(pages.kills.len()) {
        faults.push(format!("a line is no event, and was not cut by a kill: {line}"));
    }
    if output.is_cut && pages.kills.is_empty() {
        faults.push("the last line has no end".to_owned());
    }
    faults
}

fn asked(pages: &Pages, witness: &Witness) -> Vec<String> {
    let mut faults = Vec::new();
    let targets = witness.seen.iter().map(|request| &*request.target);
    let asked: Vec<usize> =
        targets.filter_map(|target| target.strip_prefix("/page/")?.parse().ok()).collect();
    if let Some(wanted) = &pages.asked
        && *wanted != asked
    {
        faults.push(format!("pages {wanted:?} must be asked for, were {asked:?}"));
    }
    if let Some(most) = pages.asked_max
        && asked.len() > most
    {
        faults.push(format!("it was asked {} times; {most} would do", asked.len()));
    }
    if let Some(page) = pages.asked_again
        && witness.back.iter().any(|back| *back != page)
    {
        faults.push(format!("after a kill page {page} must be asked for, was {:?}", witness.back));
    }
    faults
}

fn gaps(pages: &Pages, witness: &Witness) -> Vec<String> {
    let told = |(request, within): &(usize, std::ops::RangeInclusive<u64>)| {
        let (Some(before), Some(this)) =
            (witness.seen.get(request.wrapping_sub(1)), witness.seen.get(*request))
        else {
            return Some(format!("request {request} did not come"));
        };
        let ms = u64::try_from(this.at.duration_since(before.at).as_millis()).unwrap_or(u64::MAX);
        let (least, most) = (within.start(), within.end());
        (!within.contains(&ms)).then(|| {
            format!("request {request} must come after {least} ms to {most} ms, came after {ms} ms")
        })
    };
    pages.gaps.iter().filter_map(told).collect()
}
