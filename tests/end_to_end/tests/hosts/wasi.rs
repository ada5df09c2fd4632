//! The composed components in runtimes that know nothing of the contract.

mod adapter;
mod command;
mod component;
mod crashes;
mod faults;
mod invoke;
mod runtime;
