//! The chart, the compose file, the image's contract, the dashboards and the alerts.

mod alerts;
mod compose;
mod dashboards;
mod extras;
mod golden;
mod image;
mod load;
mod metrics;
mod newcomers;
mod policy;
mod readme;
mod refusals;
mod rendering;
mod schemas;
mod settings;
