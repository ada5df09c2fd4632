//! What the host has of the machine: its process, its files, its streams, and what is short.

pub(crate) mod disk;
pub(crate) mod process;
pub(crate) mod shortage;
pub(crate) mod signals;
pub(crate) mod stdio;
