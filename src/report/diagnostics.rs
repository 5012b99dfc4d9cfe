//! placeholder
use super::console::Colour;
use crate::config::diagnostic::Diagnostic;
/// x
pub fn render(_: &[Diagnostic], _: Colour) -> String { String::new() }
