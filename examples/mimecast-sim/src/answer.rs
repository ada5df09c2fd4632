//! The answer that goes out.

pub(crate) mod failure;
pub(crate) mod outcome;
pub(crate) mod page;
pub(crate) mod refusal;
pub(crate) mod style;

/// The answer to a request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) delay_ms: u64,
    pub(crate) ending: Ending,
}

/// How the connection fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Whole,
    Cut,
    Dropped,
}
