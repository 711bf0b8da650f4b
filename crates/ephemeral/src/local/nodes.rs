//! The registry of nodes, of which there is one at most.

use std::time::Duration;

use async_trait::async_trait;

use super::{Local, expiring::Entry};
use crate::{EphemeralError, Node, Nodes};

#[async_trait]
impl Nodes for Local {
    async fn register(&self, node: &Node, ttl: Duration) -> Result<(), EphemeralError> {
        self.nodes.lock().insert(node.id.clone(), node.clone(), ttl);
        Ok(())
    }

    async fn deregister(&self, id: &str) -> Result<(), EphemeralError> {
        self.nodes.lock().remove(id);
        Ok(())
    }

    async fn nodes(&self) -> Result<Vec<Node>, EphemeralError> {
        let mut nodes: Vec<Node> = self.nodes.lock().iter().map(|(_, entry)| read(entry)).collect();
        nodes.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        Ok(nodes)
    }

    async fn node(&self, id: &str) -> Result<Option<Node>, EphemeralError> {
        Ok(self.nodes.lock().get(id).map(read))
    }
}

fn read(entry: &Entry<Node>) -> Node {
    Node { heard: entry.written.elapsed(), ..entry.value.clone() }
}
