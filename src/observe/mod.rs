//! Reads what is live, through the gateways. Changes nothing.
