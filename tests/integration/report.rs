//! The report room from outside: whole comments, and hostile text through every format.

mod comments;
mod events;
mod exit_codes;
mod safety;
