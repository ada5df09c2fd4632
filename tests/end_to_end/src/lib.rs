//! What the component tests, the end-to-end tests and the bench share: the built component in a
//! small embedding with a canned API, pages of the recorded shape, and the host's program before a
//! simulated API.

pub mod artifacts;
pub mod collector;
pub mod embedding;
pub mod moody;
pub mod page;
pub mod recorder;
pub mod rows;
pub mod small_disk;
