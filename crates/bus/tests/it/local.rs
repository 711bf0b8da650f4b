//! The suite on the bus within one process.

use std::sync::Arc;

use hubbub_bus::Bus;

async fn bus() -> Arc<dyn Bus> {
    hubbub_bus::local()
}

crate::conformance::suite!(bus);
