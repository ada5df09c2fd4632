//! JSON: read in one walk, without a tree where none is needed, and written to the byte.

pub(crate) mod record;
pub(crate) mod value;
pub(crate) mod walk;
pub(crate) mod writer;
pub(crate) mod written;
