//! What the component tests, the end-to-end tests and the bench share: the built component in a
//! small embedding with a canned API, and pages of the recorded shape.

pub mod artifacts;
pub mod embedding;
pub mod page;
