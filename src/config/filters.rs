//! Which rows are asked for, and a fingerprint that tells when that has changed.

use sha1::{Digest as _, Sha1};

use crate::hex::hex;

/// The filters of a request, by the vendor's page on the endpoint. Empty: all rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Filters {
    /// Only rows that were, or were not, tagged as malicious.
    pub(crate) tagged_malicious: Option<bool>,
    /// Where `query` is searched for. The API takes `all` when it is left out.
    pub(crate) search_field: Option<SearchField>,
    /// A text to search for.
    pub(crate) query: Option<String>,
    /// What triggered, any of these. The vendor's list grows, so any text is passed on.
    pub(crate) identifiers: Vec<String>,
    /// What was done, any of these. The vendor's list grows, so any text is passed on.
    pub(crate) actions: Vec<String>,
}

/// Where a query is searched for: a closed list of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SearchField {
    SenderAddress,
    RecipientAddress,
    Subject,
    Policy,
    All,
}

impl SearchField {
    /// The API's name of it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::SenderAddress => "senderAddress",
            Self::RecipientAddress => "recipientAddress",
            Self::Subject => "subject",
            Self::Policy => "policy",
            Self::All => "all",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::EVERY.into_iter().find(|field| field.name() == name)
    }

    pub(crate) fn names() -> String {
        Self::EVERY.map(Self::name).join(", ")
    }

    const EVERY: [Self; 5] =
        [Self::SenderAddress, Self::RecipientAddress, Self::Subject, Self::Policy, Self::All];
}

impl Filters {
    /// Sixteen hex digits that differ, for all purposes, when the filters differ.
    pub(crate) fn fingerprint(&self) -> String {
        let mut hash = Sha1::new();
        let mut add = |text: &str| {
            hash.update(text.len().to_string());
            hash.update(":");
            hash.update(text);
        };
        add(match self.tagged_malicious {
            None => "",
            Some(false) => "false",
            Some(true) => "true",
        });
        add(self.search_field.map_or("", SearchField::name));
        add(self.query.as_deref().unwrap_or_default());
        for list in [&self.identifiers, &self.actions] {
            add(&list.len().to_string());
            for text in list {
                add(text);
            }
        }
        hex(&hash.finalize()[..8])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprint_differs_with_every_filter() {
        let all = Filters::default();
        let changed = [
            Filters { tagged_malicious: Some(false), ..all.clone() },
            Filters { search_field: Some(SearchField::All), ..all.clone() },
            Filters { query: Some("x".into()), ..all.clone() },
            Filters { identifiers: vec!["x".into()], ..all.clone() },
            Filters { actions: vec!["x".into()], ..all.clone() },
            Filters { actions: vec!["x".into(), "y".into()], ..all.clone() },
            Filters { actions: vec!["x1:y".into()], ..all.clone() },
        ];
        let mut prints: Vec<_> = changed.iter().map(Filters::fingerprint).collect();
        prints.push(all.fingerprint());
        prints.sort();
        prints.dedup();
        assert_eq!(prints.len(), 8);
    }
}
