//! The composed components in runtimes that know nothing of the contract.
