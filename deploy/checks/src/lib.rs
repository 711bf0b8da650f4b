//! What deploys hubbub, checked without a cluster and without an engine: the chart is rendered by helm
//! itself and its objects are compared with the schemas of Kubernetes, the rules of Pod Security and the
//! flows of the architecture; dashboards and alerts are compared with what processes really measure.
//!
//! `cargo xtask test` installs the tools; `docs/deployment-checks.md` says which file is checked how.

mod chart;
mod objects;
mod tools;

pub use chart::{CASES, Rendering, chart, render, values_of_case};
pub use objects::{Object, containers, objects, pod_of, values};
pub use tools::{repository, run, tool};
