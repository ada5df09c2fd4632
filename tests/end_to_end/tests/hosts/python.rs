//! The example in Python against the simulated API.
