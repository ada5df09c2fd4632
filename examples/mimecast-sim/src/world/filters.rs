//! The filters of a request, what they look at, and whether a row passes them.

use serde::Deserialize;

/// Which rows are wanted. The default wants all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filters {
    /// Only rows whose `taggedMalicious` is this.
    pub tagged_malicious: Option<bool>,
    /// Only rows that hold this text, in capitals or not.
    pub search: Option<Search>,
    /// Only rows with at least one of these identifiers; empty lets all pass.
    pub identifiers: Vec<String>,
    /// Only rows with one of these actions; empty lets all pass.
    pub actions: Vec<String>,
}

/// A text to look for, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// Where to look.
    pub field: SearchField,
    /// What to look for.
    pub query: String,
}

/// The closed list of `searchField`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SearchField {
    /// `senderAddress`
    SenderAddress,
    /// `recipientAddress`
    RecipientAddress,
    /// `subject`
    Subject,
    /// `policy`: the row's `definition`.
    Policy,
    /// `all`: any of the four.
    All,
}

impl SearchField {
    /// The field of that name, if it is in the list.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "senderAddress" => Self::SenderAddress,
            "recipientAddress" => Self::RecipientAddress,
            "subject" => Self::Subject,
            "policy" => Self::Policy,
            "all" => Self::All,
            _ => return None,
        })
    }
}

impl Filters {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn pass(&self, row: &Facets) -> bool {
        self.tagged_malicious.is_none_or(|wanted| row.tagged_malicious == wanted)
            && self.search.as_ref().is_none_or(|search| search.finds(row))
            && (self.identifiers.is_empty()
                || row.identifiers.iter().any(|name| self.identifiers.contains(name)))
            && (self.actions.is_empty() || self.actions.contains(&row.action))
    }
}

impl Search {
    fn finds(&self, row: &Facets) -> bool {
        let query = self.query.to_lowercase();
        let holds = |text: &str| text.to_lowercase().contains(&query);
        match self.field {
            SearchField::SenderAddress => holds(&row.sender_address),
            SearchField::RecipientAddress => holds(&row.recipient_address),
            SearchField::Subject => holds(&row.subject),
            SearchField::Policy => holds(&row.definition),
            SearchField::All => {
                [&row.sender_address, &row.recipient_address, &row.subject, &row.definition]
                    .into_iter()
                    .any(|text| holds(text))
            }
        }
    }
}

/// The fields of a row that filters look at.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Facets {
    pub(crate) sender_address: String,
    pub(crate) recipient_address: String,
    pub(crate) subject: String,
    pub(crate) definition: String,
    pub(crate) identifiers: Vec<String>,
    pub(crate) action: String,
    pub(crate) tagged_malicious: bool,
}
