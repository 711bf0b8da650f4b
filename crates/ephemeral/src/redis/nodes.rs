//! The registry of nodes in Redis: one slot holds them all.

use std::time::Duration;

use async_trait::async_trait;

use super::{Redis, link::millis};
use crate::{EphemeralError, Node, Nodes};

const TAG: &str = "nodes";

impl Redis {
    fn node_keys(&self) -> [String; 2] {
        [self.key(TAG, "due"), self.key(TAG, "said")]
    }

    async fn read_nodes(&self, ids: &[&str]) -> Result<Vec<Node>, EphemeralError> {
        let mut call = self.scripts.nodes.prepare_invoke();
        call.key(&self.node_keys()[..]).arg(ids);
        let found: Vec<(u64, String)> = self.link.invoke(&call).await?;
        let read = |(heard_ms, text): (u64, String)| {
            // A newer version may say more, never less: what cannot be read is no node.
            let node: Node = serde_json::from_str(&text).ok()?;
            Some(Node { heard: Duration::from_millis(heard_ms), ..node })
        };
        let mut nodes: Vec<Node> = found.into_iter().filter_map(read).collect();
        nodes.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        Ok(nodes)
    }
}

#[async_trait]
impl Nodes for Redis {
    async fn register(&self, node: &Node, ttl: Duration) -> Result<(), EphemeralError> {
        let text = serde_json::to_string(node).expect("a node has text keys only");
        let mut call = self.scripts.node_register.prepare_invoke();
        call.key(&self.node_keys()[..]).arg(&node.id).arg(text).arg(millis(ttl));
        self.link.invoke(&call).await
    }

    async fn deregister(&self, id: &str) -> Result<(), EphemeralError> {
        let mut call = self.scripts.node_deregister.prepare_invoke();
        call.key(&self.node_keys()[..]).arg(id);
        self.link.invoke(&call).await
    }

    async fn nodes(&self) -> Result<Vec<Node>, EphemeralError> {
        self.read_nodes(&[]).await
    }

    async fn node(&self, id: &str) -> Result<Option<Node>, EphemeralError> {
        Ok(self.read_nodes(&[id]).await?.pop())
    }
}
