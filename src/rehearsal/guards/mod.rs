//! The services around a deployment: what guards it and what feeds it.
