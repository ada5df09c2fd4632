//! The example in Python against the simulated API.

crate::behaviours::test_example!(crate::example::Language::Python);
