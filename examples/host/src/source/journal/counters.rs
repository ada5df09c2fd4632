//! What a source alone counts.

use std::collections::BTreeMap;

use source_contract::aside::COUNTERS_MAX;
use source_contract::redact::Redactor;

use crate::bindings::{Counter, Stats};

/// Sums by the names of their counters.
pub(super) struct Counters(BTreeMap<String, u64>);

impl Counters {
    /// Those of one call.
    pub(super) fn of(stats: &Stats) -> Self {
        let counters = stats.counters.iter();
        Self(counters.map(|Counter { name, value }| (name.clone(), *value)).collect())
    }

    /// These and the next ones.
    pub(super) fn and(mut self, next: Self) -> Self {
        for (name, value) in next.0 {
            let is_new = !self.0.contains_key(&name);
            // A source has no more names; one that makes up others must not fill the memory.
            if is_new && self.0.len() >= COUNTERS_MAX {
                continue;
            }
            let sum = self.0.entry(name).or_default();
            *sum = sum.saturating_add(value);
        }
        self
    }

    /// What is not zero, in words.
    pub(super) fn told(&self, redactor: &Redactor) -> Option<String> {
        let counted = self.0.iter().filter(|(_, value)| **value > 0);
        let counted: Vec<String> = counted.map(|(name, value)| format!("{name}={value}")).collect();
        (!counted.is_empty()).then(|| redactor.clean(&counted.join(" ")))
    }
}
