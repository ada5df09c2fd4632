//! How far collection is, and the rules by which it goes on.

pub(crate) mod api_clock;
pub(crate) mod cursor;
pub(crate) mod evidence;
pub(crate) mod habits;
pub(crate) mod listing;
pub(crate) mod obstacle;
pub(crate) mod pass;
pub(crate) mod seen;
pub(crate) mod underway;
pub(crate) mod watermark;
