//! Gateways to AWS. SDK types never leave this room.
