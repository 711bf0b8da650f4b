//! Editing, deleting and reacting: stored in a transaction each, then told to the bus behind what the
//! room's writer has told already.

use std::sync::Arc;

use hubbub_domain::{Clock, Fault, Rev, RoomId, Timestamp};
use hubbub_proto::history::v1 as wire;

use crate::{
    ReactionBounds,
    envelope::Traced,
    lane::Lanes,
    metrics,
    publisher::Commit,
    store::{ChangeError, Recorded, Store},
    validate,
};

/// A body's bound: what a change is on the bus at the most, roughly.
const CHANGE_BYTES: usize = 16 * 1024;

/// See the module.
#[derive(Clone)]
pub(crate) struct Changing {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub lanes: Lanes,
    pub reactions: ReactionBounds,
}

/// Where a change stands.
pub(crate) struct Changed {
    pub rev: Rev,
    pub at: Timestamp,
    /// False when it was so already.
    pub changed: bool,
}

impl Changing {
    pub(crate) async fn edit(
        &self,
        request: wire::EditRequest,
        traceparent: String,
    ) -> Result<Changed, Fault> {
        let edit = validate::edit(request, self.clock.now()).inspect_err(refused)?;
        let recorded = self.store.edit(&edit).await;
        self.settle(recorded, Origin { room: edit.room, kind: "edit", traceparent }, edit.now)
    }

    pub(crate) async fn delete(&self, request: wire::DeleteRequest) -> Result<Changed, Fault> {
        let deletion = validate::deletion(&request, self.clock.now()).inspect_err(refused)?;
        let recorded = self.store.delete(&deletion).await;
        let traceparent = request.traceparent;
        let origin = Origin { room: deletion.room, kind: "delete", traceparent };
        self.settle(recorded, origin, deletion.now)
    }

    pub(crate) async fn react(
        &self,
        request: wire::ReactRequest,
        traceparent: String,
    ) -> Result<Changed, Fault> {
        let reacting =
            validate::reacting(request, self.reactions, self.clock.now()).inspect_err(refused)?;
        let recorded = self.store.react(&reacting).await;
        let origin = Origin { room: reacting.room, kind: "react", traceparent };
        self.settle(recorded, origin, reacting.now)
    }

    fn settle(
        &self,
        recorded: Result<Recorded, ChangeError>,
        origin: Origin,
        now: Timestamp,
    ) -> Result<Changed, Fault> {
        let Origin { room, kind, traceparent } = origin;
        match recorded.map_err(Fault::from).inspect_err(refused)? {
            Recorded::Unchanged { rev, at } => Ok(Changed { rev, at, changed: false }),
            Recorded::Changed { change, outbox } => {
                metrics::changed(kind);
                let rev = change.rev;
                let traceparent = validate::traceparent(traceparent);
                let changes = vec![Traced { room, change, traceparent }];
                let commit = Commit { changes, outbox, bytes: CHANGE_BYTES };
                self.lanes.publisher(room).publish(commit);
                Ok(Changed { rev, at: now, changed: true })
            }
        }
    }
}

/// Which request a change comes from.
struct Origin {
    room: RoomId,
    kind: &'static str,
    traceparent: String,
}

fn refused(fault: &Fault) {
    metrics::refused(fault.code, 1);
}
