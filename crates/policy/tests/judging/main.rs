//! What is judged of one RCPT: tables of cases, properties, and an oracle beside it.

mod deliver;
mod hop_session;
mod judge;
mod properties;
mod shared_hop;
mod tls_edge_cases;
mod tls_newer;
mod tls_oracle;
mod tls_properties;
