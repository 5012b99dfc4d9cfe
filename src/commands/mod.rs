//! One file a verb: parse -> request -> rooms -> outcome.
