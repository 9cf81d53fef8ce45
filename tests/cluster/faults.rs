//! Servers and gateways that fail while gateways write: what was acknowledged stays, once, and is the same everywhere.
