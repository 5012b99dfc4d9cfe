//! Events or a plan -> console, JSON, Markdown, annotations. One file a format.
//!
//! Owns every word that a person or a program reads about a run. Asks nobody anything: what is not
//! in the events or in [`Run`] is not in a report. Text from outside reaches a format only through
//! the types of [`text`].

pub mod annotations;
pub mod comment;
pub mod console;
pub mod cost_view;
pub mod diagnostics;
pub mod drift_view;
pub mod json;
mod live;
mod phrase;
pub mod plan_view;
mod run;
mod stack_phrase;
pub mod stack_view;
pub mod status_view;
mod story;
pub mod text;
pub mod timing;

pub use run::{Expectation, Rehearsed, Requests, Run};
