//! The real component in the real host against the simulated API.
