//! The state of a single process: maps whose entries end by Tokio's clock.

mod crowds;
mod expiring;
mod names;
mod nodes;
mod presence;
mod rates;
mod typing;

use std::{collections::HashMap, sync::Arc};

use hubbub_domain::{Clock, RoomId};
use parking_lot::Mutex;

use crate::Node;

use self::{expiring::Expiring, presence::Book};

pub(crate) struct Local {
    clock: Arc<dyn Clock>,
    nodes: Mutex<Expiring<String, Node>>,
    /// By scope; a scope without names is forgotten.
    names: Mutex<HashMap<String, Expiring<String, String>>>,
    typing: Mutex<HashMap<RoomId, typing::Typists>>,
    crowds: Mutex<HashMap<RoomId, crowds::Ends>>,
    presence: Mutex<Book>,
    accounts: Mutex<Expiring<String, ()>>,
}

impl Local {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            nodes: Mutex::default(),
            names: Mutex::default(),
            typing: Mutex::default(),
            crowds: Mutex::default(),
            presence: Mutex::default(),
            accounts: Mutex::default(),
        }
    }
}
