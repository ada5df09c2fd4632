//go:generate mdatagen metadata.yaml

// Package collector is a receiver of the OpenTelemetry Collector whose log source is one WebAssembly
// component of the contract polling-source:contract@0.2.0.
//
// A component is polled, its batch handed to the pipeline, and its cursor stored once the pipeline said yes.
// The README says what that guarantees, and what it does not.
package collector
