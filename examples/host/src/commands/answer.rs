//! What a command has to say, on standard output.

use std::io;

use crate::machine::disk::remedy;
use crate::machine::stdio::{print, print_aside};

/// Prints it. The error says what to do about it.
pub(super) fn answer(text: &str) -> Result<(), String> {
    print(text).map_err(|error| unprinted(&error))
}

/// The same on a thread of its own: a reader that does not read keeps no signal waiting.
pub(super) async fn answer_aside(text: String) -> Result<(), String> {
    print_aside(text).await.map_err(|error| unprinted(&error))
}

fn unprinted(error: &io::Error) -> String {
    format!("standard output: {error}{}", remedy(error))
}
