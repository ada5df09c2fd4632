//! The example in Node against the simulated API.

crate::behaviours::test_example!(crate::example::Language::Node);
