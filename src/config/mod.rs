//! `ha-deploy.yml`: from text to a valid model, or located diagnostics.
//!
//! Owns the file format. Reads no environment and asks no cloud: what `${…}` stands for is given
//! to it. `raw` mirrors the file with spans, `validate` collects every fault, `model` is what the
//! rest of the program sees.

pub mod model;
